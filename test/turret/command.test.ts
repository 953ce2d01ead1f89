import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { cache, type Python } from "../support/machine.ts";
import { startHq, type Hq } from "../support/oct-hq.ts";
import { older, startWorker, vUser, type Worker } from "./ground.ts";
import { makeArchive } from "./made-archive.ts";

const STARTING = /^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}: INFO \| oct_turrets\.turret\] starting turret\n$/;

function caisson(worker: Worker, ...words: readonly string[]): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  return spawnSync("caisson", ["turret", "start", ...words], { cwd: worker.directory, env: worker.env, encoding: "utf8" });
}

/** A turret that its HQ has heard of, started by the command. */
async function started(worker: Worker, hq: Hq): Promise<{ readonly pid: number; readonly ended: Promise<readonly [number | null, NodeJS.Signals | null]>; readonly output: () => readonly [stdout: string, stderr: string] }> {
  makeArchive(join(worker.directory, "navigation.tar"), `config(**${JSON.stringify(hq.config)}); add("setup.py", b"setup(install_requires=['oct-turrets'])"); script(${JSON.stringify(vUser)})`);
  const heard = hq.messages.length;
  const child = spawn("caisson", ["turret", "start", "--tar", "navigation.tar", "--store", join(cache, "turret-store")], { cwd: worker.directory, env: worker.env });
  const ended = once(child, "close").then(([status, signal]) => [status as number | null, signal as NodeJS.Signals | null] as const);
  const output = ["", ""] as [string, string];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output[0] += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output[1] += text));
  await hq.until(({ status }) => status === "ready", { after: heard, ended: ended.then((how) => [how, output]) });
  return { pid: child.pid ?? 0, ended, output: () => output };
}

/** Processes that name something below a directory. */
function processesOf(directory: string): readonly string[] {
  const texts = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
    } catch {
      return "";
    }
  });
  return texts.filter((text) => text.includes(directory));
}

describe.skipIf(older === undefined)("caisson turret start (needs a CPython of 3.6 to 3.11)", { timeout: 180_000 }, () => {
  const python = older as Python;

  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("row O13: %s is passed on, nothing stays behind, and that is no failure", async (signal) => {
    await using worker = await startWorker(python);
    await using hq = await startHq();
    const { pid, ended, output } = await started(worker, hq);
    expect(worker.left()).toHaveLength(1);
    process.kill(pid, signal);
    expect(await ended).toEqual([0, null]);
    expect(worker.left()).toEqual([]);
    expect(processesOf(worker.env["TMPDIR"] ?? "")).toEqual([]);
    expect(output()).toEqual(["", expect.stringMatching(STARTING)]);
  });

  it("row O13: what its HQ stops ends with 0; what is killed at once is ended too, and tidied up by the next start", async () => {
    await using worker = await startWorker(python);
    await using hq = await startHq();
    const killed = await started(worker, hq);
    process.kill(killed.pid, "SIGKILL");
    expect(await killed.ended).toEqual([null, "SIGKILL"]);
    while (processesOf(worker.env["TMPDIR"] ?? "").length > 0) await sleep(50);
    const [left] = worker.left();
    const second = await started(worker, hq);
    expect(worker.left()).toEqual([expect.not.stringMatching(left ?? "none")]);
    hq.publish("kill");
    expect(await second.ended).toEqual([0, null]);
    expect(worker.left()).toEqual([]);
  });

  it("row O13: an archive that would write elsewhere is refused, in one line, and nothing is made", async () => {
    await using worker = await startWorker(python);
    makeArchive(join(worker.directory, "evil.tar"), 'config(); script(); add("../../x", b"x")');
    expect(caisson(worker, "--tar", "evil.tar")).toMatchObject({ status: 1, stdout: "", stderr: "error: `evil.tar` has a member outside its folder: `../../x`\n" });
    makeArchive(join(worker.directory, "bare.tar"), "config(hq_rc=None, hq_publisher=None); script()");
    expect(caisson(worker, "--tar", "bare.tar")).toMatchObject({ status: 1, stderr: "error: bare.tar/config.json: `hq_publisher` is missing\nerror: bare.tar/config.json: `hq_rc` is missing\nhint: expected a port, 1 to 65535\n" });
    expect(caisson(worker)).toMatchObject({ status: 2, stderr: "error: say which turret\nhint: caisson turret start --tar FILE, or --config-file FILE\n" });
    expect(caisson(worker, "--tar", "a", "--config-file", "b")).toMatchObject({ status: 2, stderr: "error: --tar and --config-file name different turrets\nhint: leave one of them out\n" });
    expect(worker.left()).toEqual([]);
  });

  it("row O14: a command that fails is exit 1, and its lines are passed on as they came", async () => {
    await using worker = await startWorker(python);
    worker.write({ "nav/config.json": JSON.stringify({ name: "navigation", command: ["sh", "-c", "echo out; echo err >&2; exit 3"], hq_address: "127.0.0.1", hq_publisher: 5000, hq_rc: 5001 }) });
    const { status, stdout, stderr } = caisson(worker, "--config-file", "nav/config.json");
    expect([status, stdout, stderr.replace(/out|err$/, "x")]).toEqual([1, "out\n", expect.stringMatching(/^err\nerror: turret `navigation` ended with status 3 before its HQ stopped it; last log: \w+\n$/)]);
  });
});
