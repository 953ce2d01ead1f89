import { refuse } from "../wheel/refuse.ts";
import { checkUnicodePath, readExtra, readUInt64, SENTINEL, widen } from "./extra.ts";
import type { ByteSource } from "./source.ts";

/** One file or directory of a zip, as its central directory has it. */
export interface ZipMember {
  readonly name: string;
  /** 0 stored, 8 deflated. */
  readonly method: number;
  readonly size: number;
  readonly compressedSize: number;
  readonly crc32: number;
  /** Unix mode bits with the file's type; 0 where unknown. */
  readonly mode: number;
  readonly directory: boolean;
}

/** A member as the central directory has it, with what the local header must repeat. */
export interface DirectoryEntry extends ZipMember {
  readonly rawName: Buffer;
  readonly flags: number;
  /** Of the local header. */
  readonly offset: number;
}

/** The flag bits we know. */
export const FLAG: Readonly<Record<"encrypted" | "descriptor" | "patch" | "strong" | "utf8" | "masked", number>> = { encrypted: 0x1, descriptor: 0x8, patch: 0x20, strong: 0x40, utf8: 0x800, masked: 0x2000 };

/**
 * The central directory, found from the end of the file: `start` is where it begins.
 * @throws CaissonError `wheel-invalid` Z3 · Z5 · Z7 · Z9 · Z10 · Z11 · Z12 · Z14 · Z15
 */
export async function readDirectory(source: ByteSource): Promise<{ readonly entries: readonly DirectoryEntry[]; readonly start: number }> {
  const tailStart = Math.max(0, source.size - TAIL);
  const tail = asBuffer(await source.read(tailStart, source.size - tailStart));
  const end = findEnd(tail, tailStart);
  const bytes = end.start >= tailStart ? tail.subarray(end.start - tailStart, end.start - tailStart + end.size) : asBuffer(await source.read(end.start, end.size));
  const entries = readEntries(bytes, end.count);
  checkBomb(entries, source.size);
  return { entries, start: end.start };
}

interface DirectoryEnd {
  readonly count: number;
  readonly size: number;
  readonly start: number;
}

/** The end record must end with the file: what stands behind it, or a second one, is what another reader would take. */
function findEnd(tail: Buffer, tailStart: number): DirectoryEnd {
  const seen: number[] = [];
  for (let at = tail.indexOf(END); at >= 0; at = tail.indexOf(END, at + 1)) seen.push(at);
  const [at, second] = seen.filter((start) => start + 22 <= tail.length && start + 22 + tail.readUInt16LE(start + 20) === tail.length);
  if (at === undefined) return refuse("Z3", seen.length > 0 ? "bytes stand behind the end of the zip" : "it is no zip, or was cut off: it has no end record");
  if (second !== undefined || SIGNATURES.some((signature) => tail.includes(signature, at + 22))) refuse("Z3", "the comment contains a zip");
  return readEnd(tail, at, tailStart);
}

function readEnd(tail: Buffer, at: number, tailStart: number): DirectoryEnd {
  if (tail.readUInt16LE(at + 4) !== 0 || tail.readUInt16LE(at + 6) !== 0) refuse("Z3", "it is one part of a zip on several disks");
  if (tail.readUInt16LE(at + 8) !== tail.readUInt16LE(at + 10)) refuse("Z3", "the end record counts its members in two ways");
  const narrow = { count: tail.readUInt16LE(at + 10), size: tail.readUInt32LE(at + 12), start: tail.readUInt32LE(at + 16) };
  const wide = at >= 20 && tail.subarray(at - 20, at - 16).equals(LOCATOR) ? readEnd64(tail, at - 20, tailStart) : undefined;
  if (wide === undefined && (narrow.count === 0xffff || narrow.size === SENTINEL || narrow.start === SENTINEL)) refuse("Z5", "the end record speaks of a zip64 one, and there is none");
  const end = wide === undefined ? narrow : reconcile(narrow, wide);
  const position = tailStart + at - (wide === undefined ? 0 : 76);
  if (end.start + end.size > position) refuse("Z3", "the central directory reaches beyond its end record");
  if (end.start + end.size < position) {
    const shifted = position - end.size - tailStart;
    const prefixed = end.size > 0 && shifted >= 0 && tail.subarray(shifted, shifted + 4).equals(CENTRAL);
    refuse(prefixed ? "Z15" : "Z3", prefixed ? "bytes stand before the zip" : "bytes stand between the central directory and its end record");
  }
  return end;
}

function readEnd64(tail: Buffer, locator: number, tailStart: number): DirectoryEnd {
  const at = locator - 56;
  if (at < 0 || tail.readUInt32LE(locator + 4) !== 0 || tail.readUInt32LE(locator + 16) > 1) refuse("Z5", "the zip64 locator is wrong");
  if (readUInt64(tail, locator + 8, "zip64") !== tailStart + at || !tail.subarray(at, at + 4).equals(END64)) refuse("Z5", "the zip64 end record is not where its locator says, or has extensible data");
  if (readUInt64(tail, at + 4, "zip64") !== 44) refuse("Z5", "the zip64 end record has extensible data");
  if (tail.readUInt32LE(at + 16) !== 0 || tail.readUInt32LE(at + 20) !== 0) refuse("Z5", "it is one part of a zip on several disks");
  const count = readUInt64(tail, at + 32, "zip64");
  if (readUInt64(tail, at + 24, "zip64") !== count) refuse("Z5", "the zip64 end record counts its members in two ways");
  return { count, size: readUInt64(tail, at + 40, "zip64"), start: readUInt64(tail, at + 48, "zip64") };
}

