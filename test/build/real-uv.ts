import { join } from "node:path";
import { findUv, type Uv } from "../../src/build/uv/tools.ts";
import { createContext } from "../../src/system/index.ts";
import { cache } from "../support/machine.ts";

/** A real uv, brought from the index once and shared by all tests; undefined where there is no network and none was brought yet. */
export async function realUv(): Promise<Uv | undefined> {
  const context = createContext({ cwd: cache, env: { ...process.env, XDG_CACHE_HOME: join(cache, "xdg") }, report: () => undefined, signal: AbortSignal.timeout(100_000) });
  return await findUv(context, { findLinks: [] }).catch(() => undefined);
}
