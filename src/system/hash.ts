import { createHash } from "node:crypto";
import { open, type FileHandle } from "node:fs/promises";
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

/** Digest and length of a file, read in pieces; of an open one, from its beginning. */
export async function hashFile(file: string | FileHandle): Promise<{ readonly digest: Digest; readonly size: number }> {
  const handle = typeof file === "string" ? await open(file) : file;
  try {
    const hash = createHash("sha256");
    let size = 0;
    // Two buffers for ever: one is hashed while the other is filled. A new one for each piece would cost as much as the hashing.
    const piece = Math.min(PIECE, Math.max(SMALL, (await handle.stat()).size));
    let [full, free] = [Buffer.allocUnsafe(piece), Buffer.allocUnsafe(piece)];
    for (let { bytesRead } = await handle.read(full, 0, piece, 0); bytesRead > 0; ) {
      size += bytesRead;
      const next = handle.read(free, 0, piece, size);
      hash.update(full.subarray(0, bytesRead));
      ({ bytesRead } = await next);
      [full, free] = [free, full];
    }
    return { digest: `sha256:${hash.digest("hex")}`, size };
  } finally {
    if (typeof file === "string") await handle.close();
  }
}

/** The bytes of a file in pieces, each good until the next is asked for. */
export async function* readBriefly(path: string): Bytes {
  const handle = await open(path);
  try {
    const piece = Buffer.allocUnsafe(Math.min(PIECE, Math.max(SMALL, (await handle.stat()).size)));
    for (;;) {
      const { bytesRead } = await handle.read(piece, 0, piece.length);
      if (bytesRead === 0) return;
      yield piece.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

const PIECE = 1 << 19;
const SMALL = 1 << 10;
