/** Bytes read by ranges, so that a wheel of 1 GB never lies in memory whole. */
export interface ByteSource {
  readonly size: number;
  /** Exactly `length` bytes; the caller asks for none beyond the end. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** Bytes in memory as a source. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  return { size: bytes.length, read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)) };
}
