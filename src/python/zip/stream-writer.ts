import { Deflate, deflateSync } from "fflate";
import { crc32 } from "node:zlib";
import type { Bytes } from "../../model/index.ts";
import { readWhole } from "../../system/index.ts";
import { endRecord, headers } from "./writer.ts";

/** One file to be written, that need not fit into memory. */
export interface StreamedFile {
  readonly name: string;
  readonly mode: 0o644 | 0o755;
  readonly size: number;
  /** The content, from its start each time. */
  open(): Bytes;
}

/** Puts bytes aside, for a header must say how many there are before they come; gives them back. */
export type Aside = (bytes: Bytes) => Promise<() => Bytes>;

/** As `writeZip`, for what does not fit into memory: the same bytes, but that a file above 8 MB is deflated in pieces of one. */
export async function* streamZip(files: readonly StreamedFile[], aside: Aside): Bytes {
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const file of files) {
    const { method, crc, packed, data } = file.size <= WHOLE ? await packWhole(file) : await packInPieces(file, aside);
    const { local, central } = headers({ name: Buffer.from(file.name, "utf8"), mode: file.mode, method, crc, packed, size: file.size }, offset);
    directory.push(...central);
    offset += local.reduce((sum, part) => sum + part.length, packed);
    yield Buffer.concat(local);
    yield* data();
  }
  const end = endRecord(directory, offset);
  yield* directory;
  yield end;
}

interface Packed {
  readonly method: 0 | 8;
  readonly crc: number;
  readonly packed: number;
  readonly data: () => Bytes;
}

async function packWhole(file: StreamedFile): Promise<Packed> {
  const bytes = await readWhole(file.open());
  const deflated = deflateSync(bytes, { level: 6 });
  const data = deflated.length < bytes.length ? deflated : bytes;
  return {
    method: data === deflated ? 8 : 0,
    crc: crc32(bytes),
    packed: data.length,
    data: async function* () {
      yield data;
    },
  };
}

async function packInPieces(file: StreamedFile, aside: Aside): Promise<Packed> {
  const sum = { crc: 0, packed: 0 };
  const deflated = await aside(deflate(file, sum));
  const { crc, packed } = sum;
  return packed < file.size ? { method: 8, crc, packed, data: deflated } : { method: 0, crc, packed: file.size, data: () => file.open() };
}

/** Pieces of one length whatever came, so that what comes of them is the same. */
async function* deflate(file: StreamedFile, sum: { crc: number; packed: number }): Bytes {
  const out: Uint8Array[] = [];
  const deflater = new Deflate({ level: 6 }, (chunk) => out.push(chunk));
  let [filled, piece] = [0, Buffer.allocUnsafe(PIECE)];
  for await (const chunk of file.open()) {
    sum.crc = crc32(chunk, sum.crc);
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + PIECE - filled);
      piece.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled < PIECE) continue;
      deflater.push(piece);
      [filled, piece] = [0, Buffer.allocUnsafe(PIECE)];
      for (const done of out.splice(0)) yield counted(done, sum);
    }
  }
  deflater.push(piece.subarray(0, filled), true);
  for (const done of out) yield counted(done, sum);
}

function counted(chunk: Uint8Array, sum: { packed: number }): Uint8Array {
  sum.packed += chunk.length;
  return chunk;
}

const WHOLE = 8 << 20;
const PIECE = 1 << 20;
