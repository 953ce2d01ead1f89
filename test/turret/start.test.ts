import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { packTurrets } from "../../src/build/index.ts";
import { createContext } from "../../src/system/index.ts";
import type { Python } from "../support/machine.ts";
import { startHq, type Hq } from "../support/oct-hq.ts";
import { newer, older, startWorker, vUser, type Worker } from "./ground.ts";
import { makeArchive } from "./made-archive.ts";

const STARTING = /^stderr \[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}: INFO \| oct_turrets\.turret\] starting turret$/;

/** An archive of ours, packed from a project whose HQ is `hq`. */
async function packed(worker: Worker, hq: Hq, more: Readonly<Record<string, unknown>> = {}, turret: Readonly<Record<string, unknown>> = {}, format: "tar" | "tar.gz" = "tar"): Promise<string> {
  const { hq_address, hq_publisher: publish_port, hq_rc: rc_port } = hq.config;
  const project = { run_time: 30, results_ts_interval: 10, testing: false, progress_bar: false, hq_address, publish_port, rc_port, turrets: [{ name: "navigation", cannons: 1, rampup: 0, script: "test_scripts/v_user.py", ...turret }], ...more };
  worker.write({ "project/config.json": JSON.stringify(project), "project/test_scripts/v_user.py": vUser });
  const ctx = createContext({ cwd: worker.directory, env: worker.env, report: () => undefined, signal: new AbortController().signal });
  await packTurrets(ctx, { directory: "project", format, setup: true, version: "0.1" });
  return `project/navigation.${format}`;
}

/** The whole of a turret's life as its HQ sees it: it reports, fires, is stopped before time, and is ended. */
async function expectLife(hq: Hq, ended: Promise<unknown>, cannonsKey: "canons" | "cannons" = "cannons"): Promise<void> {
  expect(await hq.until(({ status }) => status === "ready", { ended })).toMatchObject({ turret: "navigation", script: "test_scripts/v_user.py", rampup: 0, [cannonsKey]: 1 });
  hq.publish("status_request");
  await hq.until(({ status }) => status === "ready", { after: 1, ended });
  hq.publish("start");
  await hq.until(({ status }) => status === "Running");
  expect(await hq.until(({ scriptrun_time: time }) => time !== undefined)).toMatchObject({ error: "" });
  const before = hq.messages.length;
  hq.publish("stop");
  await hq.until(({ status }) => status === "ready", { after: before, ended });
  hq.publish("kill");
  await hq.until(({ status }) => status === "Killed");
}

const pythons: readonly (readonly [string, Python | undefined, "tar" | "tar.gz"])[] = [["up to 3.11", older, "tar"], ["from 3.12 on", newer, "tar.gz"]];

describe.each(pythons)("on a Python %s", { timeout: 180_000 }, (_, python, format) => {
  it.skipIf(python === undefined)("rows O7, O8: the real oct-turrets starts from our archive, talks to its HQ, and is stopped by it (needs such a CPython)", async () => {
    await using worker = await startWorker(python as Python);
    await using hq = await startHq();
    const { ended } = worker.start({ tar: await packed(worker, hq, {}, {}, format) });
    await hq.until(({ status }) => status === "ready", { ended });
    expect(worker.lines.filter((line) => line.includes("starting turret"))).toEqual([expect.stringMatching(STARTING)]);
    await expectLife(hq, ended);
    expect(await ended).toBeUndefined();
    // What its HQ stops before time is ready for another test, says the program, by the same line.
    expect(worker.lines.filter((line) => STARTING.test(line))).toHaveLength(2);
    expect(worker.left()).toEqual([]);
  });

  it.skipIf(python === undefined)("row O13: an archive of the original's 0.3, which says canons alone, starts today's oct-turrets (needs such a CPython)", async () => {
    await using worker = await startWorker(python as Python);
    await using hq = await startHq();
    makeArchive(join(worker.directory, "navigation.tar"), `config(canons=1, cannons=None, **${JSON.stringify(hq.config)}); add("setup.py", b"setup(install_requires=[\\n\\n  'oct-turrets'\\n])"); script(${JSON.stringify(vUser)})`);
    const { ended } = worker.start({ tar: "navigation.tar" });
    await expectLife(hq, ended);
    expect(await ended).toBeUndefined();
  });

  it.skipIf(python === undefined)("row O13: an archive of the original's 0.4, which says cannons alone, starts oct-turrets 0.2.2 (needs such a CPython)", async () => {
    await using worker = await startWorker(python as Python);
    await using hq = await startHq();
    makeArchive(join(worker.directory, "navigation.tar.gz"), `config(**${JSON.stringify(hq.config)}); add("setup.py", b"setup(install_requires=[\\n  'oct-turrets==0.2.2',\\n  'oct-turrets'\\n])"); script(${JSON.stringify(vUser)}); add("templates/page.html", b"<p>")`, "w:gz");
    const { ended } = worker.start({ tar: "navigation.tar.gz" });
    await expectLife(hq, ended, "canons");
    expect(await ended).toBeUndefined();
    expect(worker.lines.some((line) => STARTING.test(line))).toBe(true);
  });
});

