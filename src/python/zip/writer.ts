import { deflateSync } from "fflate";
import { crc32 } from "node:zlib";

/** One file to be written. */
export interface ZipFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly mode: 0o644 | 0o755;
}

/**
 * A zip of files in the order given: one byte sequence on every Node, since times are 1980-01-01, no member has a descriptor, and the deflate is fflate's own, level 6.
 * For what fits into memory and into 4 GB.
 */
export function writeZip(files: readonly ZipFile[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const file of files) {
    const deflated = deflateSync(file.bytes, { level: 6 });
    const method = deflated.length < file.bytes.length ? 8 : 0;
    const data = method === 8 ? deflated : file.bytes;
    const name = Buffer.from(file.name, "utf8");
    const { local, central } = headers({ name, mode: file.mode, method, crc: crc32(file.bytes), packed: data.length, size: file.bytes.length }, offset);
    parts.push(...local, data);
    directory.push(...central);
    offset += local.reduce((sum, part) => sum + part.length, data.length);
  }
  return Buffer.concat([...parts, ...directory, endRecord(directory, offset)]);
}

/** What stands behind the directory, which begins at `offset`. */
export function endRecord(directory: readonly Uint8Array[], offset: number): Uint8Array {
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const count = directory.length / PARTS_OF_ENTRY;
  if (offset + size > 0xffff_fffe || count > 0xfffe) throw new RangeError("too much for a zip without zip64");
  const end = Buffer.alloc(22);
  end.write("PK\u0005\u0006", "latin1");
  end.writeUInt16LE(count, 8);
  end.writeUInt16LE(count, 10);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(offset, 16);
  return end;
}

const PARTS_OF_ENTRY = 4;

/** A member as its headers tell of it. */
export interface MemberFacts {
  readonly name: Buffer;
  readonly mode: 0o644 | 0o755;
  /** 0 stored, 8 deflated. */
  readonly method: 0 | 8;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
}

/** What stands before a member's data, and its entry of the directory: the local header is at `offset`. */
export function headers({ name, mode, method, crc, packed, size }: MemberFacts, offset: number): { readonly local: readonly Uint8Array[]; readonly central: readonly Uint8Array[] } {
  const shared = sharedHeader(name, method, crc, packed, size);
  return { local: [Buffer.from("PK\u0003\u0004", "latin1"), shared, name], central: [Buffer.from("PK\u0001\u0002\u0014\u0003", "latin1"), shared, directoryTail(mode, offset), name] };
}

/** What a local header and a directory entry have in common: from the version needed to the length of the extra field. */
function sharedHeader(name: Buffer, method: number, crc: number, compressedSize: number, size: number): Buffer {
  const header = Buffer.alloc(26);
  header.writeUInt16LE(20, 0);
  header.writeUInt16LE(name.some((byte) => byte > 0x7f) ? UTF8 : 0, 2);
  header.writeUInt16LE(method, 4);
  header.writeUInt16LE(FIRST_DAY, 8);
  header.writeUInt32LE(crc, 10);
  header.writeUInt32LE(compressedSize, 14);
  header.writeUInt32LE(size, 18);
  header.writeUInt16LE(name.length, 22);
  return header;
}

function directoryTail(mode: number, offset: number): Buffer {
  const tail = Buffer.alloc(14);
  tail.writeUInt32LE(((0o100000 | mode) << 16) >>> 0, 6);
  tail.writeUInt32LE(offset, 10);
  return tail;
}

const UTF8 = 1 << 11;
/** 1980-01-01 as DOS has it. */
const FIRST_DAY = (1 << 5) | 1;
