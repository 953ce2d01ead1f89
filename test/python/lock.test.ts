import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { CaissonError, type PackageName, type Platform, type Problem } from "../../src/model/index.ts";
import { isLockFileName, parseLock, platformPreset, printLock, select, type Lock, type SelectOptions } from "../../src/python/index.ts";

const HASH = "0".repeat(64);
const HEAD = `lock-version = "1.0"\ncreated-by = "somebody"\n`;
const wheel = (fileName: string, rest = ""): string => `{ url = "https://files.example.com/${fileName}", hashes = { sha256 = "${HASH}" }${rest} }`;
const lockOf = (body: string, file = "pylock.toml") => parseLock(file, `${HEAD}${body}`);
const oneWheel = (fileName: string, rest = "") => `[[packages]]\nname = "x"\nversion = "1.0"\n${rest}\nwheels = [${wheel(fileName)}]\n`;

const twoVersions = (marker: string) => lockOf(`${oneWheel("x-1.0-py3-none-any.whl", marker)}[[packages]]\nname = "x"\nversion = "2.0"\nmarker = "python_version >= '3.8'"\nwheels = [${wheel("x-2.0-py3-none-any.whl")}]\n`);
const wheelsOf = (order: readonly string[]) => lockOf(`[[packages]]\nname = "x"\nversion = "1.0"\nwheels = [${order.map((name) => wheel(name)).join(", ")}]\n`);
const packagesWith = (wheels: Readonly<Record<string, readonly string[]>>) => lockOf(Object.entries(wheels).map(([name, tags]) => `[[packages]]\nname = "${name}"\nversion = "1.0"\nwheels = [${tags.map((tag) => wheel(`${name}-1.0-${tag}.whl`)).join(", ")}]\n`).join(""));
const hashedBy = (hashes: string) => `[[packages]]\nname = "x"\nversion = "1.0"\nwheels = [{ url = "https://files.example.com/x-1.0-py3-none-any.whl", hashes = ${hashes} }]\n`;
const atPath = (path: string) => `[[packages]]\nname = "x"\nwheels = [{ name = "x-1.0-py3-none-any.whl", path = "${path}", hashes = { sha256 = "${HASH}" } }]\n`;
const dependingEntry = (name: string, other: string) => `[[packages]]\nname = "${name}"\ndependencies = [{ name = "${other}" }]\nwheels = [${wheel(`${name}-1.0-py3-none-any.whl`)}]\n`;
const archived = (fileName: string) => lockOf(`[[packages]]\nname = "x"\narchive = ${wheel(fileName)}\n`);

function problemsOf(work: () => unknown): readonly Problem[] {
  try {
    work();
  } catch (error) {
    if (error instanceof CaissonError) return error.problems;
    throw error;
  }
  return [];
}
const messagesOf = (body: string, file?: string): readonly string[] => problemsOf(() => lockOf(body, file)).map(({ message }) => message);

const uvLock = readFileSync(new URL("samples/pylock.uv.toml", import.meta.url), "utf8");

function chosen(lock: Lock, label: string, options: SelectOptions = {}): readonly string[] {
  const result = select(lock, platform(label), options);
  return "choices" in result ? result.choices.map(({ file, build }) => `${build ? "build " : ""}${file.fileName}`) : result.problems.map(({ code, message }) => `${code}: ${message}`);
}

function platform(label: string): Platform {
  const known = platformPreset(label);
  if (known === undefined) throw new Error(`no preset ${label}`);
  return known;
}

test("what uv exports is read, and chosen from for each platform", () => {
  const lock = parseLock("pylock.uv.toml", uvLock);
  expect(chosen(lock, "debian-12-py312")).toContainEqual(expect.stringMatching(/^numpy-2\.5\.5-cp312-cp312-manylinux_2_2._x86_64\.manylinux_2_28_x86_64\.whl$/));
  expect(chosen(lock, "debian-12-arm64-py312")).toContainEqual(expect.stringMatching(/^numpy-2\.5\.5-cp312-cp312-manylinux.*aarch64\.whl$/));
  expect(chosen(lock, "alpine-320")).toContainEqual(expect.stringMatching(/^numpy-2\.5\.5-cp312-cp312-musllinux_1_2_x86_64\.whl$/));
  // For an old glibc there is only the sdist.
  expect(chosen(lock, "centos-7-py312")).toContain("build numpy-2.5.5.tar.gz");
});

