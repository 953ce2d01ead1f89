import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { makeBuildEnvironment } from "../../src/build/wheel/build-environment.ts";
import { indexSettings, uvEnvironment } from "../../src/build/fetch/index-settings.ts";
import { findInterpreter } from "../../src/build/interpreter.ts";
import { findUv } from "../../src/build/uv/tools.ts";
import { digestHex, type CaissonError, type Digest, type Package, type PackageName, type Payload, type Tree, type TreeEntry } from "../../src/model/index.ts";
import { platformPreset } from "../../src/python/index.ts";
import { verify } from "../../src/store/index.ts";
import { hashFile, sha256 } from "../../src/system/index.ts";
import { defaultPythonMinor, findPythons, has } from "../support/machine.ts";
import { flit, makeWorkshop, openWorkshops, type TestWorkshop } from "./workshop.ts";

const workshopWith = openWorkshops();

const named = (...names: readonly string[]): readonly PackageName[] => names as readonly PackageName[];
const hello = { "pyproject.toml": flit("hello", "1.0", 'dependencies = ["idna==3.10"]\n[project.scripts]\nhello = "hello:main"'), "hello.py": '"""Says hello."""\ndef main():\n    print("hello")\n' };
const uvRuns = ({ programs }: TestWorkshop): readonly string[] => programs.filter((program) => /(?:^|\/)uv /.test(program));
const backEndRuns = ({ programs }: TestWorkshop): readonly string[] => programs.filter((program) => program.endsWith("/back_end.py"));

function pyprojectOf(requires: string, backend: string): string {
  return `[build-system]\nrequires = ["${requires}"]\nbuild-backend = "${backend}"\n[project]\nname = "same"\nversion = "1.0"\n`;
}

async function payloadOf(workshop: TestWorkshop, result: Awaited<ReturnType<TestWorkshop["build"]>>[number]): Promise<Payload> {
  return await workshop.store.readJson<Payload>(result.artifacts[0]!.artifact.payload.digest);
}

