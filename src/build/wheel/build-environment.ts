import { rename, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Digest } from "../../model/index.ts";
import { hashJson, makeDirectory, ownedDirectory, type Context } from "../../system/index.ts";
import { cacheDirectory } from "../cache.ts";
import type { InterpreterFacts } from "../interpreter.ts";

/** What a back end needs to run. */
export interface BuildNeeds {
  /** `requires` of pyproject.toml's `[build-system]`. */
  readonly requires: readonly string[];
}

export interface EnvironmentRequest {
  readonly uv: { readonly path: string; readonly version: string };
  readonly env: Readonly<Record<string, string>>;
  readonly interpreter: InterpreterFacts;
  readonly offline: boolean;
  /** Versions and hashes of all of it, as a file for uv. */
  readonly lock?: { readonly path: string; readonly digest: Digest };
}

/**
 * A virtual environment of its own with a back end in it, at `path`; undefined where it cannot be had so.
 * uv would make one too, but with nothing compiled: most of a small build's time goes into compiling the back end. So one is made for each set of needs, compiled, kept, and copied for each build.
 */
export async function makeBuildEnvironment(ctx: Context, needs: BuildNeeds, request: EnvironmentRequest, path: string): Promise<string | undefined> {
  const { uv, interpreter, env } = request;
  const key = hashJson({ schema: 2, lock: request.lock?.digest ?? null, requires: needs.requires.toSorted(), interpreter: [interpreter.executable, interpreter.version], uv: uv.version, index: { url: env["UV_DEFAULT_INDEX"], extra: env["UV_INDEX"], findLinks: env["UV_FIND_LINKS"], none: env["UV_NO_INDEX"] } });
  const kept = join(cacheDirectory(ctx), "build-environments", key.slice("sha256:".length, "sha256:".length + 32));
  if ((await stat(kept).catch(() => undefined)) === undefined && !(await prepare(ctx, needs, request, kept))) return undefined;
  // Times come along, since compiled files are told from stale ones by them; and no file is shared, so that no build can change what the next one gets.
  const { status } = await ctx.run(["cp", "-pPR", kept, path], { cwd: dirname(kept), env });
  return status === 0 ? join(path, "bin", "python") : undefined;
}

async function prepare(ctx: Context, { requires }: BuildNeeds, { uv, env, interpreter, offline, lock }: EnvironmentRequest, kept: string): Promise<boolean> {
  await makeDirectory(dirname(kept));
  // Removed by the next one, where this one is killed.
  await using scratch = await ownedDirectory(".made", dirname(kept));
  const made = join(scratch.path, "environment");
  const run = async (...words: readonly string[]): Promise<boolean> => (await ctx.run([uv.path, ...words], { cwd: dirname(kept), env, umask: 0o022 })).status === 0;
  const done =
    (await run("venv", "--quiet", "--relocatable", "--python", interpreter.executable, made)) &&
    (await run("pip", "install", "--quiet", "--compile-bytecode", "--link-mode", "copy", ...(offline ? ["--offline"] : []), ...(lock === undefined ? [] : ["--constraints", lock.path]), "--python", join(made, "bin", "python"), "--", ...requires));
  // Somebody else may have made the same meanwhile.
  if (done) await rename(made, kept).catch(() => undefined);
  return done;
}