test("wheels P18: a lock that we printed reads and prints as the same bytes", () => {
  const printed = printLock(parseLock("pylock.uv.toml", uvLock));
  expect(printLock(parseLock("pylock.uv.toml", printed))).toBe(printed);
  expect(parseLock("pylock.uv.toml", printed).packages.map(({ name, files }) => [name, files.length])).toEqual(parseLock("pylock.uv.toml", uvLock).packages.map(({ name, files }) => [name, files.length]));
});

test("wheels P18: everything a lock can say survives, sorted", () => {
  const lock = lockOf(`
requires-python = ">=3.8"
environments = ["sys_platform == 'linux'"]
extras = ["web", "a"]
dependency-groups = ["test", "dev"]
default-groups = ["dev"]
[[packages]]
name = "y"
version = "2.0"
marker = "'web' in extras"
requires-python = ">=3.6"
index = "https://index.example.com/simple"
dependencies = [{ version = "1.0", name = "x" }]
attestation-identities = [{ kind = "GitHub", repository = "a/b" }]
wheels = [${wheel("y-2.0-py3-none-any.whl", ", size = 12, upload-time = 2024-05-06T07:08:09Z")}, { path = "wheels/odd", name = "y-2.0-1-py3-none-any.whl", hashes = { sha512 = "${"1".repeat(128)}", sha256 = "${HASH.toUpperCase()}" } }]
sdist = { path = "y-2.0.tar.gz", hashes = { sha256 = "${HASH}" } }
tool = { z = 1, a = [1.5, true, "q\\"\\u007f", 1979-05-27] }
[[packages]]
name = "v"
vcs = { type = "git", url = "https://git.example.com/v", requested-revision = "main", commit-id = "abc", subdirectory = "sub" }
[[packages]]
name = "d"
directory = { path = "../d", editable = true }
[[packages]]
name = "a"
archive = { url = "https://files.example.com/a%20b.zip?x#y", subdirectory = "sub", hashes = { sha256 = "${HASH}" } }
[tool.somebody]
note = "kept"
`);
  const printed = printLock(lock);
  expect(printLock(parseLock("pylock.toml", printed))).toBe(printed);
  expect(printed).toMatchInlineSnapshot(`
    "lock-version = "1.0"
    environments = ["sys_platform == 'linux'"]
    requires-python = ">=3.8"
    extras = ["a", "web"]
    dependency-groups = ["dev", "test"]
    default-groups = ["dev"]
    created-by = "somebody"
    tool = { somebody = { note = "kept" } }

    [[packages]]
    name = "a"
    archive = { name = "a b.zip", url = "https://files.example.com/a%20b.zip?x#y", hashes = { sha256 = "0000000000000000000000000000000000000000000000000000000000000000" }, subdirectory = "sub" }

    [[packages]]
    name = "d"
    directory = { path = "../d", editable = true }

    [[packages]]
    name = "v"
    vcs = { type = "git", url = "https://git.example.com/v", requested-revision = "main", commit-id = "abc", subdirectory = "sub" }

    [[packages]]
    name = "y"
    version = "2.0"
    marker = "'web' in extras"
    requires-python = ">=3.6"
    dependencies = [
        { name = "x", version = "1.0" },
    ]
    index = "https://index.example.com/simple"
    sdist = { path = "y-2.0.tar.gz", hashes = { sha256 = "0000000000000000000000000000000000000000000000000000000000000000" } }
    wheels = [
        { name = "y-2.0-1-py3-none-any.whl", path = "wheels/odd", hashes = { sha256 = "0000000000000000000000000000000000000000000000000000000000000000", sha512 = "11111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111" } },
        { upload-time = 2024-05-06T07:08:09Z, url = "https://files.example.com/y-2.0-py3-none-any.whl", size = 12, hashes = { sha256 = "0000000000000000000000000000000000000000000000000000000000000000" } },
    ]
    attestation-identities = [
        { kind = "GitHub", repository = "a/b" },
    ]
    tool = { a = [1.5, true, "q\\"\\u007f", 1979-05-27], z = 1 }
    "
  `);
});

