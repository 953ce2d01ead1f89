import { spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeHome, type Home } from "../support/machine.ts";

/** Debian's own Python, copied out of its packages, can be moved. */
const DEBIAN = "/usr/bin/python3.11";

describe.skipIf(!existsSync(DEBIAN) || !existsSync("/usr/lib/python3.11/lib-dynload"))("a release that brings its interpreter (needs Debian's python3.11)", () => {
  let home: Home;
  let work: string;
  beforeAll(() => {
    home = makeHome();
    work = join(home.directory, "work");
    const python = join(home.directory, "python");
    mkdirSync(join(python, "bin"), { recursive: true });
    cpSync(DEBIAN, join(python, "bin/python3.11"));
    cpSync("/usr/lib/python3.11", join(python, "lib/python3.11"), { recursive: true, verbatimSymlinks: true });
    rmSync(join(python, "lib/python3.11/sitecustomize.py"), { force: true });
    mkdirSync(join(work, "hello"), { recursive: true });
    writeFileSync(join(work, "pyproject.toml"), '[project]\nname = "hello"\nversion = "1.0"\ndescription = "Greets."\ndependencies = ["markupsafe"]\n[project.scripts]\nhello = "hello:main"\n[build-system]\nrequires = ["flit_core>=3.4"]\nbuild-backend = "flit_core.buildapi"\n');
    writeFileSync(join(work, "hello/__init__.py"), '"""Greets."""\nimport markupsafe, os, sys\ndef main():\n    print("hello", sys.version_info[:2], os.path.realpath(sys.base_prefix))\n');
    writeFileSync(join(work, "caisson.toml"), '[workspace]\nplatforms = ["debian-12"]\n[platforms.debian-12]\ninterpreter = "tree:python-3.11"\n[packages.hello]\npath = "."\n');
  });
  afterAll(() => home.remove());

  function sh(script: string, env: Readonly<Record<string, string>> = {}): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
    const { status, stdout, stderr } = spawnSync("/bin/sh", ["-ec", script], { cwd: work, env: { ...home.env, ...env }, encoding: "utf8" });
    return { status, stdout, stderr };
  }

  it("names the command that brings one where the store has none", () => {
    expect(sh("caisson build")).toMatchObject({ status: 1, stderr: expect.stringContaining("error: there is no interpreter `python-3.11` in the store\nhint: bring one: caisson interpreter add FILE --name python-3.11\n") as string });
  });

  it("refuses a build that is tied to its place", () => {
    sh("mkdir -p tied/bin tied/lib && cp ../python/bin/python3.11 tied/bin/ && ln -s /usr/lib/python3.11 tied/lib/python3.11");
    expect(sh("caisson interpreter add tied")).toMatchObject({ status: 1, stderr: expect.stringMatching(/^error: this build is not relocatable: the link `lib\/python3.11` leads to `\/usr\/lib\/python3.11`/m) as string });
    expect(sh("caisson interpreter add hello")).toMatchObject({ status: 1, stderr: expect.stringContaining("`hello` has no `bin/python3.X`") as string });
  });

  it("row P18: takes one in, twice the same, and builds a bundle that installs where there is no Python at all, moves, and starts", () => {
    expect(sh("caisson interpreter add ../python")).toMatchObject({ status: 0, stdout: expect.stringMatching(/^python-3\.11 {2}CPython 3\.11\.\d+ {2}x86_64 {2}glibc 2\.3\d {2}\d+ MB {2}added\n$/) as string });
    sh("cp -r ../python ../elsewhere");
    expect(sh("caisson interpreter add ../elsewhere").stdout).toMatch(/unchanged\n$/);
    expect(sh("caisson build --format dir && rm dist/*.sha256 && mv dist/* bundle")).toMatchObject({ status: 0 });
    const bin = join(home.directory, "no python");
    mkdirSync(bin);
    for (const name of ["sh", "sed", "tar", "mktemp", "rm", "dirname", "readlink", "mkdir"]) symlinkSync(sh(`command -v ${name}`).stdout.trim(), join(bin, name));
    expect(sh("./bundle/install.sh ../site", { PATH: bin })).toMatchObject({ status: 0, stdout: "Setting up virtualenv\nInstalling hello-1.0\nVerifying install\nDone.\n", stderr: "" });
    expect(sh("../site/bin/hello", { PATH: bin })).toMatchObject({ status: 0, stdout: expect.stringMatching(/^hello \(3, 11\) .*\/site\/\.trees\/[0-9a-f]{64}\/root\n$/) as string });
    // An old system has a python3, and it is of no use.
    writeFileSync(join(bin, "python3"), "#!/bin/sh\necho 3.5\n", { mode: 0o755 });
    expect(sh("./bundle/install.sh ../old && ../old/bin/hello", { PATH: bin })).toMatchObject({ status: 0, stdout: expect.stringMatching(/Done\.\nhello \(3, 11\) /) as string, stderr: "" });
    expect(readdirSync(join(home.directory, "tmp")).filter((name) => name.startsWith("caisson-python"))).toEqual([]);
    // Every module of its standard library is compiled: nobody may write there later.
    expect(sh("find ../site/.trees -name '*.py' -path '*/root/lib/python3.11/json/*' | wc -l; find ../site/.trees -name '*.pyc' -path '*/root/lib/python3.11/json/__pycache__/*' | wc -l").stdout).toBe("5\n5\n");
  });

  it("row P6: install.sh that is stopped leaves nothing, its own interpreter neither, or has done all and says so", async () => {
    const bin = join(home.directory, "no python");
    const [temporary, target] = [join(home.directory, "tmp"), join(home.directory, "stopped", "site")];
    const stop = async (isThere: () => boolean, signal: NodeJS.Signals): Promise<void> => {
      const child = spawn(join(work, "bundle/install.sh"), [target], { cwd: work, env: { ...home.env, PATH: bin }, stdio: "ignore" });
      const ended = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
      while (child.exitCode === null && !isThere()) await sleep(5);
      child.kill(signal);
      const status = await ended;
      expect({ status, there: existsSync(target), above: existsSync(join(home.directory, "stopped")) }).toEqual(status === 0 ? { status, there: true, above: true } : { status: 1, there: false, above: false });
      expect(readdirSync(temporary).filter((name) => name.startsWith("caisson-python"))).toEqual([]);
    };
    await stop(() => readdirSync(temporary).some((name) => name.startsWith("caisson-python")), "SIGTERM");
    rmSync(join(home.directory, "stopped"), { recursive: true, force: true });
    await stop(() => existsSync(join(home.directory, "stopped")), "SIGHUP");
  });
});
