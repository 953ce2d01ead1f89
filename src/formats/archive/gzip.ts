import { Readable } from "node:stream";
import { crc32, createGunzip } from "node:zlib";
import type { Bytes } from "../../model/index.ts";
import { refuseBundle, type Refuse } from "./member.ts";

/** The most that one stored block of deflate holds, and how many of them go into one chunk of ours. */
const STORED = 65_535;
const BLOCKS = 16;

/**
 * Bytes as a gzip file that does not compress: a bundle's weight is in wheels, which are deflated already, and only so are the bytes
 * the same with every version of every compressor. Independent of how the input is cut into chunks. A brief chunk is good until the next is asked for.
 * Source: RFC 1951 3.2.4, RFC 1952 2.3
 */
export async function* writeGzip(bytes: Bytes, brief = false): Bytes {
  yield Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
  let crc = 0;
  let size = 0;
  let chunk = newChunk();
  let filled = 0;
  for await (const piece of bytes) {
    crc = crc32(piece, crc);
    size += piece.length;
    for (let at = 0; at < piece.length; ) {
      const room = STORED - (filled % STORED);
      const part = piece.subarray(at, at + room);
      chunk.set(part, filled + 5 * (Math.floor(filled / STORED) + 1));
      filled += part.length;
      at += part.length;
      if (filled === STORED * BLOCKS) {
        yield finishChunk(chunk, filled);
        if (!brief) chunk = newChunk();
        filled = 0;
      }
    }
  }
  if (filled > 0) yield finishChunk(chunk, filled);
  const end = Buffer.from([1, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
  end.writeUInt32LE(crc, 5);
  end.writeUInt32LE(size % 2 ** 32, 9);
  yield end;
}

function newChunk(): Buffer {
  return Buffer.allocUnsafe((STORED + 5) * BLOCKS);
}

/** The five bytes before each block: not the last one, its length, and the length's complement. */
function finishChunk(chunk: Buffer, filled: number): Uint8Array {
  const blocks = Math.ceil(filled / STORED);
  for (let block = 0; block < blocks; block++) {
    const length = Math.min(STORED, filled - block * STORED);
    const at = block * (STORED + 5);
    chunk[at] = 0;
    chunk.writeUInt16LE(length, at + 1);
    chunk.writeUInt16LE(length ^ 0xffff, at + 3);
  }
  return chunk.subarray(0, filled + 5 * blocks);
}

/** What any gzip file holds. Refused, by default as a bundle, where it is damaged or cut short. */
export async function* readGzip(bytes: Bytes, refuse: Refuse = refuseBundle): Bytes {
  const gunzip = createGunzip({ chunkSize: 1 << 18 });
  const source = Readable.from(bytes);
  source.on("error", (error) => gunzip.destroy(error));
  try {
    for await (const chunk of source.pipe(gunzip)) yield chunk as Uint8Array;
  } catch (error) {
    if (error instanceof Error && "code" in error && String(error.code).startsWith("Z_")) refuse(`is damaged or cut short: ${error.message}`, error);
    throw error;
  } finally {
    source.destroy();
    gunzip.destroy();
  }
}
