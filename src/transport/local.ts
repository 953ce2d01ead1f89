import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { CaissonError } from "../model/index.ts";
import { ownPath, type Context } from "../system/index.ts";
import type { Channel, Transport } from "./channel.ts";

/** Bytes of the agent's log that are kept for an error's cause. */
const LOG_KEPT = 4096;

/** The agent as a process on this machine, by the `python3` on PATH. */
export function localTransport(ctx: Context): Transport {
  return { open: (host, marker, first) => startAgent(ctx, resolve(ctx.cwd, host.root), marker, first) };
}

async function startAgent(ctx: Context, root: string, marker: string, first: Uint8Array): Promise<Channel> {
  // A group of its own: Ctrl-C in our terminal must reach us alone, and we decide what becomes of the host.
  const child = spawn("python3", ["-I", ownPath("dist/agent.py"), root, "--marker", marker], { cwd: "/", env: { ...ctx.env }, stdio: ["pipe", "pipe", "pipe"], detached: true });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    log = (log + text).slice(-LOG_KEPT);
  });
  const ended = new Promise<{ readonly status: number; readonly detail: string }>((settle) => {
    child.once("close", (code) => settle({ status: code ?? 1, detail: log.trim() }));
  });
  await new Promise<void>((started, failed) => {
    child.once("spawn", started).once("error", (cause) => {
      failed(new CaissonError([{ code: "host-unfit", message: "there is no `python3` on this machine's PATH", hint: "install Python 3.6 or newer (apt-get install python3)" }], cause));
    });
  });
  // A broken pipe shows as the end of the output, which is where it is dealt with.
  child.stdin.on("error", () => undefined);
  child.stdin.write(first);
  return {
    input: child.stdin,
    output: child.stdout,
    ended,
    abandon: () => child.stdin.destroy(),
    [Symbol.asyncDispose]: async () => {
      child.stdin.destroy();
      await ended;
    },
  };
}