describe("buildPackages", () => {
  it("row P1: builds HEAD into dist/ of the caller, whatever lies uncommitted", async () => {
    const workshop = await workshopWith(hello);
    workshop.write({ "hello.py": "broken(" });
    const cwd = join(workshop.directory, ".home/caller");
    await mkdir(cwd);
    const [result] = await workshop.build({ cwd });
    const path = result!.artifacts[0]!.path;
    expect(path).toBe(join(cwd, "dist", `hello-1.0-${result!.platform.label}.tar.gz`));
    expect(result!.uncommitted).toBe(true);
    const members = execFileSync("tar", ["tzf", path], { encoding: "utf8" });
    expect(members).toMatch(/\/data\/wheels\/hello-1\.0-py3-none-any\.whl\n/);
    expect(members).toMatch(/\/data\/wheels\/idna-3\.10-py3-none-any\.whl\n/);
  });

  it("row P1: builds a tag, and the files as they lie on disk where that is asked for", async () => {
    const workshop = await workshopWith(hello);
    workshop.write({ "pyproject.toml": flit("hello", "1.1") });
    workshop.commit();
    const versions = [];
    for (const request of [{}, { rev: "first" }, { onDisk: true }]) {
      workshop.write({ "pyproject.toml": flit("hello", "1.2") });
      versions.push((await workshop.build(request))[0]!.version);
    }
    expect(versions).toEqual(["1.1", "1.0", "1.2"]);
  });

  it("row P1: builds a directory that is in no repository", async () => {
    const workshop = await workshopWith(hello);
    rmSync(join(workshop.directory, ".git"), { recursive: true });
    expect((await workshop.build())[0]).toMatchObject({ version: "1.0", uncommitted: false });
  });

  it("row P3: names the artifact after package, version and platform, with the name as its author wrote it", async () => {
    const workshop = await workshopWith({ "pyproject.toml": flit("My_Hello", "1.0"), "My_Hello.py": '"""x"""\n' });
    const [result] = await workshop.build();
    expect([result!.package, result!.artifacts[0]!.artifact.fileName]).toEqual(["my-hello", `My_Hello-1.0-${result!.platform.label}.tar.gz`]);
  });

  it("row P15: builds nothing a second time, and starts neither uv nor Python to know it", async () => {
    const workshop = await workshopWith(hello);
    const platforms = [platformPreset("debian-12")!];
    const [first] = await workshop.build({ platforms });
    const [second] = await workshop.build({ platforms });
    expect([first!.artifacts[0]!.state, second!.artifacts[0]!.state]).toEqual(["built", "unchanged"]);
    expect(workshop.programs.filter((program) => !program.startsWith("git "))).toEqual([]);
    expect(second!.artifacts[0]!.artifact).toEqual(first!.artifacts[0]!.artifact);
  });

  it("row P15: builds again from the store alone, offline, after another commit", async () => {
    const workshop = await workshopWith(hello);
    await workshop.build();
    workshop.write({ "hello.py": '"""Says more."""\ndef main():\n    print("more")\n' });
    workshop.commit();
    const [result] = await workshop.build({ offline: true });
    expect(result!.artifacts[0]!.state).toBe("built");
    // One process asks the back end what it needs and makes the wheel; nothing else starts but git and a copy.
    expect(workshop.programs.filter((program) => !/^(?:git|cp) /.test(program))).toEqual(backEndRuns(workshop));
    expect(backEndRuns(workshop).length).toBe(1);
  });

  it("row W12: a commit elsewhere in the repository changes nothing", async () => {
    const workshop = await workshopWith({ "caisson.toml": '[packages.a]\npath = "a"\n[packages.b]\npath = "b"\n', "a/pyproject.toml": flit("a", "1.0"), "a/a.py": '"""a"""\n', "b/pyproject.toml": flit("b", "1.0"), "b/b.py": '"""b"""\n' });
    await workshop.build();
    workshop.write({ "b/b.py": '"""b, better"""\n' });
    workshop.commit();
    const results = await workshop.build();
    expect(results.map((result) => [result.package, result.artifacts[0]!.state])).toEqual([["a", "unchanged"], ["b", "built"]]);
    // A machine that never saw the first commit makes the same bytes.
    const other = await makeWorkshop({});
    onTestFinished(() => other.remove());
    other.git("pull", "-q", workshop.directory, "HEAD", "--allow-unrelated-histories");
    const again = await other.build({ packages: named("a") });
    expect(again[0]!.artifacts[0]!.artifact.content.digest).toBe(results[0]!.artifacts[0]!.artifact.content.digest);
  });

  it("row W9: takes a sibling from its own directory at the same revision, never from the index", async () => {
    // A package of this name is in the public index, in another version.
    const workshop = await workshopWith({ "caisson.toml": '[packages.idna]\npath = "idna"\n[packages.web]\npath = "web"\n', "idna/pyproject.toml": flit("idna", "0.0.7"), "idna/idna.py": '"""ours"""\n', "web/pyproject.toml": flit("web", "2.0", 'dependencies = ["idna"]'), "web/web.py": '"""web"""\n' });
    const [result] = await workshop.build({ packages: named("web") });
    expect((await payloadOf(workshop, result!)).distributions.map(({ name, version }) => `${name} ${version}`)).toEqual(["idna 0.0.7", "web 2.0"]);
  });

  it("row P7: fails where a requirement is broken, with what it is", async () => {
    const workshop = await workshopWith({ "caisson.toml": '[packages.util]\npath = "util"\n[packages.web]\npath = "web"\n', "util/pyproject.toml": flit("util", "1.0"), "util/util.py": '"""util"""\n', "web/pyproject.toml": flit("web", "2.0", 'dependencies = ["util>=2"]'), "web/web.py": '"""web"""\n' });
    await expect(workshop.build()).rejects.toMatchObject({ code: "requirements-broken", message: expect.stringContaining("util") as string });
    expect(existsSync(join(workshop.directory, "dist"))).toBe(false);
  });

  it("row P16: writes the digest beside the file, makes whole what was damaged, and leaves no temporary file", async () => {
    const workshop = await workshopWith(hello);
    const [result] = await workshop.build();
    const { path, artifact } = result!.artifacts[0]!;
    expect(execFileSync("sha256sum", ["-c", `${artifact.fileName}.sha256`], { cwd: join(path, ".."), encoding: "utf8" })).toBe(`${artifact.fileName}: OK\n`);
    writeFileSync(path, "damaged");
    await workshop.build();
    expect((await hashFile(path)).digest).toBe(artifact.content.digest);
    expect(readdirSync(join(path, "..")).toSorted()).toEqual([artifact.fileName, `${artifact.fileName}.sha256`]);
  });

  it("row P16: makes a file again from what the store keeps of it, once that is whole", async () => {
    const workshop = await workshopWith(hello);
    const [result] = await workshop.build();
    const { path, artifact: { content } } = result!.artifacts[0]!;
    const { store } = workshop;
    const blobOf = (digest: Digest): string => join(store.directory, "blobs/sha256", digestHex(digest));
    expect(existsSync(blobOf(content.digest))).toBe(false);
    expect(await verify(workshop.context, store, { repair: false })).toMatchObject({ problems: [] });
    const { entries } = await store.readJson<Tree>(content.files!.digest);
    const agent = entries.find((entry) => entry.path === "root/data/agent.py") as Extract<TreeEntry, { readonly kind: "file" }>;
    rmSync(join(path, ".."), { recursive: true });
    chmodSync(blobOf(agent.digest), 0o644);
    writeFileSync(blobOf(agent.digest), "damaged");
    await expect(workshop.build()).rejects.toMatchObject({ code: "digest-mismatch" });
    expect(readdirSync(join(path, ".."))).toEqual([]);
    expect((await verify(workshop.context, store, { repair: true })).removed).toEqual([agent.digest]);
    expect((await workshop.build())[0]!.artifacts[0]).toMatchObject({ state: "built", artifact: { content } });
    expect((await hashFile(path)).digest).toBe(content.digest);
    expect(uvRuns(workshop)).toEqual([]);
  });

  it("row P4: makes every format, the directory too, and one format more without building again", async () => {
    const workshop = await workshopWith(hello);
    await workshop.build();
    const [result] = await workshop.build({ formats: ["tar.gz", "tar", "zip", "dir"] });
    expect(result!.artifacts.map(({ state }) => state)).toEqual(["unchanged", "built", "built", "built"]);
    expect(uvRuns(workshop)).toEqual([]);
    const directory = result!.artifacts[3]!;
    expect(readdirSync(directory.path).toSorted()).toEqual(["PACKAGE", "PLATFORM", "VERSION", "data", "info.json", "install.sh"]);
    writeFileSync(join(directory.path, "VERSION"), "touched\n");
    await workshop.build({ formats: ["dir"] });
    expect(readFileSync(join(directory.path, "VERSION"), "utf8")).toBe("1.0\n");
  });

  it("builds an sdist among the dependencies into a wheel, once", async () => {
    const workshop = await workshopWith({ "pyproject.toml": flit("hello", "1.0", 'dependencies = ["only-source"]'), "hello.py": '"""x"""\n', ".gitignore": "wheels\n", "caisson.toml": '[packages.hello]\npath = "."\n[index]\nfind-links = ["wheels"]\n' });
    workshop.write({ "sdist/only_source-0.1/pyproject.toml": flit("only-source", "0.1"), "sdist/only_source-0.1/only_source.py": '"""s"""\n', "sdist/only_source-0.1/PKG-INFO": "Metadata-Version: 2.1\nName: only-source\nVersion: 0.1\n", "wheels/.keep": "" });
    execFileSync("tar", ["czf", "../wheels/only_source-0.1.tar.gz", "only_source-0.1"], { cwd: join(workshop.directory, "sdist") });
    const [result] = await workshop.build();
    expect((await payloadOf(workshop, result!)).distributions.map(({ fileName }) => fileName)).toEqual(["only_source-0.1-py3-none-any.whl", "hello-1.0-py3-none-any.whl"]);
    workshop.write({ "hello.py": '"""y"""\n' });
    workshop.commit();
    await workshop.build();
    expect(backEndRuns(workshop).length).toBe(1);
  });

  it("builds a legacy setup.py without pyproject.toml, with the version that git tells it", async () => {
    const workshop = await workshopWith({ "setup.py": 'from setuptools import setup\nimport subprocess\nsetup(name="old", version="0." + subprocess.check_output(["git", "rev-list", "--count", "HEAD"], text=True).strip(), py_modules=["old"])\n', "old.py": "x = 1\n" });
    const before = await workshop.build();
    workshop.write({ "unrelated.txt": "more\n" });
    workshop.commit();
    const after = await workshop.build();
    expect([before[0]!.version, after[0]!.version]).toEqual(["0.1", "0.2"]);
  });

  it("builds a package that is nothing but its requirements", async () => {
    const workshop = await workshopWith({ "requirements.txt": "idna==3.10\n", VERSION: "7.1\n" });
    const pkg: Package = { name: named("set")[0]!, written: "set", kind: "python", source: { path: "." }, needs: [], extras: [], prefix: "", link: "auto", processes: [], start: [], hooks: [] };
    const [result] = await workshop.build({ workspace: { directory: workshop.directory, name: pkg.name, platforms: [], interpreters: {}, packages: [pkg], targets: [], index: { findLinks: [] } } });
    expect([result!.version, (await payloadOf(workshop, result!)).distributions.map(({ name }) => name)]).toEqual(["7.1", ["idna"]]);
  });

  it("makes one tree of a files package, below its prefix, with the version of its VERSION file", async () => {
    const workshop = await workshopWith({ "caisson.toml": '[packages.shop-config]\nkind = "files"\npath = "config"\nprefix = "etc/shop"\n', "config/shop.ini": "[shop]\n", "config/VERSION": "1.0.0\n" });
    const [result] = await workshop.build();
    const payload = await payloadOf(workshop, result!);
    const tree = await workshop.store.readJson<Tree>(payload.trees[0]!.document.digest);
    expect([result!.version, tree.entries.map(({ path }) => path), payload.distributions]).toEqual(["1.0.0", ["root/etc/shop/VERSION", "root/etc/shop/shop.ini"], []]);
  });

  it("tells of a failing back end its last lines and where all of them are, and of every package that fails", async () => {
    const broken = '[build-system]\nrequires = ["setuptools>=68"]\nbuild-backend = "setuptools.build_meta"\n[project]\nname = "NAME"\nversion = "1.0"\n';
    const workshop = await workshopWith({ "caisson.toml": '[packages.a]\npath = "a"\n[packages.b]\npath = "b"\n[packages.web]\npath = "web"\n', "a/pyproject.toml": broken.replace("NAME", "a"), "a/setup.py": 'raise SystemExit("the moon is full")\n', "b/pyproject.toml": broken.replace("NAME", "b"), "b/setup.py": "import nothing_of_that_name\n", "web/pyproject.toml": flit("web", "1.0", 'dependencies = ["a"]'), "web/web.py": '"""w"""\n' });
    const error = (await workshop.build().catch((thrown: unknown) => thrown)) as CaissonError;
    expect(error.problems.map(({ code, message }) => `${code}: ${message}`)).toEqual([
      "build-failed: building the wheel of `a` failed",
      "build-failed: building the wheel of `b` failed",
      "build-failed: `web` is not built, because it needs `a`",
    ]);
    expect(error.problems.slice(0, 2).map(({ cause }) => cause)).toEqual([expect.stringContaining("the moon is full"), expect.stringContaining("nothing_of_that_name")]);
    const log = /`(?<path>.+)`/.exec(error.problems[0].hint ?? "")?.groups?.["path"] ?? "";
    expect(readFileSync(log, "utf8")).toContain("the moon is full");
    expect(existsSync(join(workshop.directory, "dist"))).toBe(false);
  });

  it.skipIf(!has("cc"))("row P15: keeps a compiled wheel for this machine's system, and refuses it for any other (needs cc)", async () => {
    const files = { "pyproject.toml": '[build-system]\nrequires = ["setuptools>=68"]\nbuild-backend = "setuptools.build_meta"\n[project]\nname = "hello-native"\nversion = "1.0"\n', "setup.py": 'from setuptools import Extension, setup\nsetup(ext_modules=[Extension("hello_native", ["hello.c"])])\n', "hello.c": '#include <Python.h>\nstatic struct PyModuleDef m = {PyModuleDef_HEAD_INIT, "hello_native", NULL, -1, NULL};\nPyMODINIT_FUNC PyInit_hello_native(void) { return PyModule_Create(&m); }\n' };
    const workshop = await workshopWith(files);
    const [result] = await workshop.build();
    expect((await payloadOf(workshop, result!)).distributions[0]!.fileName).toMatch(/linux_(?:x86_64|aarch64)\.whl$/);
    const other = platformPreset("centos-7-py38")!;
    await expect(workshop.build({ platforms: [other], offline: true })).rejects.toMatchObject({ code: "wheel-unfit", message: `\`hello-native\` must be compiled for ${other.label} and no builder is named for it` });
  });

  it.skipIf(!findPythons().some(({ minor }) => minor === "3.12"))("row P18: builds for several platforms at once, each with its own Python (needs 3.12)", async () => {
    const workshop = await workshopWith(hello);
    const results = await workshop.build({ platforms: [platformPreset("debian-12")!, platformPreset("ubuntu-2404")!] });
    const interpreters = await Promise.all(results.map(async (result) => (await payloadOf(workshop, result)).interpreter));
    expect(interpreters).toEqual([{ from: "host", version: "3.11" }, { from: "host", version: "3.12" }]);
  });

  it.each([
    ["setuptools", pyprojectOf("setuptools>=68", "setuptools.build_meta")],
    ["hatchling", pyprojectOf("hatchling", "hatchling.build")],
    ["flit", flit("same", "1.0")],
  ])("law 7: gives the same bytes elsewhere, with another umask, time zone, locale and hash seed: %s", async (_, pyproject) => {
    const files = { "pyproject.toml": pyproject, "same/__init__.py": '"""x"""\n', "same/data.txt": "x\n" };
    const digests = [];
    for (const { umask, env } of [{ umask: 0o022, env: {} }, { umask: 0o077, env: { TZ: "Asia/Tokyo", LC_ALL: "tr_TR.UTF-8", PYTHONHASHSEED: "7" } }]) {
      const before = process.umask(umask);
      try {
        const workshop = await workshopWith(files);
        digests.push((await workshop.build({ env }))[0]!.artifacts[0]!.artifact.content.digest);
      } finally {
        process.umask(before);
      }
    }
    expect(digests[1]).toBe(digests[0]);
  });

  it("row W1: gives each build an environment of its own, whatever the one before did to its", async () => {
    const workshop = await workshopWith({ "pyproject.toml": flit("hello", "1.0"), "hello.py": '"""x"""\n' });
    const ctx = workshop.context;
    const [uv, interpreter] = [await findUv(ctx, { findLinks: [] }), (await findInterpreter(ctx, defaultPythonMinor()))!];
    const [first, second] = [join(workshop.directory, ".home/first"), join(workshop.directory, ".home/second")];
    const env = { ...ctx.env, ...uvEnvironment(ctx, await indexSettings(ctx, { findLinks: [] })) };
    const make = async (path: string, text: string) => await makeBuildEnvironment(ctx, { uv, env, interpreter, offline: false, lock: { text, digest: sha256(text), directories: [] } }, path);
    const python = async (path: string): Promise<string> => {
      const made = await make(path, "flit-core==3.12.0\n");
      return "python" in made ? made.python : made.log.join("\n");
    };
    execFileSync(await python(first), ["-c", "import flit_core, pathlib; pathlib.Path(flit_core.__file__).write_text('broken(')"]);
    expect(execFileSync(await python(second), ["-c", "import flit_core; print(flit_core.__version__)"], { encoding: "utf8" })).toMatch(/^3\./);
    // And takes nothing for a back end but the bytes that were locked.
    expect(await make(first, `flit-core==3.12.0 --hash=sha256:${"0".repeat(64)}\n`)).toMatchObject({ log: expect.arrayContaining([expect.stringContaining("Hash mismatch")]) });
  });

  it("row W1: gives a back end another version of what is locked, where it asks for that when it runs", async () => {
    const workshop = await workshopWith({ "pyproject.toml": '[build-system]\nrequires = ["setuptools", "packaging"]\nbuild-backend = "own"\nbackend-path = ["."]\n', "own.py": 'from setuptools.build_meta import *\n\ndef get_requires_for_build_wheel(settings=None):\n    return ["packaging==23.2"]\n', "setup.py": 'from importlib.metadata import version\nfrom setuptools import setup\nsetup(name="hello", version=version("packaging"), py_modules=["hello"])\n', "hello.py": "x = 1\n" });
    expect((await workshop.build())[0]?.version).toBe("23.2");
  });

  it("refuses an unknown package with the list of those there are, and a circle with its members", async () => {
    const workshop = await workshopWith({ "caisson.toml": '[packages.a]\npath = "a"\n[packages.b]\npath = "b"\n', "a/pyproject.toml": flit("a", "1.0", 'dependencies = ["b"]'), "b/pyproject.toml": flit("b", "1.0") });
    await expect(workshop.build({ packages: named("c", "d") })).rejects.toMatchObject({ problems: [{ code: "package-unknown", hint: "packages here: b, a" }, { code: "package-unknown" }] });
    workshop.write({ "b/pyproject.toml": flit("b", "1.0", 'dependencies = ["a"]') });
    await expect(workshop.build()).rejects.toMatchObject({ code: "config-invalid", message: "packages need each other in a circle: `a` -> `b` -> `a`" });
  });

  it("row P16: other content under the same version is its next generation, and that is said", async () => {
    const workshop = await workshopWith(hello);
    await workshop.build();
    workshop.write({ "hello.py": '"""Says hello."""\ndef main():\n    print("hullo")\n' });
    workshop.commit();
    const [result] = await workshop.build();
    expect(workshop.events).toContainEqual({ type: "notice", message: `\`hello\` 1.0 for ${result!.platform.label} has other content than before (generation 2)` });

    const said = workshop.events.length;
    workshop.write({ "hello.py": '"""Says hello."""\ndef main():\n    print("hi")\n' });
    await workshop.build({ onDisk: true });
    expect(workshop.events.slice(said)).not.toContainEqual(expect.objectContaining({ type: "notice" }));
  });

  it("leaves nothing behind in the temporary directory, also when it fails", async () => {
    const workshop = await workshopWith({ ...hello, "hello.py": "no docstring\n" });
    const temporary = join(workshop.directory, ".home/tmp");
    await mkdir(temporary);
    const before = process.env["TMPDIR"];
    process.env["TMPDIR"] = temporary;
    try {
      await workshop.build().catch(() => undefined);
    } finally {
      if (before === undefined) delete process.env["TMPDIR"];
      else process.env["TMPDIR"] = before;
    }
    expect(readdirSync(temporary)).toEqual([]);
  });
});
