import type { Bytes, Descriptor } from "../../model/index.ts";
import { readGzip, readTarEntries } from "../../formats/index.ts";
import type { Store } from "../../store/index.ts";
import type { Context } from "../../system/index.ts";
import { kept } from "../cache.ts";
import { requiresOf, USUAL_REQUIRES } from "./build-requires.ts";

/** What the back end of an sdist in the store needs, as its pyproject.toml says; nothing where it is no `.tar.gz`, or cannot be read: the back end's run tells. */
export async function sdistRequires(ctx: Context, store: Store, sdist: Descriptor, fileName: string): Promise<readonly string[]> {
  if (!fileName.endsWith(".tar.gz")) return [];
  return await kept(ctx, "sdist-requires", sdist.digest, async () => {
    try {
      for await (const { name, bytes } of readTarEntries(readGzip(store.read(sdist.digest)))) if (/^[^/]+\/pyproject\.toml$/.test(name)) return requiresOf(await textOf(bytes));
      return USUAL_REQUIRES;
    } catch {
      return [];
    }
  });
}

async function textOf(bytes: Bytes): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
