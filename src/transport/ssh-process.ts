import { spawn, type ChildProcess } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { CaissonError } from "../model/index.ts";
import { errorCode, ownPath, type Context } from "../system/index.ts";
import { isDropped, type Failure } from "./ssh-words.ts";

/**
 * The user's own configuration and keys, and no question to anybody; one connection that carries one channel and nothing besides.
 * A silent line is given up after 15 s. Source: ssh_config(5)
 */
const OPTIONS: readonly string[] = [
  "BatchMode=yes", "ConnectTimeout=10", "ServerAliveInterval=5", "ServerAliveCountMax=2",
  "ClearAllForwardings=yes", "ForwardAgent=no", "ForwardX11=no", "LogLevel=VERBOSE",
];

/** Bytes of what ssh and the host log that are kept for an error's cause. */
const LOG_KEPT = 8192;
/** Milliseconds for what an ssh that has ended may still have to say. */
const LAST_WORDS = 300;
/** Milliseconds before each further try, where a host drops us among many. */
const AGAIN: readonly number[] = [400, 1200, 3000];

/** An ssh that runs. */
export interface Line {
  readonly input: Writable;
  readonly output: Readable;
  readonly ended: Promise<number>;
  /** What was written to stderr, by ssh and from the host. */
  said(): string;
  /** Whether the host has let us in. */
  admitted(): boolean;
  gone(): boolean;
  /** End it now, jump hosts' ssh too. */
  end(): Promise<void>;
}

/**
 * Start ssh; `words` come after the options that every connection has. `tethered`: it has no use for input, whose end would end it, and so is told in another way when we are gone, also by kill -9.
 * @throws CaissonError `tool-missing`
 */
export async function startSsh(ctx: Context, words: readonly string[], tethered = false): Promise<Line> {
  // A group of its own: Ctrl-C in our terminal must reach us alone, and we decide what becomes of the host. Without a terminal nothing can ask, either.
  const [program = "", ...rest] = [...(tethered ? ["/bin/sh", ownPath("agent/tether.sh")] : []), "ssh", ...OPTIONS.flatMap((option) => ["-o", option]), ...words];
  const child = spawn(program, rest, { cwd: "/", env: environment(ctx), stdio: ["pipe", "pipe", "pipe"], detached: true });
  await new Promise<void>((started, failed) => {
    child.once("spawn", started).once("error", (cause: NodeJS.ErrnoException) => {
      failed(new CaissonError([{ code: "tool-missing", message: "cannot run `ssh`", hint: "install OpenSSH's client (apt-get install openssh-client)" }], cause));
    });
  });
  let said = "";
  let admitted = false;
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    admitted ||= isAdmitted(said + text);
    said = (said + text).slice(-LOG_KEPT);
  });
  // Not `close` alone: older ones leave stderr open as long as something on the host has it. What ssh said last may come a moment after its end.
  const heard = new Promise<void>((settle) => child.stderr.once("end", settle));
  const ended = new Promise<number>((settle) => child.once("exit", (code) => void Promise.race([heard, sleep(LAST_WORDS)]).then(() => settle(code ?? 1))));
  // A broken pipe shows as the end of the output, which is where it is dealt with.
  child.stdin.on("error", () => undefined);
  const end = async (): Promise<void> => {
    kill(child);
    await ended;
  };
  return { input: child.stdin, output: child.stdout, ended, said: () => said, admitted: () => admitted, gone: () => child.exitCode !== null || child.signalCode !== null, end };
}

/** A host's own locale, and not ours, is what its programs get; what ssh itself says is then in its own words. */
function environment({ env }: Context): Record<string, string> {
  const kept = Object.entries(env).filter(([name]) => !/^(?:LANG|LANGUAGE|LC_.*)$/.test(name));
  return { ...Object.fromEntries(kept), SSH_ASKPASS_REQUIRE: "never" };
}

function isAdmitted(said: string): boolean {
  return /^Authenticated to /m.test(said);
}

function kill(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, "SIGTERM");
  } catch (error) {
    if (errorCode(error) !== "ESRCH") throw error;
  }
}

/** Milliseconds to wait for another try; undefined where the failure is an answer. */
export function pauseBefore(attempt: number, failure: Failure): number | undefined {
  const pause = isDropped(failure) ? AGAIN[attempt] : undefined;
  return pause === undefined ? undefined : pause * (0.5 + Math.random());
}

/** The end of a log, without ssh's own bookkeeping, and what it says when we end it. */
export function lastWords(said: string): string {
  const kept = said.replaceAll("\r", "").split("\n").filter((line) => !/^(?:Authenticated to |Transferred: |Bytes per second: |Killed by signal 15\.|@@@@|$)/.test(line));
  return kept.slice(-12).join("\n").trim();
}
