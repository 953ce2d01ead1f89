import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createContext, temporaryDirectory, type Context } from "../../src/system/index.ts";

/** Files by their path, in a directory that goes away; and a context that works there. */
export async function writeFiles(files: Readonly<Record<string, string>>): Promise<{ readonly ctx: Context; readonly directory: string } & AsyncDisposable> {
  const scratch = await temporaryDirectory("config test");
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(scratch.path, name)), { recursive: true });
    writeFileSync(join(scratch.path, name), text);
  }
  const ctx = createContext({ cwd: scratch.path, env: {}, report: () => undefined, signal: new AbortController().signal });
  return { ctx, directory: scratch.path, [Symbol.asyncDispose]: () => scratch[Symbol.asyncDispose]() };
}