test("wheels P18: a lock without packages prints as one", () => {
  expect(printLock(lockOf("packages = []"))).toBe(`lock-version = "1.0"\ncreated-by = "somebody"\npackages = []\n`);
});

test("wheels P1: a lock is named pylock.toml or pylock.<one word>.toml", () => {
  expect(["pylock.toml", "pylock.debian-12.toml", "pylock..toml", "pylock.a.b.toml", "poetry.lock", "xpylock.toml"].map(isLockFileName)).toEqual([true, true, false, false, false, false]);
  expect(messagesOf("packages = []", "deep/pylock..toml")).toEqual(["it is named `pylock..toml`, but a lock is named `pylock.toml` or `pylock.<one word>.toml`"]);
});

test("wheels P2: a lock must have packages, even if they are none", () => {
  expect(messagesOf("")).toEqual(["`packages` is missing"]);
  expect(lockOf("packages = []").packages).toEqual([]);
});

test("a lock of a newer minor version is read with a warning, of a newer major version refused", () => {
  expect(parseLock("pylock.toml", `lock-version = "1.1"\ncreated-by = "x"\npackages = []`).warnings).toEqual(["`pylock.toml` is of lock version 1.1; what is newer in it than 1.0 is ignored"]);
  expect(problemsOf(() => parseLock("pylock.toml", `lock-version = "2.0"\ncreated-by = "x"\npackages = []`))).toEqual([{ code: "config-invalid", file: "pylock.toml", key: "lock-version", message: "`lock-version` is 2.0, and only version 1 is known here" }]);
});

test("what is not TOML is refused with its line", () => {
  expect(problemsOf(() => parseLock("pylock.toml", "lock-version = \n"))).toMatchObject([{ code: "config-invalid", file: "pylock.toml", line: 1, message: expect.stringMatching(/^`pylock.toml` is not TOML: /) as string }]);
});

test("wheels P3: a lock for another Python is refused", () => {
  expect(chosen(lockOf(`requires-python = ">=3.13"\npackages = []`), "debian-12")).toEqual(["wheel-unfit: `pylock.toml` is for Python >=3.13, and debian-12 has 3.11.2"]);
  expect(chosen(lockOf(`requires-python = ">=3.11,<3.12"\npackages = []`), "debian-12")).toEqual([]);
});

test("wheels P4: one of a lock's environments must hold", () => {
  expect(chosen(lockOf(`environments = ["sys_platform == 'win32'", "python_version < '3'"]\npackages = []`), "debian-12")).toEqual(["wheel-unfit: `pylock.toml` is for other systems than debian-12"]);
  expect(chosen(lockOf(`environments = ["sys_platform == 'win32'", "sys_platform == 'linux'"]\npackages = []`), "debian-12")).toEqual([]);
});

test("wheels P5: a package whose marker does not hold is passed over", () => {
  const lock = lockOf(oneWheel("x-1.0-cp311-cp311-win_amd64.whl", `marker = "sys_platform == 'win32'"`));
  expect(chosen(lock, "debian-12")).toEqual([]);
});

test("wheels P6: a live package for another Python is refused", () => {
  expect(chosen(lockOf(oneWheel("x-1.0-py3-none-any.whl", `requires-python = ">=3.12"`)), "debian-12")).toEqual(["wheel-unfit: `x` 1.0 needs Python >=3.12, and debian-12 has 3.11.2"]);
});

