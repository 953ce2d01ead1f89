import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { printCanonicalJson, treeIdentity, type Bytes, type Digest, type TreeEntry } from "../model/index.ts";

/** The digest of bytes, or of a text's UTF-8. */
export function sha256(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** The digest of a value's canonical JSON. */
export function hashJson(value: unknown): Digest {
  return sha256(printCanonicalJson(value));
}

/** The id of a tree; changes exactly when a path, mode, digest, size or link target does. */
export function treeId(entries: readonly TreeEntry[]): Digest {
  return hashJson(treeIdentity(entries));
}

/** Digest and length of a file, read as a stream. */
export async function hashFile(path: string): Promise<{ readonly digest: Digest; readonly size: number }> {
  return await hashStream(createReadStream(path, { highWaterMark: 1 << 20 }));
}

/** Digest and length of a stream. */
export async function hashStream(bytes: Bytes): Promise<{ readonly digest: Digest; readonly size: number }> {
  const hash = createHash("sha256");
  let size = 0;
  for await (const chunk of bytes) {
    hash.update(chunk);
    size += chunk.length;
  }
  return { digest: `sha256:${hash.digest("hex")}`, size };
}
