import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { setTimeout as sleep } from "node:timers/promises";
import { makeHome, project } from "../support/machine.ts";
import { isRunning } from "../support/running.ts";

/** Tells what it finds, and leaves something wherever it can. */
const setup = `import os, pathlib, sys, sysconfig
from setuptools import setup
home, site = pathlib.Path.home(), pathlib.Path(sysconfig.get_path("purelib"))
found = sorted(name for name in os.environ if name in ("SECRET", "PYTHONPATH", "PIP_REQUIRE_VIRTUALENV", "CFLAGS")) + [str(left) for left in (home / "left", site / "left.py", pathlib.Path("left")) if left.exists()]
# A back end is called twice in one build: what it needs, and then for the wheel.
if "bdist_wheel" in sys.argv:
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

/** Says which process it is, and waits until somebody ends it. */
const endless = `import os, pathlib, time
pathlib.Path(MARK).write_text(str(os.getpid()))
time.sleep(1000)
`;

it.each([
  ["Ctrl-C", "SIGINT", 1],
  ["kill", "SIGTERM", 1],
  ["kill -9", "SIGKILL", null],
] as const)("row W1: nothing of a build runs on or stays after %s, at the latest when the next one begins", async (_, signal, status) => {
  const home = makeHome();
  try {
    const [work, mark] = [join(home.directory, "work"), join(home.directory, "mark")];
    mkdirSync(work);
    writeFileSync(join(work, "setup.py"), endless.replace("MARK", JSON.stringify(mark)));
    writeFileSync(join(work, "pyproject.toml"), '[build-system]\nrequires = ["setuptools>=68"]\nbuild-backend = "setuptools.build_meta"\n[project]\nname = "app"\nversion = "1.0"\n');
    const build = spawn(process.execPath, [join(project, "dist/cli/main.js"), "build"], { cwd: work, env: home.env, stdio: "ignore" });
    const ended = once(build, "exit") as Promise<[number | null]>;
    while (!existsSync(mark) || readFileSync(mark, "utf8") === "") await sleep(50);
    build.kill(signal);
    expect((await ended)[0]).toBe(status);
    const backEnd = Number(readFileSync(mark, "utf8"));
    while (isRunning(backEnd)) await sleep(50);
    writeFileSync(join(work, "setup.py"), "from setuptools import setup\nsetup(py_modules=[])\n");
    const next = signal === "SIGKILL" ? spawnSync("caisson", ["build"], { cwd: work, env: home.env, encoding: "utf8" }) : { status: 0 };
    expect([next.status, readdirSync(join(home.directory, "tmp"))]).toEqual([0, []]);
  } finally {
    home.remove();
  }
});