test("wheels P7: two live entries of one name are refused, two of which one is live are not", () => {
  expect(chosen(twoVersions(""), "debian-12")).toEqual(["config-invalid: `pylock.toml` has `x` 1.0 and 2.0 for debian-12"]);
  expect(chosen(twoVersions(`marker = "python_version < '3.8'"`), "debian-12")).toEqual(["x-2.0-py3-none-any.whl"]);
});

test("wheels P8: an entry has one source", () => {
  expect(messagesOf(oneWheel("x-1.0-py3-none-any.whl", `directory = { path = "." }`))).toEqual(["`packages[0]` has more than one source; it may have one of `vcs`, `directory`, `archive`, or `sdist` with `wheels`"]);
  expect(messagesOf(`[[packages]]\nname = "x"`)).toEqual(["`packages[0]` names no file and no source"]);
  expect(messagesOf(`[[packages]]\nname = "x"\nwheels = []`)).toEqual(["`packages[0]` names no file and no source"]);
});

test("wheels P9: the best tag wins, then the highest build number, whatever the order in the lock", () => {
  const names = ["x-1.0-py3-none-any.whl", "x-1.0-2-cp311-cp311-manylinux_2_17_x86_64.whl", "x-1.0-10-cp311-cp311-manylinux_2_17_x86_64.whl", "x-1.0-10a-cp311-cp311-manylinux_2_17_x86_64.whl", "x-1.0-cp311-cp311-manylinux_2_17_x86_64.whl", "x-1.0-99-cp38-abi3-manylinux_2_17_x86_64.whl"];
  expect(chosen(wheelsOf(names), "debian-12")).toEqual(["x-1.0-10a-cp311-cp311-manylinux_2_17_x86_64.whl"]);
  expect(chosen(wheelsOf(names.toReversed()), "debian-12")).toEqual(["x-1.0-10a-cp311-cp311-manylinux_2_17_x86_64.whl"]);
});

test("wheels P10: what fits nowhere is told with what is there, all of it at once", () => {
  const lock = packagesWith({
    new: ["cp38-cp38-manylinux_2_27_x86_64.manylinux_2_28_x86_64", "cp38-cp38-manylinux_2_34_x86_64"],
    other: ["cp38-cp38-win_amd64", "cp38-cp38-macosx_11_0_arm64", "cp38-cp38-manylinux_2_17_aarch64"],
    python: ["cp39-cp39-manylinux_2_17_x86_64", "cp310-cp310-manylinux_2_17_x86_64", "cp312-cp312-manylinux_2_17_x86_64"],
    musl: ["cp38-cp38-musllinux_1_1_x86_64"],
    plain: ["cp38-cp38-linux_x86_64"],
    fine: ["py3-none-any"],
  });
  expect(chosen(lock, "centos-7")).toEqual([
    "wheel-unfit: no file of `new` 1.0 fits centos-7 (glibc 2.17): its wheels need glibc 2.27 or newer",
    "wheel-unfit: no file of `other` 1.0 fits centos-7 (x86_64): its wheels are for Windows, aarch64, macOS",
    "wheel-unfit: no file of `python` 1.0 fits centos-7 (Python 3.8): its wheels are for Python 3.9 to 3.12",
    "wheel-unfit: no file of `musl` 1.0 fits centos-7 (glibc 2.17): its wheels are for musl",
    "wheel-unfit: no file of `plain` 1.0 fits centos-7 (glibc 2.17): its only wheels are tagged `linux_x86_64`, which says nothing about the glibc they need",
  ]);
  expect(select(lock, platform("centos-7"))).toMatchObject({
    problems: [{ file: "pylock.toml", hint: "caisson lock --platform centos-7" }, {}, {}, {}, {}],
    files: [
      "new 1.0: new-1.0-cp38-cp38-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl, new-1.0-cp38-cp38-manylinux_2_34_x86_64.whl",
      "other 1.0: other-1.0-cp38-cp38-manylinux_2_17_aarch64.whl, other-1.0-cp38-cp38-macosx_11_0_arm64.whl, other-1.0-cp38-cp38-win_amd64.whl",
      expect.any(String), expect.any(String), expect.any(String),
    ],
  });
  expect(select(lock, platform("centos-7"), { written: "Shop_Web" })).toMatchObject({ problems: [{ hint: "caisson lock Shop_Web --platform centos-7" }, {}, {}, {}, {}] });
});

