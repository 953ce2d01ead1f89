import { spawn } from "node:child_process";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { CaissonError, fail, type Bytes } from "../model/index.ts";
import type { Context } from "./context.ts";
import { errorCode } from "./files.ts";

/**
 * Bytes through a program, as a pipe in a shell: it reads `bytes`, and what it writes comes out. Neither lies in memory whole.
 * The stream ends only when the program ended with 0.
 * @throws CaissonError `tool-missing` where there is no such program · `process-failed` · `cancelled`
 */
export async function* filterThrough(ctx: Context, argv: readonly string[], bytes: Bytes): Bytes {
  const [program = "", ...rest] = argv;
  const child = spawn(program, rest, { cwd: ctx.cwd, env: { ...ctx.env }, stdio: ["pipe", "pipe", "pipe"], signal: ctx.signal });
  const errors: Buffer[] = [];
  child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
  const ended = new Promise<number>((resolve, reject) => {
    child.once("error", (cause) => reject(new CaissonError([{ code: "tool-missing", message: `cannot run \`${program}\``, hint: "install it, or put its directory on PATH" }], cause)));
    child.once("close", (code) => resolve(code ?? 1));
  });
  // Awaited below; until then a failure must not end the process.
  ended.catch(() => undefined);
  const fed = pipeline(Readable.from(bytes), child.stdin).then(() => undefined, (error: unknown) => ({ error }));
  try {
    for await (const chunk of child.stdout) yield chunk as Uint8Array;
    const [status, broken] = [await ended, await fed];
    // A program that was given half of its input has reason to complain; one that reads no more breaks the pipe.
    if (broken !== undefined && errorCode(broken.error) !== "EPIPE") throw broken.error;
    if (status !== 0) fail({ code: "process-failed", message: `\`${program}\` ended with ${status}` }, Buffer.concat(errors).toString("utf8").trim());
    if (broken !== undefined) throw broken.error;
  } catch (error) {
    if (ctx.signal.aborted) fail({ code: "cancelled", message: "stopped on request" });
    throw error;
  } finally {
    child.kill("SIGKILL");
  }
}
