import type { Bytes, Descriptor } from "../../model/index.ts";
import { readGzip, readTarEntries } from "../../formats/index.ts";
import type { Store } from "../../store/index.ts";
import type { Context } from "../../system/index.ts";
import { kept } from "../cache.ts";
import { requiresOf } from "./build-requires.ts";

/** What the back end of an sdist in the store needs, as its pyproject.toml says; nothing where it is no `.tar.gz`, or cannot be read: the back end's run tells. */
export async function sdistRequires(ctx: Context, store: Store, sdist: Descriptor, fileName: string): Promise<readonly string[]> {
  if (!fileName.endsWith(".tar.gz")) return [];
  const requires = await kept(ctx, "sdist-requires", [2, sdist.digest], async () => {
    let text: string | undefined;
    try {
      // To its end: what is read of a stream that somebody leaves before is not sure.
      for await (const { name, bytes } of readTarEntries(readGzip(store.read(sdist.digest)))) if (/^[^/]+\/pyproject\.toml$/.test(name)) text = await textOf(bytes);
      return requiresOf(text);
    } catch {
      return undefined;
    }
  });
  return requires ?? [];
}

async function textOf(bytes: Bytes): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