test("wheels T1: on a miss for centos-7 the sdist is chosen where there is one", () => {
  const lock = lockOf(`[[packages]]\nname = "x"\nversion = "1.0"\nsdist = ${wheel("x-1.0.tar.gz")}\nwheels = [${wheel("x-1.0-cp38-cp38-manylinux_2_28_x86_64.whl")}]\n`);
  expect(chosen(lock, "centos-7")).toEqual(["build x-1.0.tar.gz"]);
  expect(chosen(lock, "rocky-8-py38")).toEqual(["x-1.0-cp38-cp38-manylinux_2_28_x86_64.whl"]);
});

test("wheels P11: a file's own name beats that of its address", () => {
  const lock = lockOf(`[[packages]]\nname = "x"\nversion = "1.0"\nwheels = [{ name = "x-1.0-py3-none-any.whl", url = "https://files.example.com/download?id=7", hashes = { sha256 = "${HASH}" } }, { path = "a\\\\x-1.0-1-py3-none-any.whl", hashes = { sha256 = "${HASH}" } }, { url = "https://files.example.com/x-1.0%2Bl-py3-none-any.whl#sha256=1", hashes = { sha256 = "${HASH}" } }]\n`.replace('version = "1.0"\n', ""));
  expect(lock.packages[0]?.files.map(({ fileName }) => fileName)).toEqual(["x-1.0-py3-none-any.whl", "x-1.0-1-py3-none-any.whl", "x-1.0+l-py3-none-any.whl"]);
});

test("wheels P12: every file has a secure hash", () => {
  const refused = ["`packages[0].wheels[0].hashes` holds no secure hash; sha256 or better is needed"];
  expect(messagesOf(hashedBy(`{ md5 = "${"0".repeat(32)}", sha1 = "${"0".repeat(40)}" }`))).toEqual(refused);
  expect(messagesOf(hashedBy("{}"))).toEqual(refused);
  expect(messagesOf(hashedBy(`{ sha256 = "abc" }`))).toEqual(refused);
  expect(messagesOf(hashedBy(`{ sha256 = "${HASH}", md5 = "${"0".repeat(32)}" }`))).toEqual([]);
  expect(messagesOf(`[[packages]]\nname = "x"\nwheels = [{ url = "https://files.example.com/x-1.0-py3-none-any.whl" }]\n`)).toEqual(["`packages[0].wheels[0].hashes` is missing"]);
});

test("wheels P13: a lock from the network may not point out of its place", () => {
  const refused = (path: string) => messagesOf(atPath(path), "https://files.example.com/pylock.toml");
  expect(refused("../x.whl")).toEqual(["`packages[0].wheels[0].path` leads out of the place that the lock came from: `../x.whl`"]);
  expect(["a/../../x", "/etc/x"].map((path) => refused(path).length)).toEqual([1, 1]);
  expect(["wheels/x", "a/../b/x"].flatMap(refused)).toEqual([]);
  expect(messagesOf(atPath("../x.whl"))).toEqual([]);
});

test("wheels P14: extras and dependency groups choose packages, default groups by default", () => {
  const lock = lockOf(`extras = ["web"]\ndefault-groups = ["dev"]\n${oneWheel("x-1.0-py3-none-any.whl", `marker = "'Web' in extras"`)}[[packages]]\nname = "y"\nmarker = "'dev' in dependency_groups"\nwheels = [${wheel("y-1.0-py3-none-any.whl")}]\n`);
  expect(chosen(lock, "debian-12")).toEqual(["y-1.0-py3-none-any.whl"]);
  expect(chosen(lock, "debian-12", { extras: ["web"], groups: [] })).toEqual(["x-1.0-py3-none-any.whl"]);
});

