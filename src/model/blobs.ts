import type { Descriptor, Digest } from "./digest.ts";

/** A stream of bytes. */
export type Bytes = AsyncIterable<Uint8Array>;

/** The reading face of a store that lower rooms may know. */
export interface BlobReader {
  /**
   * The blob's bytes, hashed on the way out; the last chunk comes only when the digest is right.
   * `brief`: each chunk is good until the next is asked for, and its memory is used again.
   * @throws CaissonError `blob-missing` · `digest-mismatch`
   */
  read(blob: Digest, how?: { readonly brief?: boolean }): Bytes;
  has(blob: Digest): Promise<boolean>;
}

/** The writing face of a store that lower rooms may know. */
export interface BlobWriter {
  /**
   * Keep the bytes; when this resolves they are durable. `mediaType` defaults to application/octet-stream.
   * @throws CaissonError `digest-mismatch` · `disk-full` · `permission`
   */
  write(bytes: Bytes | Uint8Array | string, expect?: { readonly digest?: Digest; readonly size?: number }, mediaType?: string): Promise<Descriptor>;
}