function reconcile(narrow: DirectoryEnd, wide: DirectoryEnd): DirectoryEnd {
  if (!agree(narrow.count, wide.count, 0xffff) || !agree(narrow.size, wide.size, SENTINEL) || !agree(narrow.start, wide.start, SENTINEL)) refuse("Z5", "the zip64 end record contradicts the end record");
  return wide;
}

function agree(narrow: number, wide: number, sentinel: number): boolean {
  return narrow === sentinel || narrow === wide;
}

function readEntries(bytes: Buffer, count: number): readonly DirectoryEntry[] {
  if (count > MOST_MEMBERS) refuse("Z14", `it has ${count} members`);
  const entries: DirectoryEntry[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (at + 46 > bytes.length || !bytes.subarray(at, at + 4).equals(CENTRAL)) refuse("Z3", "the central directory has something else than members in it");
    const next = at + 46 + bytes.readUInt16LE(at + 28) + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
    if (next > bytes.length) refuse("Z3", "the central directory is cut off");
    entries.push(readEntry(bytes.subarray(at, next)));
    at = next;
  }
  if (entries.length !== count) refuse("Z3", `the end record counts ${count} members, the central directory has ${entries.length}`);
  return entries;
}

function readEntry(bytes: Buffer): DirectoryEntry {
  const nameEnd = 46 + bytes.readUInt16LE(28);
  const rawName = bytes.subarray(46, nameEnd);
  const flags = bytes.readUInt16LE(8);
  const name = decodeName(rawName, flags);
  const fields = readExtra(bytes.subarray(nameEnd, nameEnd + bytes.readUInt16LE(30)), name);
  checkUnicodePath(fields, rawName);
  if (bytes.readUInt16LE(34) !== 0) refuse("Z3", `\`${name}\` begins on another disk`);
  const [size = 0, compressedSize = 0, offset = 0] = widen(fields, [bytes.readUInt32LE(24), bytes.readUInt32LE(20), bytes.readUInt32LE(42)], name);
  const entry = { name, rawName, flags, method: bytes.readUInt16LE(10), crc32: bytes.readUInt32LE(16), size, compressedSize, offset, mode: bytes.readUInt32LE(38) >>> 16, directory: name.endsWith("/") };
  checkEntry(entry);
  return entry;
}

/** Without the flag a name is CP437 to some readers and UTF-8 to others, so only ASCII may go without. */
function decodeName(raw: Buffer, flags: number): string {
  const name = raw.toString("utf8");
  if (!Buffer.from(name, "utf8").equals(raw)) refuse("Z7", `the name ${JSON.stringify(name)} is not UTF-8`);
  if ((flags & FLAG.utf8) === 0 && raw.some((byte) => byte > 0x7f)) refuse("Z7", `the name \`${name}\` is not ASCII and not marked as UTF-8`);
  return name;
}

function checkEntry(entry: DirectoryEntry): void {
  const { name } = entry;
  const type = entry.mode & 0o170000;
  if ((entry.flags & (FLAG.encrypted | FLAG.patch | FLAG.strong | FLAG.masked)) !== 0) refuse("Z10", `\`${name}\` is encrypted or a patch`);
  if (entry.method !== 0 && entry.method !== 8) refuse("Z10", `\`${name}\` is compressed by method ${entry.method}; only stored and deflated members are read`);
  if (type !== 0 && type !== 0o100000 && type !== 0o040000) refuse("Z11", type === 0o120000 ? `\`${name}\` is a symbolic link` : `\`${name}\` is no regular file`);
  if (type === 0o040000 && !entry.directory) refuse("Z9", `\`${name}\` is a directory by its mode and a file by its name`);
  // Two bytes are what deflate makes of nothing.
  if (entry.directory && (entry.size !== 0 || entry.crc32 !== 0 || entry.compressedSize > 2)) refuse("Z9", `the directory \`${name}\` has content`);
  if (entry.method === 0 && entry.size !== entry.compressedSize) refuse("Z1", `\`${name}\` is stored, yet its two sizes differ`);
  if (entry.size > entry.compressedSize * DEFLATE_LIMIT + 64) refuse("Z14", `\`${name}\` claims to grow more than deflate can make it`);
}

function checkBomb(entries: readonly DirectoryEntry[], size: number): void {
  const total = entries.reduce((sum, entry) => sum + entry.size, 0);
  if (total > Math.max(SMALL, size * GROWTH)) refuse("Z14", `${size} bytes would become ${total}`);
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const signature = (text: string): Buffer => Buffer.from(`PK${text}`, "latin1");
export const LOCAL: Buffer = signature("\u0003\u0004");
export const DESCRIPTOR: Buffer = signature("\u0007\u0008");
const CENTRAL = signature("\u0001\u0002");
const END = signature("\u0005\u0006");
const END64 = signature("\u0006\u0006");
const LOCATOR = signature("\u0006\u0007");
const SIGNATURES = [LOCAL, CENTRAL, END, END64, LOCATOR];

/** The longest comment, and the end records with it. */
const TAIL = 0xffff + 22 + 20 + 56;
const MOST_MEMBERS = 1_000_000;
/** No deflate stream grows more. */
const DEFLATE_LIMIT = 1032;
/** A wheel of real files grows 3 to 20 times; up to `SMALL` bytes nobody is hurt. */
const GROWTH = 100;
const SMALL = 256 * 1024 * 1024;