test("wheels P15: packages that depend on each other are installed both", () => {
  expect(chosen(lockOf(dependingEntry("a", "b") + dependingEntry("b", "a")), "debian-12")).toEqual(["a-1.0-py3-none-any.whl", "b-1.0-py3-none-any.whl"]);
});

test("wheels P16: a boolean is no size, and every value has its type", () => {
  expect(messagesOf(`[[packages]]\nname = "x"\nwheels = [${wheel("x-1.0-py3-none-any.whl", ", size = true")}]`)).toEqual(["`packages[0].wheels[0].size` must be a whole number, not true"]);
  expect(messagesOf(`environments = "linux"\nextras = [1]\npackages = [{ name = 3, wheels = {} }]`)).toEqual([
    "`environments` must be a list of texts, not a text",
    "`extras` must be a list of texts, not such a list",
    "`packages[0].name` must be a text, not 3",
    "`packages[0].wheels` must be a list of tables, not a table",
  ]);
});

test("wheels P17: a file belongs to the name and version it is listed under", () => {
  expect(messagesOf(oneWheel("y-1.0-py3-none-any.whl"))).toEqual(["`packages[0].wheels` holds `y-1.0-py3-none-any.whl`, which is not of `x`"]);
  expect(messagesOf(oneWheel("x-1.1-py3-none-any.whl"))).toEqual(["`packages[0].wheels` holds `x-1.1-py3-none-any.whl`, which is not of version 1.0"]);
  expect(messagesOf(oneWheel("x-1.0.zip"))).toEqual(["`packages[0].wheels` holds `x-1.0.zip`, which is no name of a wheel"]);
  expect(messagesOf(oneWheel("X-1.0.0-py3-none-any.whl"))).toEqual([]);
  const sdist = (fileName: string) => messagesOf(`[[packages]]\nname = "x-y"\nversion = "1.0.post1"\nsdist = ${wheel(fileName)}\n`);
  expect(["x_y-1.0.post1.tar.gz", "x-y-1.0-1.zip", "X.Y-1.0post1.tar.gz"].flatMap(sdist)).toEqual([]);
  expect(sdist("x-y-1.0.tar.gz")).toEqual(["`packages[0].sdist` holds `x-y-1.0.tar.gz`, which is not of version 1.0.post1"]);
});

test("wheels P19: what other programs note changes nothing", () => {
  const noted = lockOf(`${oneWheel("x-1.0-py3-none-any.whl", "tool = { uv = { skip = true } }")}[tool.uv]\nexclude = ["x"]\n`);
  expect(chosen(noted, "debian-12")).toEqual(["x-1.0-py3-none-any.whl"]);
});

test("wheels T2: a wheel tagged plain linux is not chosen, another is", () => {
  const lock = lockOf(`[[packages]]\nname = "x"\nversion = "1.0"\nwheels = [${wheel("x-1.0-cp311-cp311-linux_x86_64.whl")}, ${wheel("x-1.0-py3-none-any.whl")}]\n`);
  expect(chosen(lock, "debian-12")).toEqual(["x-1.0-py3-none-any.whl"]);
});

test("wheels T6: compressed tags count each, in any order", () => {
  expect(chosen(lockOf(oneWheel("x-1.0-cp311.cp27.py3-cp311.none-manylinux_2_5_x86_64.win32.manylinux1_x86_64.whl")), "debian-12")).toEqual(["x-1.0-cp311.cp27.py3-cp311.none-manylinux_2_5_x86_64.win32.manylinux1_x86_64.whl"]);
});

test("wheels T8: an upper bound of a locked package's Python holds", () => {
  expect(chosen(lockOf(oneWheel("x-1.0-py3-none-any.whl", `requires-python = ">=3.8,<3.11"`)), "debian-12")).toEqual(["wheel-unfit: `x` 1.0 needs Python >=3.8,<3.11, and debian-12 has 3.11.2"]);
});

