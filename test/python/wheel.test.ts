import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Distribution } from "../../src/model/index.ts";
import { parseWheelFileName } from "../../src/python/index.ts";
import { sha256 } from "../../src/system/index.ts";
import { inlineText, readMade, recordRow, type MadeWheel } from "./made-wheel.ts";

const INFO = "demo-1.0.dist-info";
const DATA = "demo-1.0.data";

function modesOf({ tree }: Distribution): Record<string, string> {
  return Object.fromEntries(tree.entries.map((entry) => [entry.path, entry.kind === "file" ? entry.mode.toString(8) : entry.kind]));
}

describe("the tree of a wheel", () => {
  it("holds its files by area, with launchers and our own INSTALLER and RECORD", async () => {
    const demo = await readMade({
      files: {
        [`${INFO}/entry_points.txt`]: "[console_scripts]\ndemo = demo:main\n",
        [`${INFO}/licenses/LICENSE`]: "free\n",
        [`${DATA}/purelib/pure.py`]: "1\n",
        [`${DATA}/platlib/plat.py`]: "2\n",
        [`${DATA}/headers/demo.h`]: "3\n",
        [`${DATA}/data/share/demo/text`]: "4\n",
        [`${DATA}/data/bin/tool`]: "5\n",
        [`${DATA}/scripts/plain`]: "#!/bin/sh\n",
      },
      modes: { [`${DATA}/data/bin/tool`]: 0o100700 },
    });
    expect(modesOf(demo)).toEqual({
      "bin/demo": "755",
      "bin/plain": "755",
      "bin/tool": "755",
      "data/share/demo/text": "644",
      "include/demo/demo.h": "644",
      [`site/${INFO}/INSTALLER`]: "644",
      [`site/${INFO}/METADATA`]: "644",
      [`site/${INFO}/RECORD`]: "644",
      [`site/${INFO}/WHEEL`]: "644",
      [`site/${INFO}/entry_points.txt`]: "644",
      [`site/${INFO}/licenses/LICENSE`]: "644",
      "site/demo/__init__.py": "644",
      "site/plat.py": "644",
      "site/pure.py": "644",
    });
    expect(demo.tree.entries.map(({ path }) => path)).toEqual(Object.keys(modesOf(demo)).toSorted());
    expect(inlineText(demo, `site/${INFO}/INSTALLER`)).toBe("caisson\n");
    expect(inlineText(demo, "bin/demo")).toBe(
      `#!/bin/sh\n'''exec' /bin/sh -c 'p=$(readlink -f -- "$0") && exec "\${p%/*}/python" "$p" "$@"' "$0" "$@"\n' '''\nimport sys\nfrom demo import main\nsys.exit(main())\n`,
    );
  });

  it("wheels W21: RECORD lists every file, sorted, relative to site-packages", async () => {
    const demo = await readMade({ files: { [`${DATA}/headers/a.h`]: "a", [`${DATA}/data/etc/b,c`]: "b", [`${DATA}/scripts/d`]: "d" } });
    const rows = (inlineText(demo, `site/${INFO}/RECORD`) ?? "").trimEnd().split("\n");
    expect(rows.map((row) => row.replace(/,(?:sha256=.{43})?,\d*$/, ""))).toEqual([
      "../../../bin/d",
      '"../../../etc/b,c"',
      "../../../include/demo/a.h",
      `${INFO}/INSTALLER`,
      `${INFO}/METADATA`,
      `${INFO}/RECORD`,
      `${INFO}/WHEEL`,
      "demo/__init__.py",
    ]);
    expect(rows).toContain(recordRow("../../../bin/d", "d").trimEnd());
    expect(rows).toContain(`${INFO}/RECORD,,`);
  });

  it("law 1: its id does not depend on member order, times, umask, compression, RECORD's order or the wheel's own bytes", async () => {
    const files = { "demo/a.py": "a", "demo/b.py": "b" };
    const one = await readMade({ files, modes: { "demo/b.py": 0o100755 } });
    const two = await readMade({ files: Object.fromEntries(Object.entries(files).toReversed()), modes: { "demo/a.py": 0o100600, "demo/b.py": 0o100711 }, members: { "demo/a.py": { deflate: true } }, record: (right) => right.trimEnd().split("\n").toReversed().join("\r\n") });
    expect(one.wheel.digest).not.toBe(two.wheel.digest);
    expect(one.tree.id).toBe(two.tree.id);
    expect((await readMade({ files })).tree.id).not.toBe(one.tree.id);
  });

  it("wheels W17: only whether anybody may execute a file is kept", async () => {
    const modes = { "demo/a": 0o100644, "demo/b": 0o100001, "demo/c": 0o104755, "demo/d": 0, "demo/e": 0o100000 };
    const demo = await readMade({ files: Object.fromEntries(Object.keys(modes).map((path) => [path, path])), modes });
    expect(modesOf(demo)).toMatchObject({ "site/demo/a": "644", "site/demo/b": "755", "site/demo/c": "755", "site/demo/d": "644", "site/demo/e": "644" });
  });

  it("wheels W18: bytecode is left out and said", async () => {
    const demo = await readMade({ files: { "demo/__pycache__/__init__.cpython-311.pyc": "x", "demo/old.pyc": "y" } });
    expect(Object.keys(modesOf(demo)).filter((path) => path.includes("pyc"))).toEqual([]);
    expect(demo.warnings).toEqual(["W18: 2 files of bytecode are left out; bytecode is made where it runs"]);
  });

  it("wheels W19: what says how a wheel was installed does not come from the wheel", async () => {
    const demo = await readMade({ files: { [`${INFO}/INSTALLER`]: "evil\n", [`${INFO}/REQUESTED`]: "", [`${INFO}/direct_url.json`]: "{}" } });
    expect(Object.keys(modesOf(demo)).filter((path) => /REQUESTED|direct_url/.test(path))).toEqual([]);
    expect(inlineText(demo, `site/${INFO}/INSTALLER`)).toBe("caisson\n");
    expect(demo.tree.id).toBe((await readMade()).tree.id);
  });

  it("wheels W20: licences and SBOMs are taken as they are", async () => {
    const files = { [`${INFO}/licenses/sub/LICENSE`]: "free\n", [`${INFO}/sboms/x.cdx.json`]: "{}" };
    const demo = await readMade({ files });
    for (const [path, text] of Object.entries(files)) expect(demo.tree.entries).toContainEqual(expect.objectContaining({ path: `site/${path}`, digest: sha256(text) }));
  });

  it("wheels W24: an empty directory of the wheel is not made", async () => {
    expect((await readMade({ more: [{ name: "demo/empty/", mode: 0o040755 }] })).tree.id).toBe((await readMade()).tree.id);
  });

  it("names a namespace package that a wheel declares", async () => {
    const demo = await readMade({ files: { "ns/__init__.py": "__import__('pkg_resources').declare_namespace(__name__)\n", "ns/empty/__init__.py": "", "ns/code/__init__.py": "x = 1\n" } });
    expect(demo.namespaces).toEqual(["site/ns/__init__.py"]);
  });
});

