import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { digestHex, type Json } from "../model/index.ts";
import { hashJson, makeDirectory, userDirectory, writeDurably, type Context } from "../system/index.ts";

/** Where we keep what can be had again: tools, mirrors of repositories, uv's own cache. */
export function cacheDirectory(ctx: Context): string {
  return join(userDirectory(ctx.env, "XDG_CACHE_HOME", ".cache"), "caisson");
}

/** What was found out for `key`, which decides the answer, or is found out now and kept, unless it is undefined. A cache that cannot be read or written is none. */
export async function kept<Answer>(ctx: Context, kind: string, key: Json, work: () => Promise<Answer>): Promise<Answer> {
  const path = join(cacheDirectory(ctx), kind, `${digestHex(hashJson(key)).slice(0, 32)}.json`);
  const known = await readFile(path, "utf8").then((text) => (JSON.parse(text) as { readonly answer: Answer }), () => undefined);
  if (known !== undefined) return known.answer;
  const answer = await work();
  if (answer !== undefined) await makeDirectory(dirname(path)).then(() => writeDurably(path, JSON.stringify({ answer }))).catch(() => undefined);
  return answer;
}
