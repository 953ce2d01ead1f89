import { createHash } from "node:crypto";
import { CaissonError, type BlobReader, type BlobWriter, type Bytes, type Descriptor, type Digest } from "../../src/model/index.ts";

/** Blobs in memory; it keeps the promises of a store. */
export interface MemoryBlobs extends BlobReader, BlobWriter {
  readonly kept: Map<Digest, Buffer>;
}

export function memoryBlobs(): MemoryBlobs {
  const kept = new Map<Digest, Buffer>();
  return {
    kept,
    async *read(digest) {
      const bytes = kept.get(digest);
      if (bytes === undefined) throw new CaissonError([{ code: "blob-missing", message: `there is no blob ${digest}` }]);
      for (let at = 0; at < bytes.length; at += 1 << 20) yield bytes.subarray(at, at + (1 << 20));
    },
    has: (digest) => Promise.resolve(kept.has(digest)),
    async write(content, expect = {}, mediaType = "application/octet-stream"): Promise<Descriptor> {
      const bytes = typeof content === "string" || content instanceof Uint8Array ? Buffer.from(content) : await gather(content);
      const digest: Digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
      if ((expect.digest ?? digest) !== digest || (expect.size ?? bytes.length) !== bytes.length) throw new CaissonError([{ code: "digest-mismatch", message: `${digest} is not what was expected` }]);
      kept.set(digest, bytes);
      return { digest, size: bytes.length, mediaType };
    },
  };
}

/** A stream's bytes as one. */
export async function gather(bytes: Bytes): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}