describe("what is odd and accepted", () => {
  const accepted: readonly (readonly [what: string, wheel: MadeWheel, warnings: readonly string[]])[] = [
    ["W1: a build number", { fileName: "demo-1.0-1abc-py3-none-any.whl" }, []],
    ["W1: upper case and dots in the name", { fileName: "De.mo-1.0-py3-none-any.whl", files: { [`${INFO}/METADATA`]: null, [`${INFO}/WHEEL`]: null, "de_mo-1.0.dist-info/METADATA": "Name: de-mo\nVersion: 1.0\n", "de_mo-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nTag: py3-none-any\n", "de_mo-1.0.dist-info/RECORD": "" } }, []],
    ["W2: a dist-info directory below the top", { files: { "demo/vendored-1.0.dist-info/METADATA": "Name: vendored\n" } }, []],
    ["W2: a version with a local part in the file name only", { fileName: "demo-1.0+cpu-py3-none-any.whl", files: { [`${INFO}/METADATA`]: "Name: demo\nVersion: 1.0+cpu\n" } }, []],
    ["W3: a version that is written otherwise", { files: { [`${INFO}/METADATA`]: "Name: Demo\nVersion: v1.0\n" } }, []],
    ["W4: a newer minor version", { files: { [`${INFO}/WHEEL`]: "Wheel-Version: 1.9\nTag: py3-none-any\n" } }, ["W4: Wheel-Version 1.9 is newer than 1.0"]],
    ["W4: several versions, the first counts", { files: { [`${INFO}/WHEEL`]: "Wheel-Version: 1.0\nWheel-Version: 2.0\nTag: py3-none-any\n" } }, []],
    ["W5: Root-Is-Purelib in any case", { files: { [`${INFO}/WHEEL`]: "Wheel-Version: 1.0\nRoot-Is-Purelib: True\nTag: py3-none-any\n" } }, []],
    ["W6: tags that are not those of the file name", { files: { [`${INFO}/WHEEL`]: "Wheel-Version: 1.0\nTag: py2-none-any\n" } }, ["W6: the tags in WHEEL (py2-none-any) are not those of the file name, which win"]],
    ["W6: a compressed tag", { fileName: "demo-1.0-py2.py3-none-any.whl", files: { [`${INFO}/WHEEL`]: "Wheel-Version: 1.0\nTag: py3-none-any\nTag: py2-none-any\n" } }, []],
    ["W7: paths that begin with ./ or /", { record: (right) => right.replace("demo/", "./demo/").replace(/^demo-1\.0\.dist-info\/WHEEL/m, `/${INFO}/WHEEL`) }, []],
    ["W7: backslashes, quotes and CRLF", { record: (right) => right.replace("demo/__init__.py", '"demo\\__init__.py"').replaceAll("\n", "\r\n") }, []],
    ["W7: equal rows twice", { record: (right) => right + right }, []],
    ["W8: sha512", { record: (right) => right.replace(/^.*\n/, recordRow("demo/__init__.py", "def main():\n    return 0\n", "sha512")) }, []],
    ["W8: no size", { record: (right) => right.replace(/^(.*),25\n/, "$1,\n") }, []],
    ["W8: unlisted signatures", { more: [{ name: `${INFO}/RECORD.jws`, content: "{}" }, { name: `${INFO}/RECORD.p7s`, content: "x" }] }, []],
    ["W14: a script that looks like an activation", { files: { [`${DATA}/scripts/activate-demo`]: "#!/bin/sh\n" } }, ["W14: `activate-demo` has the name of a script that activates an environment"]],
    ["W23: a .pth file", { files: { "demo.pth": "import demo\n" } }, ["W23: `demo.pth` runs or changes the import path whenever Python starts"]],
    ["W23: a .start file", { files: { "demo.start": "demo:main\n" } }, ["W23: `demo.start` runs or changes the import path whenever Python starts"]],
    ["Z13: paths that differ only in case", { files: { "demo/A.py": "a", "demo/a.py": "b" } }, ["Z13: `site/demo/A.py` and `site/demo/a.py` differ only in case"]],
  ];
  it.each(accepted)("wheels %s", async (what, wheel, warnings) => {
    const made = what.includes("upper case") ? withRecord(wheel) : wheel;
    expect((await readMade(made)).warnings).toEqual(warnings);
  });
});