test("wheels T11: wheel variants are refused clearly, and passed over where something else fits", () => {
  const variant = "x-1.0-cp311-cp311-manylinux_2_28_x86_64-x86_64_v3.whl";
  expect(chosen(lockOf(oneWheel(variant)), "debian-12")).toEqual(["wheel-unfit: no file of `x` 1.0 fits debian-12 (glibc 2.36): it has wheel variants only, and Caisson does not choose among variants"]);
  const both = lockOf(`[[packages]]\nname = "x"\nversion = "1.0"\nwheels = [${wheel(variant)}, ${wheel("x-1.0-py3-none-any.whl")}]\n`);
  expect(chosen(both, "debian-12")).toEqual(["x-1.0-py3-none-any.whl"]);
});

function commit(more: string): string {
  return `[[packages]]\nname = "v"\n${more}\nvcs = { type = "git", url = "https://git.example.com/v", commit-id = "abc" }\n`;
}

function commits(lock: Lock, options: SelectOptions = {}): readonly string[] {
  const result = select(lock, platform("debian-12"), options);
  return "commits" in result ? result.commits.map(({ name, source }) => `${name} ${source.commitId}`) : result.problems.map(({ message }) => message);
}

test("wheels P6, P7, P14: a commit of a git repository is chosen as a file is", () => {
  const inExtra = lockOf(commit(`marker = "'web' in extras or 'test' in dependency_groups"`));
  expect([commits(inExtra), commits(inExtra, { extras: ["web"] }), commits(inExtra, { groups: ["test"] }), commits(inExtra, { extras: ["web"], provided: ["v" as PackageName] })]).toEqual([[], ["v abc"], ["v abc"], []]);
  expect(commits(lockOf(commit('requires-python = ">=3.12"')))).toEqual(["`v` needs Python >=3.12, and debian-12 has 3.11.2"]);
  expect(commits(lockOf(commit("") + commit("")))).toEqual(["`pylock.toml` has `v` and again for debian-12"]);
});

test("what has no hash is refused, unless the workspace provides it", () => {
  const lock = lockOf(`[[packages]]\nname = "v"\nvcs = { type = "hg", url = "https://hg.example.com/v", commit-id = "abc" }\n[[packages]]\nname = "d"\ndirectory = { path = "d" }\n`);
  expect(chosen(lock, "debian-12")).toEqual(["wheel-unfit: `v` is locked to a commit, which has no hash", "wheel-unfit: `d` is locked to a directory, which has no hash"]);
  expect(chosen(lock, "debian-12", { provided: ["d" as PackageName, "v" as PackageName] })).toEqual([]);
});

test("an archive given by its address is a file like any other", () => {
  expect(chosen(archived("main.zip"), "debian-12")).toEqual(["build main.zip"]);
  expect(chosen(archived("x-1.0-py3-none-any.whl"), "debian-12")).toEqual(["x-1.0-py3-none-any.whl"]);
});

test("all problems of a lock are told at once", () => {
  expect(messagesOf(`requires-python = "three"\nenvironments = ["linux"]\nextras = ["A_b"]\n[[packages]]\nname = "X"\nversion = "one"\nmarker = "maybe"\nrequires-python = "4x"\ndirectory = {}\n[[packages]]\nvcs = { type = "git" }\n`)).toEqual([
    "`environments` holds what is no marker: `linux`",
    "`requires-python` is no version specifier: `three`",
    "`extras` holds a name that is not in its normal form: `A_b`",
    "`packages[0].name` must be in its normal form, `x`",
    "`packages[0].version` is no version: `one`",
    "`packages[0].marker` is no marker: `maybe`",
    "`packages[0].directory.path` is missing",
    "`packages[0].requires-python` is no version specifier: `4x`",
    "`packages[1].name` is missing",
    "`packages[1].vcs` needs a `url` or a `path`",
    "`packages[1].vcs.commit-id` is missing",
  ]);
});
