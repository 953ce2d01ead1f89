import { realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import type { IndexSettings } from "../../model/index.ts";
import { compareVersions } from "../../python/index.ts";
import type { Context } from "../../system/index.ts";
import { cacheDirectory, kept } from "../cache.ts";
import { findOnPath } from "../interpreter.ts";
import { OLDEST, PINNED } from "./uv-pin.ts";

/** A uv that is new enough. */
export interface Uv {
  readonly path: string;
  readonly version: string;
}

/** The version of the uv that `findUv` gives; nothing is fetched for it, and uv does not run where it is known already. */
export async function uvVersion(ctx: Context): Promise<string> {
  return (await findUvOnPath(ctx))?.version ?? PINNED;
}

/**
 * A uv: PATH's where that is new enough, else a pinned one from the index, kept in the cache.
 * @throws CaissonError `tool-missing` where there is none and none can be had · `index-unreachable` · `digest-mismatch`
 */
export async function findUv(ctx: Context, index: IndexSettings, options: { readonly offline?: boolean } = {}): Promise<Uv> {
  const onPath = await findUvOnPath(ctx);
  if (onPath !== undefined) return onPath;
  const directory = join(cacheDirectory(ctx), "tools", `uv-${PINNED}`);
  const path = join(directory, "uv");
  if ((await stat(path).catch(() => undefined)) === undefined) await (await import("./bring-uv.ts")).bringUv(ctx, index, options.offline === true, directory);
  return { path, version: PINNED };
}

async function findUvOnPath(ctx: Context): Promise<Uv | undefined> {
  for (const path of await findOnPath(ctx, "uv")) {
    const version = await versionOf(ctx, path);
    if (version !== undefined && compareVersions(version, OLDEST) >= 0) return { path, version };
  }
  return undefined;
}

/** Kept under the program's identity, because asking costs a process. What is no program itself, as a version manager's script, may be another one tomorrow. */
async function versionOf(ctx: Context, path: string): Promise<string | undefined> {
  const program = await realpath(path);
  const { mtimeMs, size } = await stat(program);
  // A script is small, uv is not.
  if (size < 1_000_000) return await askVersion(ctx, path);
  return await kept(ctx, "uv-versions", [program, Math.trunc(mtimeMs), size], () => askVersion(ctx, path));
}

async function askVersion(ctx: Context, path: string): Promise<string | undefined> {
  const answer = await ctx.run([path, "--version"], { cwd: "/", env: ctx.env, timeout: 20 }).catch(() => undefined);
  return answer?.status === 0 ? /^uv (\d+\.\d+\.\d+)/.exec(Buffer.from(answer.stdout).toString("utf8"))?.[1] : undefined;
}
