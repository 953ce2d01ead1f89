import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openAgent } from "../../src/transport/index.ts";
import { lacking, startHosts, type Hosts, type Machine } from "../support/hosts.ts";
import { makeHome, type Home } from "../support/machine.ts";
import { contextOf } from "../transport/over-ssh.ts";

const missing = lacking("namespace") ?? (existsSync("/usr/lib/python3.11/lib-dynload") ? undefined : "needs Debian's python3.11");

describe.skipIf(missing !== undefined)(`a host without any Python${missing === undefined ? "" : ` (${missing})`}`, () => {
  let home: Home;
  let work: string;
  let hosts: Hosts<Machine>;
  beforeAll(async () => {
    hosts = await startHosts({ kind: "namespace", hosts: { h1: { python: false } } });
    home = makeHome();
    work = join(home.directory, "work");
    const python = join(home.directory, "python");
    mkdirSync(join(python, "bin"), { recursive: true });
    cpSync("/usr/bin/python3.11", join(python, "bin/python3.11"));
    cpSync("/usr/lib/python3.11", join(python, "lib/python3.11"), { recursive: true, verbatimSymlinks: true });
    rmSync(join(python, "lib/python3.11/sitecustomize.py"), { force: true });
    mkdirSync(join(work, "hello"), { recursive: true });
    writeFileSync(join(work, "pyproject.toml"), '[project]\nname = "hello"\nversion = "1.0"\ndescription = "Greets."\n[project.scripts]\nhello = "hello:main"\n[build-system]\nrequires = ["flit_core>=3.4"]\nbuild-backend = "flit_core.buildapi"\n');
    writeFileSync(join(work, "hello/__init__.py"), '"""Greets."""\nimport sys\ndef main():\n    print("hello", sys.version_info[:2])\n');
    writeFileSync(join(work, "caisson.toml"), '[workspace]\nplatforms = ["debian-12"]\n[platforms.debian-12]\ninterpreter = "tree:python-3.11"\n[packages.hello]\npath = "."\nhealth = { command = "hello" }\n');
  }, 300_000);
  afterAll(async () => {
    home.remove();
    await hosts[Symbol.asyncDispose]();
  });

  function sh(script: string): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
    const { status, stdout, stderr } = spawnSync("/bin/sh", ["-ec", script], { cwd: work, env: { ...home.env, PATH: `${hosts.files.bin}:${home.env["PATH"] ?? ""}` }, encoding: "utf8" });
    return { status, stdout, stderr };
  }

  it("fault 34: is deployed to with the interpreter that the release brings, which a plan alone leaves no trace of", async () => {
    const ill = sh("caisson doctor --to deploy@h1:/srv/hello || true").stdout;
    expect(ill).toMatch(/^h1 {2}agent {2}mend {2}\S+, known in .*: `h1` has no Python 3\.6 or newer, and there is no interpreter `python-3\.11` in the store\n {4}on this machine: bring one: caisson interpreter add FILE --name python-3\.11\n$/);
    expect(sh("caisson interpreter add ../python && caisson build")).toMatchObject({ status: 0 });
    expect(sh("caisson doctor --to deploy@h1:/srv/hello")).toMatchObject({ status: 0, stdout: expect.stringMatching(/^h1 +python +well +none of its own; releases bring 3\.11\.\d+$/m) as string });
    expect(sh("caisson status --to deploy@h1:/srv/hello")).toMatchObject({ status: 5, stderr: expect.stringContaining("has no Python 3.6 or newer") as string });
    expect(sh("caisson deploy --to deploy@h1:/srv/hello --plan-out plan.json")).toMatchObject({ status: 0 });
    await expect.poll(async () => await hosts.get("h1").enter(["ls", "-A", "/srv"]), { timeout: 120_000 }).toBe("");
    expect(sh("caisson deploy plan.json --yes")).toMatchObject({ status: 0, stdout: "h1  hello@1.0  active  (was: none)\n" });
    expect(await hosts.get("h1").run("/srv/hello/versions/current/bin/hello")).toMatchObject({ status: 0, stdout: "hello (3, 11)\n" });
    // From now on the agent runs on what stands there.
    expect(sh("caisson status --to deploy@h1:/srv/hello")).toMatchObject({ status: 0, stdout: "h1  hello@1.0  active  healthy\n" });
    await using agent = await openAgent(contextOf(hosts), { name: "h1", via: "ssh", address: "deploy@h1", root: "/srv/hello" }, { by: "tester" });
    expect((await agent.observe()).facts.python).toMatch(/^3\.11\./);
    expect((await hosts.get("h1").enter(["ls", "-A", "/srv/hello"])).split("\n").filter((name) => name.startsWith(".python"))).toEqual([]);
  }, 120_000);
});