/** A wheel with a dist-info of another name, whose RECORD lies there. */
function withRecord(wheel: MadeWheel): MadeWheel {
  const path = "de_mo-1.0.dist-info/RECORD";
  const rows = Object.entries({ "demo/__init__.py": "def main():\n    return 0\n", ...wheel.files }).filter((entry): entry is [string, string] => entry[1] !== null && entry[0] !== path);
  return { ...wheel, files: { ...wheel.files, [path]: `${rows.map(([name, text]) => recordRow(name, text)).join("")}${path},,\n`, [`${INFO}/RECORD`]: null } };
}

describe("entry points and scripts", () => {
  it("wheels W14: spaces, comments, extras and dotted callables", async () => {
    const demo = await readMade({ files: { [`${INFO}/entry_points.txt`]: "# made by hand\n[console_scripts]\n  a=demo.cli : Main.run [extra1, extra2]\n  b.c-d =  demo:main\n; more\n[gui_scripts]\nE = demo:main\n[demo.plugins]\nmodule only = demo.plugins\n" } });
    expect(demo.tree.entries.map(({ path }) => path).filter((path) => path.startsWith("bin/"))).toEqual(["bin/E", "bin/a", "bin/b.c-d"]);
    expect(inlineText(demo, "bin/a")).toContain("\nfrom demo.cli import Main\nsys.exit(Main.run())\n");
  });

  it("wheels W13: a file of scripts/ that wraps an entry point is left out", async () => {
    const files = Object.fromEntries(["demo", "demo.exe", "demo-script.py", "demo.PYA", "Demo", "other.exe"].map((name) => [`${DATA}/scripts/${name}`, "wrapper"]));
    const demo = await readMade({ files: { ...files, [`${INFO}/entry_points.txt`]: "[console_scripts]\ndemo = demo:main\n" } });
    expect(demo.tree.entries.map(({ path }) => path).filter((path) => path.startsWith("bin/"))).toEqual(["bin/Demo", "bin/demo", "bin/other.exe"]);
  });

  it("wheels W12: a #!python script becomes a launcher and its verbatim body", async () => {
    const body = '#!python -u\n"""Doc."""\nfrom __future__ import annotations\n';
    const demo = await readMade({ files: { [`${DATA}/scripts/tool.py`]: body, [`${DATA}/scripts/binary`]: new Uint8Array([0x7f, 0x45, 0x4c, 0x46]), [`${DATA}/scripts/env`]: "#!/usr/bin/env python\n" } });
    expect(modesOf(demo)).toMatchObject({ "bin/tool.py": "755", "data/libexec/demo/tool.py": "644", "bin/binary": "755", "bin/env": "755" });
    expect(demo.tree.entries).toContainEqual(expect.objectContaining({ path: "data/libexec/demo/tool.py", digest: sha256(body) }));
    expect(demo.tree.entries).toContainEqual(expect.objectContaining({ path: "bin/env", digest: sha256("#!/usr/bin/env python\n") }));
  });

  it("wheels W12: a #!pythonw script too; a first line that only begins alike is no such script", async () => {
    const demo = await readMade({ files: { [`${DATA}/scripts/window`]: "#!pythonw\nx = 1\n", [`${DATA}/scripts/spaced`]: "#! python\n", [`${DATA}/scripts/later`]: "\n#!python\n" } });
    expect(demo.tree.entries.map(({ path }) => path).filter((path) => path.startsWith("data/libexec/"))).toEqual(["data/libexec/demo/window"]);
    expect(inlineText(demo, "bin/window")).toBe((inlineText(demo, "bin/window") ?? "").replaceAll("pythonw", "python"));
    for (const [path, text] of [["bin/spaced", "#! python\n"], ["bin/later", "\n#!python\n"]] as const) expect(demo.tree.entries).toContainEqual(expect.objectContaining({ path, digest: sha256(text) }));
  });

  it("wheels W16: of all that is written for a wheel, programs begin with /bin/sh and nothing names a place", async () => {
    const demo = await readMade({ files: { [`${INFO}/entry_points.txt`]: "[console_scripts]\none = demo:main\n[gui_scripts]\ntwo = demo:main\n", [`${DATA}/scripts/three`]: "#!python\n", [`${DATA}/scripts/four`]: "#!pythonw\n", [`${DATA}/scripts/five.py`]: "#!python3 -E\n" } });
    const programs = demo.tree.entries.filter(({ path }) => path.startsWith("bin/"));
    expect(programs.map(({ path }) => (inlineText(demo, path) ?? "").split("\n")[0])).toEqual(Array.from({ length: 5 }, () => "#!/bin/sh"));
    const written = demo.tree.entries.flatMap(({ path }) => inlineText(demo, path) ?? []).join("\n");
    expect([...written.matchAll(/(?:^|[\s'"!])(\/[\w.-]+)/g)].map(([, place]) => place).filter((place) => place !== "/bin")).toEqual([]);
  });
});

it("reads METADATA: requirements as written, the required Python, whatever the description's encoding", async () => {
  const metadata = Buffer.concat([Buffer.from("Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nRequires-Python: >=3.8,<4\nRequires-Dist: a (>=1) ; extra == 'x'\nRequires-Dist: b\nSummary: one\n  two\n\nRequires-Dist: not a header\n"), Buffer.from([0xe9, 0xff])]);
  const demo = await readMade({ files: { [`${INFO}/METADATA`]: metadata } });
  expect(demo).toMatchObject({ name: "demo", version: "1.0", fileName: "demo-1.0-py3-none-any.whl", requiresPython: ">=3.8,<4", requires: ["a (>=1) ; extra == 'x'", "b"] });
  expect(demo).not.toHaveProperty("elf");
});

it("wheels W1: a file name is taken apart and put together", () => {
  expect(parseWheelFileName("Foo.Bar_baz-1.0_1-2x-cp311.cp312-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl")).toEqual({
    name: "foo-bar-baz",
    version: "1.0.post1",
    build: "2x",
    pythonTags: ["cp311", "cp312"],
    abiTags: ["abi3"],
    platformTags: ["manylinux_2_17_x86_64", "manylinux2014_x86_64"],
  });
  const word = fc.stringMatching(/^[A-Za-z0-9]{1,8}$/);
  fc.assert(
    fc.property(word, fc.nat(99), fc.option(fc.nat(9)), word, word, word, (name, version, build, python, abi, platform) => {
      const parsed = parseWheelFileName(`${name}-${version}${build === null ? "" : `-${build}`}-${python}-${abi}-${platform}.whl`);
      expect(parsed).toMatchObject({ name: name.toLowerCase(), version: String(version), pythonTags: [python], abiTags: [abi], platformTags: [platform] });
    }),
  );
});
