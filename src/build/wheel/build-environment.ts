import { rename, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { hashJson, makeDirectory, ownedDirectory, type Context } from "../../system/index.ts";
import { cacheDirectory } from "../cache.ts";
import type { InterpreterFacts } from "../interpreter.ts";
import { sweepBuilds } from "../uv/sweep-builds.ts";
import type { BuildLock } from "./build-lock.ts";

export interface EnvironmentRequest {
  readonly uv: { readonly path: string; readonly version: string };
  readonly env: Readonly<Record<string, string>>;
  readonly interpreter: InterpreterFacts;
  readonly offline: boolean;
  readonly lock: BuildLock;
}

/**
 * A virtual environment of its own at `path` with all that a lock names, as the interpreter in it; what uv said, where it cannot be had.
 * Most of a small build's time goes into compiling the back end, so one is made for each lock, compiled, kept, and copied for each build.
 */
export async function makeBuildEnvironment(ctx: Context, request: EnvironmentRequest, path: string): Promise<{ readonly python: string } | { readonly log: readonly string[] }> {
  const { uv, interpreter, env, lock } = request;
  const key = hashJson({ schema: 3, lock: lock.digest, interpreter: [interpreter.executable, interpreter.version], uv: uv.version });
  const kept = join(cacheDirectory(ctx), "build-environments", key.slice("sha256:".length, "sha256:".length + 32));
  const log = (await stat(kept).catch(() => undefined)) === undefined ? await prepare(ctx, request, kept) : undefined;
  if (log !== undefined) return { log };
  // Times come along, since compiled files are told from stale ones by them; and no file is shared, so that no build can change what the next one gets.
  await makeDirectory(dirname(path));
  const { status, stderr } = await ctx.run(["cp", "-pPR", kept, path], { cwd: dirname(kept), env });
  return status === 0 ? { python: join(path, "bin", "python") } : { log: stderr.split("\n") };
}

/** What uv said, where it failed. */
async function prepare(ctx: Context, { uv, env, interpreter, offline, lock }: EnvironmentRequest, kept: string): Promise<readonly string[] | undefined> {
  await makeDirectory(dirname(kept));
  // Removed by the next one, where this one is killed.
  await using scratch = await ownedDirectory(".made", dirname(kept));
  const [made, file] = [join(scratch.path, "environment"), join(scratch.path, "build-lock.txt")];
  await writeFile(file, lock.text);
  await sweepBuilds(ctx);
  // uv knows no Python 3.6 that compiles.
  const compiled = interpreter.version.startsWith("3.6.") ? [] : ["--compile-bytecode"];
  const install = ["pip", "install", "--quiet", "--no-deps", ...compiled, "--link-mode", "copy", ...(offline ? ["--offline"] : []), ...lock.directories.flatMap((name) => ["--refresh-package", name]), "--python", join(made, "bin", "python"), "--requirements", file];
  for (const words of [["venv", "--quiet", "--relocatable", "--python", interpreter.executable, made], ...(lock.text === "" ? [] : [install])]) {
    const { status, stderr } = await ctx.run([uv.path, ...words, "--color", "never"], { cwd: dirname(kept), env, umask: 0o022 });
    if (status !== 0) return stderr.split("\n");
  }
  // Somebody else may have made the same meanwhile.
  await rename(made, kept).catch(() => undefined);
  return undefined;
}