describe.skipIf(older === undefined)("on the Python that is here (needs a CPython of 3.6 to 3.11)", { timeout: 180_000 }, () => {
  const python = older as Python;

  it("row O7: the second start makes nothing, and needs no network", async () => {
    await using worker = await startWorker(python);
    await using hq = await startHq();
    const tar = await packed(worker, hq);
    const first = worker.start({ tar });
    await hq.until(({ status }) => status === "ready", { ended: first.ended });
    first.stop("SIGTERM");
    expect(await first.ended).toBeUndefined();
    const [before, ran] = [hq.messages.length, worker.ran.length];
    const second = worker.start({ tar });
    await hq.until(({ status }) => status === "ready", { after: before, ended: second.ended });
    second.stop("SIGINT");
    expect(await second.ended).toBeUndefined();
    expect(worker.left()).toEqual([]);
    // Python is asked what it is, and nobody else anything.
    expect(worker.ran.slice(ran).filter((program) => !program.endsWith("/python3"))).toEqual([]);
  });

  it("row O13: a turret in a directory starts by its config.json, which stays as it is; imports what lies beside its script; and says which key its oct-turrets does not find", async () => {
    await using worker = await startWorker(python);
    await using hq = await startHq();
    const config = { name: "navigation", cannons: 1, rampup: 0, script: "test_scripts/v_user.py", ...hq.config };
    const files = { "nav/test_scripts/v_user.py": `import beside\n${vUser}`, "nav/beside.py": "", "nav/setup.py": "setup(install_requires=['oct-turrets==0.2.2'])" };
    worker.write({ ...files, "nav/config.json": JSON.stringify({ ...config, canons: 1 }) });
    const { ended } = worker.start({ configFile: "nav/config.json" });
    await expectLife(hq, ended, "canons");
    expect(await ended).toBeUndefined();
    worker.write({ "nav/config.json": JSON.stringify(config) });
    expect(await worker.start({ configFile: "nav/config.json" }).ended).toEqual({
      code: "process-failed",
      message: "turret `navigation` ended with status 1 before its HQ stopped it; last log: oct_turrets.exceptions.InvalidConfiguration: Missing required configuration key canons",
      hint: "`nav/config.json` has only `cannons`: releases of oct-turrets up to 0.2.3 read `canons`, later ones `cannons`; write both",
    });
    expect(JSON.parse(readFileSync(join(worker.directory, "nav/config.json"), "utf8"))).toEqual(config);
  });

  it("row O13: a script that fails ends with what it said last, and starts nothing", async () => {
    await using worker = await startWorker(python);
    await using hq = await startHq();
    makeArchive(join(worker.directory, "n.tar"), `config(**${JSON.stringify(hq.config)}); script("import no_such_module_here")`);
    expect((await worker.start({ tar: "n.tar" }).ended)?.message).toMatch(/^turret `navigation` ended with status 1 before its HQ stopped it; last log: .*No module named/);
    expect(worker.lines.join("\n")).not.toContain("starting turret");
    expect(worker.left()).toEqual([]);
  });

  it("row O14: a turret that is not Python runs its command in its folder, with no Python made for it", async () => {
    await using worker = await startWorker(python);
    await using hq = await startHq();
    worker.write({ "project/run.sh": "#!/bin/sh\necho \"$1 $(cat config.json | grep -c hq_rc) $(pwd -P)\"\necho to stderr >&2\n" });
    const tar = await packed(worker, hq, {}, { script: undefined, command: ["./run.sh", "two words"], extra_files: ["run.sh"] });
    expect(await worker.start({ tar }).ended).toBeUndefined();
    expect(worker.lines.toSorted()).toEqual(["stderr to stderr", expect.stringMatching(/^stdout two words 1 .*\/turret$/)]);
    expect(existsSync(worker.lines.find((line) => line.startsWith("stdout"))?.split(" 1 ")[1] ?? "/")).toBe(false);
    worker.write({ "project/run.sh": "#!/bin/sh\necho no targets\nexit 9\n" });
    await packed(worker, hq, {}, { script: undefined, command: "./run.sh", extra_files: ["run.sh"] });
    expect(await worker.start({ tar }).ended).toEqual({ code: "process-failed", message: "turret `navigation` ended with status 9 before its HQ stopped it; last log: no targets" });
  });

  it("row O14: a command beside a Python script has the turret's own Python, with what it asks for", async () => {
    await using worker = await startWorker(python);
    await using hq = await startHq();
    const tar = await packed(worker, hq, {}, { command: ["python", "-c", "import sys, zmq, oct_turrets; print(sys.prefix); sys.exit('no ' + sys.argv[1])", "targets"] });
    expect(await worker.start({ tar }).ended).toMatchObject({ message: "turret `navigation` ended with status 1 before its HQ stopped it; last log: no targets" });
    expect(worker.lines).toContainEqual(expect.stringMatching(/^stdout .*\/caisson\/turrets\/[0-9a-f]{32}$/));
  });
});
