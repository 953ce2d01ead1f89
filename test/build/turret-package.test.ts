import { execFileSync } from "node:child_process";
import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { defaultPythonMinor } from "../support/machine.ts";
import type { CaissonError, Payload, Tree } from "../../src/model/index.ts";
import { makeWorkshop, type TestWorkshop } from "./workshop.ts";

const open: TestWorkshop[] = [];
afterEach(() => open.splice(0).forEach((workshop) => workshop.remove()));

const SCRIPT = "class Transaction(object):\n    def __init__(self, config, context=None):\n        pass\n";
const TOP = { run_time: 30, results_ts_interval: 10, testing: false, progress_bar: true, hq_address: "hq", publish_port: 5000, rc_port: 5001 };
const navigation = { name: "navigation", cannons: 2, rampup: 0, script: "test_scripts/v_user.py" };
const shell = { name: "shell", cannons: 1, rampup: 0, command: ["./run.sh", "a b"], extra_files: ["run.sh"] };

async function workshopOf(packages: string, top: Readonly<Record<string, unknown>>, ...turrets: readonly unknown[]): Promise<TestWorkshop> {
  const workshop = await makeWorkshop({
    "caisson.toml": `[workspace]\nname = "load"\n${packages}`,
    "load/config.json": JSON.stringify({ ...TOP, ...top, turrets }, undefined, 1),
    "load/test_scripts/v_user.py": SCRIPT,
    "load/VERSION": "1.2\n",
    "load/run.sh": "#!/bin/sh\necho \"$PWD $*\"\n",
  });
  chmodSync(join(workshop.directory, "load/run.sh"), 0o755);
  open.push(workshop);
  workshop.commit("first");
  return workshop;
}

async function problemOf(workshop: TestWorkshop): Promise<string> {
  return await workshop.build().then(() => "none", (error: unknown) => (error as CaissonError).problems.map(({ file = "", message }) => `${file}: ${message}`).join("\n"));
}

async function payloadOf({ store }: TestWorkshop, [result]: Awaited<ReturnType<TestWorkshop["build"]>>): Promise<Payload> {
  return await store.readJson<Payload>(result!.artifacts[0]!.artifact.payload.digest);
}

