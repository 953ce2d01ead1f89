import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { makeHome } from "../support/machine.ts";

/** Tells what it finds, and leaves something wherever it can. */
const setup = `import os, pathlib, sys, sysconfig
from setuptools import setup
home, site = pathlib.Path.home(), pathlib.Path(sysconfig.get_path("purelib"))
found = sorted(name for name in os.environ if name in ("SECRET", "PYTHONPATH", "PIP_REQUIRE_VIRTUALENV", "CFLAGS")) + [str(left) for left in (home / "left", site / "left.py", pathlib.Path("left")) if left.exists()]
for left in (home / "left", site / "left.py", pathlib.Path("left")):
    left.write_text("left")
try:
    import numpy
    found.append("numpy")
except ImportError:
    pass
if found:
    raise SystemExit("found " + ", ".join(found))
if pathlib.Path("FAIL").exists():
    raise SystemExit("as it was told")
setup(name="app", version="1.0", py_modules=["app"])
`;

it("row W1: a build sees nothing of its caller's environment and of the build before, and nothing of it stays, also where it fails", () => {
  const home = makeHome();
  try {
    const work = join(home.directory, "work");
    mkdirSync(work);
    writeFileSync(join(work, "setup.py"), setup);
    writeFileSync(join(work, "app.py"), "x = 1\n");
    const sh = (script: string): { readonly status: number | null; readonly stderr: string } => {
      const { status, stderr } = spawnSync("sh", ["-ec", script], { cwd: work, env: { ...home.env, SECRET: "x", PYTHONPATH: "/x", CFLAGS: "-x", PIP_REQUIRE_VIRTUALENV: "1" }, encoding: "utf8" });
      return { status, stderr };
    };
    expect(sh("git init -q -b main && git add . && git commit -qm one && caisson build")).toMatchObject({ status: 0 });
    expect(sh("echo y = 1 >> app.py && git commit -qam two && caisson build")).toMatchObject({ status: 0 });
    const failed = sh("touch FAIL && git add . && git commit -qm three && caisson build");
    expect(failed).toMatchObject({ status: 1, stderr: expect.stringMatching(/^error: building the wheel of `app` failed$[^]*as it was told$/m) as string });
    expect(readdirSync(join(home.directory, "tmp"))).toEqual([]);
    expect(readdirSync(work).toSorted()).toEqual([".git", "FAIL", "app.py", "dist", "setup.py"]);
  } finally {
    home.remove();
  }
});
