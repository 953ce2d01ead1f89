import { crc32, deflateRawSync } from "node:zlib";

/** Fields of a header as they will stand in the file; what is absent is as it should be. */
interface RawHeader {
  readonly name?: string | Uint8Array;
  readonly flags?: number;
  readonly method?: number;
  readonly crc32?: number;
  readonly compressedSize?: number;
  readonly size?: number;
  readonly extra?: Uint8Array;
}

/** One member, honest unless told otherwise. */
export interface RawMember {
  readonly name: string | Uint8Array;
  readonly content?: string | Uint8Array;
  /** Deflated when true. */
  readonly deflate?: boolean;
  /** Unix mode with type. */
  readonly mode?: number;
  /** Both headers. */
  readonly both?: RawHeader;
  readonly local?: RawHeader;
  readonly central?: RawHeader & { readonly offset?: number; readonly disk?: number };
  /** Bytes as they stand between the headers, instead of the content. */
  readonly data?: Uint8Array;
  /** Bytes that follow the data: a descriptor, or what an attacker puts there. */
  readonly behind?: Uint8Array;
  readonly hidden?: "from-directory" | "from-body";
}

export interface RawEnd {
  readonly before?: Uint8Array;
  /** Between the last member and the central directory. */
  readonly gap?: Uint8Array;
  /** Between the central directory and the end record. */
  readonly zip64?: (start: number, size: number, count: number) => Uint8Array;
  readonly comment?: Uint8Array;
  readonly commentLength?: number;
  readonly after?: Uint8Array;
  readonly count?: number;
  readonly countHere?: number;
  readonly disk?: number;
  readonly size?: number;
  readonly start?: number;
}

/** A zip as a liar could write it: every field can be said otherwise. */
export function rawZip(members: readonly RawMember[], end: RawEnd = {}): Buffer {
  const body: Uint8Array[] = [end.before ?? Buffer.alloc(0)];
  const directory: Buffer[] = [];
  for (const member of members) {
    const content = Buffer.from(member.content ?? "");
    const data = member.data ?? (member.deflate === true ? deflateRawSync(content) : content);
    const truth = { name: member.name, flags: 0, method: member.deflate === true ? 8 : 0, crc32: crc32(content), compressedSize: data.length, size: content.length, extra: Buffer.alloc(0) };
    const offset = length(body) - (end.before?.length ?? 0);
    if (member.hidden !== "from-body") body.push(localHeader({ ...truth, ...member.both, ...member.local }), data, member.behind ?? Buffer.alloc(0));
    if (member.hidden !== "from-directory") directory.push(centralHeader({ ...truth, offset, disk: 0, ...member.both, ...member.central }, member.mode ?? 0o100644));
  }
  if (end.gap !== undefined) body.push(end.gap);
  const start = length(body) - (end.before?.length ?? 0);
  const size = length(directory);
  const zip64 = end.zip64?.(start, size, directory.length) ?? Buffer.alloc(0);
  const record = Buffer.alloc(22);
  record.write("PK\u0005\u0006", "latin1");
  record.writeUInt16LE(end.disk ?? 0, 4);
  record.writeUInt16LE(end.countHere ?? end.count ?? directory.length, 8);
  record.writeUInt16LE(end.count ?? directory.length, 10);
  record.writeUInt32LE(end.size ?? size, 12);
  record.writeUInt32LE(end.start ?? start, 16);
  record.writeUInt16LE(end.commentLength ?? end.comment?.length ?? 0, 20);
  return Buffer.concat([...body, ...directory, zip64, record, end.comment ?? Buffer.alloc(0), end.after ?? Buffer.alloc(0)]);
}

/** An extra field. */
export function extraField(id: number, data: Uint8Array): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16LE(id, 0);
  head.writeUInt16LE(data.length, 2);
  return Buffer.concat([head, data]);
}

/** Little-endian 64-bit numbers one after another. */
export function longs(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 8);
  for (const [at, value] of values.entries()) bytes.writeBigUInt64LE(BigInt(value), at * 8);
  return bytes;
}

/** A data descriptor with its signature. */
export function descriptor(content: string, said: { readonly crc32?: number; readonly size?: number } = {}): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.write("PK\u0007\u0008", "latin1");
  bytes.writeUInt32LE(said.crc32 ?? crc32(Buffer.from(content)), 4);
  bytes.writeUInt32LE(said.size ?? Buffer.byteLength(content), 8);
  bytes.writeUInt32LE(said.size ?? Buffer.byteLength(content), 12);
  return bytes;
}

/** A zip64 end record and its locator. */
export function zip64End(start: number, size: number, count: number, said: { readonly extensible?: number; readonly count?: number; readonly locator?: number } = {}): Buffer {
  const extensible = Buffer.alloc(said.extensible ?? 0);
  const record = Buffer.alloc(24);
  record.write("PK\u0006\u0006", "latin1");
  record.writeBigUInt64LE(BigInt(44 + extensible.length), 4);
  record.writeUInt16LE(45, 12);
  record.writeUInt16LE(45, 14);
  const locator = Buffer.alloc(20);
  locator.write("PK\u0006\u0007", "latin1");
  locator.writeBigUInt64LE(BigInt(said.locator ?? start + size), 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([record, longs(said.count ?? count, said.count ?? count, size, start), extensible, locator]);
}

type Whole = Required<RawHeader>;

function localHeader(header: Whole): Buffer {
  const name = Buffer.from(header.name);
  const fixed = Buffer.alloc(30);
  fixed.write("PK\u0003\u0004", "latin1");
  writeShared(fixed, 4, header, name.length);
  return Buffer.concat([fixed, name, header.extra]);
}

function centralHeader(header: Whole & { readonly offset: number; readonly disk: number }, mode: number): Buffer {
  const name = Buffer.from(header.name);
  const fixed = Buffer.alloc(46);
  fixed.write("PK\u0001\u0002\u0014\u0003", "latin1");
  writeShared(fixed, 6, header, name.length);
  fixed.writeUInt16LE(header.disk, 34);
  fixed.writeUInt32LE((mode << 16) >>> 0, 38);
  fixed.writeUInt32LE(header.offset, 42);
  return Buffer.concat([fixed, name, header.extra]);
}

function writeShared(into: Buffer, at: number, header: Whole, nameLength: number): void {
  into.writeUInt16LE(20, at);
  into.writeUInt16LE(header.flags, at + 2);
  into.writeUInt16LE(header.method, at + 4);
  into.writeUInt16LE(0x21, at + 8);
  into.writeUInt32LE(header.crc32, at + 10);
  into.writeUInt32LE(header.compressedSize, at + 14);
  into.writeUInt32LE(header.size, at + 18);
  into.writeUInt16LE(nameLength, at + 22);
  into.writeUInt16LE(header.extra.length, at + 24);
}

function length(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}
