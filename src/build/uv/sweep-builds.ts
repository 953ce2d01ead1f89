import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { removeTree, type Context } from "../../system/index.ts";
import { cacheDirectory } from "../cache.ts";

/** Seconds; no build takes longer. */
const DAY = 86_400;

/** Remove environments that a uv made for a build and could not take away, because it was killed. Nobody uses them again. */
export async function sweepBuilds(ctx: Context): Promise<void> {
  const directory = join(cacheDirectory(ctx), "uv", "builds-v0");
  for (const name of await readdir(directory).catch(() => [])) {
    const found = name.startsWith(".tmp") ? await stat(join(directory, name)).catch(() => undefined) : undefined;
    // Another one may be removing it just now.
    if (found !== undefined && found.mtimeMs / 1000 < ctx.now() - DAY) await removeTree(join(directory, name)).catch(() => undefined);
  }
}