describe("a package of kind turret", () => {
  it("is an environment with oct-turrets, the turret's files, and a process that starts it; the second time nothing is asked", { timeout: 300_000 }, async () => {
    const workshop = await workshopOf('[packages.navigation]\nkind = "turret"\npath = "load"\n', { turrets_requirements: ["iniconfig"] }, navigation, { ...navigation, name: "random" });
    const first = await workshop.build({ formats: ["tar.gz", "turret"] });
    const payload = await payloadOf(workshop, first);
    expect(payload).toMatchObject({ kind: "turret", version: "1.2", interpreter: { from: "host" }, processes: [{ name: "turret", argv: ["start-turret"] }] });
    const needed = ["iniconfig", "oct-turrets", "pyzmq", "six", ...(Number(defaultPythonMinor().slice(2)) >= 12 ? ["zombie-imp"] : [])];
    expect(payload.distributions.map(({ name }) => name)).toEqual(needed);
    expect(payload.links.filter(({ path }) => /^(?:turret|bin\/start-turret|processes\/turret|.*caisson_turret\.py)$/.test(path)).map(({ how, path }) => `${how} ${path}`)).toEqual(["hardlink bin/start-turret", `symlink lib/python${payload.platform.python.version}/site-packages/caisson_turret.py`, "hardlink processes/turret", "symlink turret"]);
    expect(first[0]!.artifacts.map(({ artifact }) => artifact.fileName)).toEqual([`navigation-1.2-${payload.platform.label}.tar.gz`, "navigation-1.2.tar"]);
    const archive = first[0]!.artifacts[1]!.path;
    expect(execFileSync("tar", ["tf", archive], { encoding: "utf8" })).toBe("config.json\nsetup.py\ntest_scripts/v_user.py\n");
    expect(execFileSync("tar", ["xOf", archive, "setup.py"], { encoding: "utf8" })).toContain('version="1.2"');
    const second = await workshop.build({ formats: ["tar.gz", "turret"] });
    expect(second[0]!.artifacts.map(({ state }) => state)).toEqual(["unchanged", "unchanged"]);
    expect(workshop.programs.filter((program) => /(?:^|\/)uv /.test(program))).toEqual([]);
    workshop.write({ "load/test_scripts/v_user.py": `${SCRIPT}\n    def run(self):\n        pass\n` });
    workshop.commit();
    const third = await workshop.build({ formats: ["tar.gz"], offline: true });
    expect((await payloadOf(workshop, third)).distributions).toEqual(payload.distributions);
    expect(workshop.programs.filter((program) => /(?:^|\/)uv /.test(program))).toEqual([]);
  });

  it("row O14: of a turret that is not Python has no environment, and starts the command in the turret's folder", async () => {
    const workshop = await workshopOf('[packages.worker]\nkind = "turret"\npath = "load"\nturret = "shell"\nprocesses.other = "true"\n', {}, shell);
    const payload = await payloadOf(workshop, await workshop.build());
    expect(payload).toMatchObject({ kind: "turret", written: "worker", distributions: [], processes: [{ name: "turret", argv: ["start-turret", "./run.sh", "a b"] }, { name: "other" }] });
    expect(payload.interpreter).toBeUndefined();
    const trees = await Promise.all(payload.trees.map(({ document }) => workshop.store.readJson<Tree>(document.digest)));
    expect(trees.flatMap(({ entries }) => entries.map(({ path }) => path))).toEqual(["root/processes/other", "root/processes/turret", "root/bin/start-turret", "root/turret/config.json", "root/turret/run.sh"]);
    expect(workshop.programs.filter((program) => /(?:^|\/)uv /.test(program))).toEqual([]);
  });

  it("row O12: packs to the same bytes from the same files at another commit and in another store", async () => {
    const bytes: Buffer[] = [];
    for (const _ of [1, 2]) {
      const workshop = await workshopOf('[packages.shell]\nkind = "turret"\npath = "load"\n', {}, shell);
      workshop.write({ "other.txt": String(bytes.length) });
      workshop.commit();
      const [result] = await workshop.build({ formats: ["turret"] });
      bytes.push(readFileSync(result!.artifacts[0]!.path));
    }
    expect(bytes[1]!.equals(bytes[0]!)).toBe(true);
  });

  it("is built for the format `turret` alone where that is asked for, and nothing else is", async () => {
    const workshop = await workshopOf('[packages.shell]\nkind = "turret"\npath = "load"\n[packages.files]\nkind = "files"\npath = "load"\n', {}, shell);
    expect((await workshop.build({ formats: ["turret"] })).map((result) => result.package)).toEqual(["shell"]);
    await expect(workshop.build({ formats: ["turret"], packages: ["files" as never] })).rejects.toMatchObject({ code: "format-unknown", message: "`files` is no turret" });
    await expect((await workshopOf('[packages.files]\nkind = "files"\npath = "load"\n', {}, shell)).build({ formats: ["turret"] })).rejects.toMatchObject({ message: "no package of this workspace is a turret" });
  });

  it("says of a project what is wrong with it, by file, and of caisson.toml which turret it means", async () => {
    const table = '[packages.navigation]\nkind = "turret"\npath = "load"\n';
    expect(await problemOf(await workshopOf(table, {}, { ...navigation, rampup: -1 }))).toMatch(/^load\/config\.json: `turrets\[0\]\.rampup` is `-1`$/);
    expect(await problemOf(await workshopOf(table, {}, { ...navigation, script: "lost.py" }))).toBe("load/config.json: `script` of `navigation` names `lost.py`, which is not there");
    expect(await problemOf(await workshopOf(table, {}, { ...navigation, extra_files: ["/etc/hostname"] }))).toContain("lies outside the package: `/etc/hostname`");
    expect(await problemOf(await workshopOf(table, {}, { ...navigation, extra_files: ["../caisson.toml"] }))).toContain("lies outside the package: `../caisson.toml`");
    expect(await problemOf(await workshopOf(table, {}, shell))).toBe("caisson.toml: there is no turret `navigation` in `load`");
    expect(await problemOf(await workshopOf(`${table}prefix = "etc"\n`, {}, navigation))).toBe("caisson.toml: `prefix` means nothing for a package of kind turret");
    expect(await problemOf(await workshopOf('[packages.navigation]\nkind = "turret"\n', {}, navigation))).toBe("caisson.toml: `.` is no OCT project: it has no `config.json` with `turrets`");
  });
});
