import { spawn, type ChildProcess } from "node:child_process";
import { constants } from "node:os";
import { createInterface } from "node:readline";
import { CaissonError, fail } from "../model/index.ts";
import { errorCode, ownPath } from "./files.ts";

export interface RunOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** What it can read, in UTF-8. */
  readonly stdin?: string;
  /** It ends with all that it started when we end, however that comes about; it gets no input then. */
  readonly tethered?: boolean;
  /** Seconds; then the program's whole process group is killed. */
  readonly timeout?: number;
  /** Each line of stdout and stderr while it comes. */
  readonly onLine?: (line: string) => void;
  readonly signal?: AbortSignal;
  /** Octal file mode mask of the program; ours where absent. */
  readonly umask?: number;
}

export interface RunResult {
  /** Exit status; 128 and the signal's number where a signal ended it. */
  readonly status: number;
  readonly stdout: Uint8Array;
  readonly stderr: string;
}

/**
 * Run a program to its end. `argv` is words; no shell reads them.
 * @throws CaissonError `tool-missing` where there is no such program · `cancelled` where the signal was aborted
 */
export type Run = (argv: readonly string[], options: RunOptions) => Promise<RunResult>;

/** A program that goes on while we do other things. */
export interface RunningProcess {
  readonly pid: number;
  readonly ended: Promise<{ readonly status: number; readonly signal: NodeJS.Signals | null }>;
  /** Send a signal to its whole process group. */
  kill(signal: NodeJS.Signals): void;
}

/** Start a program in a process group of its own, which ends when we end, however that comes about; each line of its output goes to `onLine`. */
export type Start = (argv: readonly string[], options: Pick<RunOptions, "cwd" | "env"> & { readonly onLine: (line: string, stream: "stdout" | "stderr") => void }) => Promise<RunningProcess>;

export const run: Run = async (argv, options) => {
  if (options.signal?.aborted) cancelled();
  const child = spawnWords(options.tethered === true ? ["/bin/sh", ownPath("agent/tether.sh"), ...argv] : argv, options);
  await started(child, argv);
  const stop = (): void => killGroup(child, "SIGKILL");
  const timer = options.timeout === undefined ? undefined : setTimeout(stop, options.timeout * 1000);
  options.signal?.addEventListener("abort", stop, { once: true });
  // While it was starting nobody listened.
  if (options.signal?.aborted) stop();
  try {
    if (options.onLine !== undefined) eachLine(child, options.onLine);
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout?.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr?.on("data", (chunk: Buffer) => stderr.push(chunk));
    if (options.tethered === true) hold(child);
    else child.stdin?.end(options.stdin ?? "");
    const status = await new Promise<number>((resolve) => child.once("close", (code, signal) => resolve(exitStatus(code, signal))));
    if (options.signal?.aborted) cancelled();
    return { status, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString("utf8") };
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", stop);
  }
};

export const start: Start = async (argv, options) => {
  const child = spawnWords(["/bin/sh", ownPath("agent/tether.sh"), ...argv], options);
  await started(child, argv);
  hold(child);
  eachLine(child, options.onLine);
  return {
    pid: child.pid ?? 0,
    ended: new Promise((resolve) => child.once("close", (code, signal) => resolve({ status: exitStatus(code, signal), signal }))),
    kill: (signal) => killGroup(child, signal),
  };
};

function spawnWords(argv: readonly string[], options: Pick<RunOptions, "cwd" | "env" | "umask">): ChildProcess {
  // A mask belongs to a process, and Node cannot set it for a child alone.
  const words = options.umask === undefined ? argv : ["/bin/sh", "-c", `umask ${options.umask.toString(8).padStart(3, "0")} && exec "$@"`, "sh", ...argv];
  const [program = "", ...rest] = words;
  // A group of its own, so that a back end's children end with it and a terminal's Ctrl-C reaches only us.
  const child = spawn(program, rest, { cwd: options.cwd, env: { ...options.env }, stdio: ["pipe", "pipe", "pipe"], detached: true });
  // A program may end without reading all of its input; its exit status tells what that means.
  child.stdin.on("error", () => undefined);
  return child;
}

function started(child: ChildProcess, argv: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (cause: NodeJS.ErrnoException) => {
      reject(new CaissonError([{ code: cause.code === "EACCES" ? "permission" : "tool-missing", message: `cannot run \`${argv[0] ?? ""}\``, hint: "install it, or put its directory on PATH" }], cause));
    });
  });
}

/** Its input is the tether: what is left of the group ends with the program. */
function hold(child: ChildProcess): void {
  child.once("exit", () => child.stdin?.end());
}

function eachLine(child: ChildProcess, onLine: (line: string, stream: "stdout" | "stderr") => void): void {
  for (const stream of ["stdout", "stderr"] as const) {
    const input = child[stream];
    if (input !== null) createInterface({ input }).on("line", (line) => onLine(line, stream));
  }
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if (errorCode(error) !== "ESRCH") throw error;
  }
}

function cancelled(): never {
  return fail({ code: "cancelled", message: "stopped on request" });
}

/** What a shell would say of how a program ended: its own number, or 128 and that of the signal that ended it. */
export function exitStatus(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
}
