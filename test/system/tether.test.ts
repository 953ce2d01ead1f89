import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { ownPath, run, start } from "../../src/system/index.ts";
import { isRunning } from "../support/running.ts";

const tether = ownPath("agent/tether.sh");
const env = { PATH: process.env["PATH"] ?? "" };

async function untilGone(pid: number): Promise<void> {
  while (isRunning(pid)) await sleep(50);
}

/** A starter that can be killed: it starts a program on a tether and says the program's process id, once the program has said that it is ready. */
async function startStarter(program: string): Promise<{ readonly starter: number; readonly program: number }> {
  const script = `const {spawn} = require("node:child_process");
    const child = spawn("/bin/sh", [${JSON.stringify(tether)}, "/bin/sh", "-c", ${JSON.stringify(program)}], { detached: true, stdio: ["pipe", "inherit", "inherit"] });
    console.log(child.pid); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "ignore"] });
  let said = "";
  while (!/^\d+$/m.test(said) || !/^ready$/m.test(said)) said += String(((await once(child.stdout, "data")) as [Buffer])[0]);
  return { starter: child.pid ?? 0, program: Number(/^\d+$/m.exec(said)?.[0]) };
}

it("ends the program when its starter is killed by SIGKILL", async () => {
  const { starter, program } = await startStarter("echo ready; exec sleep 1000");
  expect(isRunning(program)).toBe(true);
  process.kill(starter, "SIGKILL");
  await untilGone(program);
});

it("kills a program that does not care for SIGTERM, after ten seconds", async () => {
  const { starter, program } = await startStarter("trap '' TERM; echo ready; while :; do sleep 1; done");
  const began = performance.now();
  process.kill(starter, "SIGKILL");
  await untilGone(program);
  expect(performance.now() - began).toBeGreaterThan(9900);
});

it("gives the program's own exit status, its words unharmed and nothing to read", async () => {
  const lines: string[] = [];
  const ran = await start(["/bin/sh", "-c", 'cat; printf "%s\\n" "$@"; exit 7', "sh", "a b", "$HOME", "*"], { cwd: "/", env, onLine: (line) => lines.push(line) });
  expect(await ran.ended).toEqual({ status: 7, signal: null });
  expect(lines).toEqual(["a b", "$HOME", "*"]);
});

it("says which signal ended a program, and leaves nothing of its group behind", async () => {
  const lines: string[] = [];
  const ran = await start(["/bin/sh", "-c", "sleep 1000 & echo $!; wait"], { cwd: "/", env, onLine: (line) => lines.push(line) });
  while (lines.length === 0) await sleep(20);
  process.kill(ran.pid, "SIGKILL");
  expect(await ran.ended).toEqual({ status: 137, signal: "SIGKILL" });
  await untilGone(Number(lines[0]));
});

it("ends a program that was just starting when somebody asked for an end", async () => {
  const stopped = new AbortController();
  const running = run(["sleep", "1000"], { cwd: "/", env, signal: stopped.signal });
  stopped.abort();
  await expect(running).rejects.toMatchObject({ code: "cancelled" });
});
