import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { launcherText } from "../../src/python/index.ts";
import { temporaryDirectory, type TemporaryDirectory } from "../../src/system/index.ts";
import { findPython } from "../support/python-minor.ts";
import { inlineText, readMade } from "./made-wheel.ts";

const MODULE = "import sys\nclass A:\n    @staticmethod\n    def run():\n        print('entry', sys.argv[0].rpartition('/')[2], sys.argv[1:], __name__)\n        return 3\n";
const SCRIPT = '#!python\n# -*- coding: utf-8 -*-\n"""Doc."""\nfrom __future__ import print_function\nimport sys\nprint("script", sys.argv[0].rpartition("/")[2], sys.argv[1:], __name__, __doc__)\nsys.exit(4)\n';

it("wheels W15: the text is constant but for the entry point", () => {
  expect(launcherText("shop.cli:main")).toBe(
    `#!/bin/sh\n'''exec' /bin/sh -c 'p=$(readlink -f -- "$0") && exec "\${p%/*}/python" "$p" "$@"' "$0" "$@"\n' '''\nimport sys\nfrom shop.cli import main\nsys.exit(main())\n`,
  );
  expect(launcherText("m:A.b.c").endsWith("\nfrom m import A\nsys.exit(A.b.c())\n")).toBe(true);
});

/** A part of a release with an entry point and a `#!python` script, under a path with a space and a quote. */
async function layPart(scratch: TemporaryDirectory, python: string): Promise<string> {
  const demo = await readMade({ files: { "demo/__init__.py": MODULE, "demo-1.0.dist-info/entry_points.txt": "[console_scripts]\nentry = demo:A.run\n", "demo-1.0.data/scripts/script": SCRIPT } });
  const part = join(scratch.path, "it's a release", "part");
  for (const directory of ["bin", "libexec/demo", "demo", "../../links"]) mkdirSync(join(part, directory), { recursive: true });
  for (const name of ["entry", "script"]) {
    writeFileSync(join(part, "bin", name), inlineText(demo, `bin/${name}`) ?? "", { mode: 0o755 });
    symlinkSync(`../it's a release/part/bin/${name}`, join(scratch.path, "links", name));
  }
  writeFileSync(join(part, "libexec/demo/script"), SCRIPT);
  writeFileSync(join(part, "demo/__init__.py"), MODULE);
  writeFileSync(join(part, "bin/python"), `#!/bin/sh\nPYTHONPATH="\${0%/bin/*}" PYTHONDONTWRITEBYTECODE=1 exec "${python}" "$@"\n`, { mode: 0o755 });
  return part;
}

function call(argv: readonly string[], cwd: string): string {
  const [program = "", ...words] = argv;
  const { status, stdout, stderr } = spawnSync(program, words, { cwd, encoding: "utf8" });
  return `${stdout}${stderr}= ${status}`;
}

const ENTRY = "entry entry ['a b', '$c'] demo\n= 3";
const BODY = "script script ['a b', '$c'] __main__ Doc.\n= 4";

describe("launchers start the python beside their real path, with arguments and exit status", () => {
  const minors = ["3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13"].map((minor) => [minor, findPython(minor)] as const);
  it.for(minors)("wheels W15: of Python %s (where it is installed)", async ([, python], { skip }) => {
    if (python === undefined) skip();
    await using scratch = await temporaryDirectory("caisson-launcher");
    const part = await layPart(scratch, python ?? "");
    for (const bin of ["links", join(part, "bin")]) {
      expect(call([join(bin, "entry"), "a b", "$c"], scratch.path)).toBe(ENTRY);
      expect(call([join(bin, "script"), "a b", "$c"], scratch.path)).toBe(BODY);
    }
  });

  it("wheels W15: when a release has moved, and when Python is given the file", async () => {
    await using scratch = await temporaryDirectory("caisson-launcher");
    cpSync(await layPart(scratch, "python3"), join(scratch.path, "moved"), { recursive: true });
    for (const start of [[], ["moved/bin/python"], ["/bin/sh"]]) {
      expect(call([...start, join(scratch.path, "moved/bin/entry"), "a b", "$c"], scratch.path)).toBe(ENTRY);
      expect(call([...start, join(scratch.path, "moved/bin/script"), "a b", "$c"], scratch.path)).toBe(BODY);
    }
  });

  const shells = [["dash"], ["bash"], ["busybox", "sh"]].map((shell) => [shell.join(" "), shell, spawnSync(shell[0] ?? "", ["-c", "true"]).error === undefined] as const);
  it.for(shells)("wheels W15: under %s (where it is installed)", async ([, shell, there], { skip }) => {
    if (!there) skip();
    await using scratch = await temporaryDirectory("caisson-launcher");
    const part = await layPart(scratch, "python3");
    expect(call([...shell, join(part, "bin/entry"), "a b", "$c"], scratch.path)).toBe(ENTRY);
    expect(call([...shell, join(part, "bin/script"), "a b", "$c"], scratch.path)).toBe(BODY);
  });
});
