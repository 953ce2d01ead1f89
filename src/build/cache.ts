import { join } from "node:path";
import type { Context } from "../system/index.ts";

/** Where we keep what can be had again: tools, mirrors of repositories, uv's own cache. */
export function cacheDirectory(ctx: Context): string {
  return join(ctx.env["XDG_CACHE_HOME"] ?? join(ctx.env["HOME"] ?? "/", ".cache"), "caisson");
}
