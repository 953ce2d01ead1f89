import { spawn } from "node:child_process";
import { CaissonError } from "../model/index.ts";
import { exitStatus } from "./run.ts";

/** Milliseconds that a program has after a Ctrl-C, which a terminal gives to it as well, until it is told to stop. */
const OWN_WAY = 500;

/**
 * Run a program with our own standard streams, as if it had been typed instead of us. Its exit status; 128 and the signal's number where a signal ended it.
 * @throws CaissonError `tool-missing` where there is no such program
 */
export async function runInForeground([program = "", ...words]: readonly string[], options: { readonly cwd: string; readonly env: Readonly<Record<string, string>>; readonly signal: AbortSignal }): Promise<number> {
  const child = spawn(program, words, { cwd: options.cwd, env: { ...options.env }, stdio: "inherit" });
  const stop = (): void => void setTimeout(() => child.kill("SIGTERM"), OWN_WAY).unref();
  options.signal.addEventListener("abort", stop, { once: true });
  try {
    return await new Promise((resolve, reject) => {
      child.once("error", (cause) => reject(new CaissonError([{ code: "tool-missing", message: `cannot run \`${program}\`` }], cause)));
      child.once("close", (code, signal) => resolve(exitStatus(code, signal)));
    });
  } finally {
    options.signal.removeEventListener("abort", stop);
  }
}
