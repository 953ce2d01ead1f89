import { open, type FileHandle } from "node:fs/promises";
import { Readable } from "node:stream";
import { crc32, createInflateRaw } from "node:zlib";
import type { Bytes } from "../../model/index.ts";
import { invalid, parseMemberPath, type Member } from "./member.ts";

const CHUNK = 1 << 20;
const LOCAL = 30;
const CENTRAL = 46;
const END = 22;
/** Of the directory at the archive's end; ours has under 200 bytes for a member. */
const LARGEST_DIRECTORY = 64 * 2 ** 20;

/**
 * The members of a zip archive in the order in which they lie, stored or deflated, files and directories only.
 * Nothing may lie between them, before them or after them, and both headers of a member must agree.
 * The wheels' own reader is stricter in names and looser in layout; rooms of one floor do not know each other.
 * @throws CaissonError `bundle-invalid`
 * Source: APPNOTE.TXT 6.3.10, 4.3
 */
export async function* readZip(path: string): AsyncIterable<Member> {
  await using file = await open(path, "r");
  const { size } = await file.stat();
  const end = await readAt(file, size - END, END);
  if (end.readUInt32LE(0) !== 0x06054b50 || end.readUInt16LE(20) !== 0) invalid("the bundle is cut short, or no plain zip archive");
  const count = end.readUInt16LE(10);
  const length = end.readUInt32LE(12);
  const start = end.readUInt32LE(16);
  if (count === 0xffff || start === 0xffffffff) invalid("the bundle is a zip64 archive, which we neither write nor read");
  if (start + length + END !== size || length > LARGEST_DIRECTORY) invalid("the bundle is damaged: its directory is not where its end says");
  let next = 0;
  for (const entry of parseDirectory(await readAt(file, start, length), count)) {
    if (entry.offset !== next) invalid(`the bundle has bytes that belong to no member, before \`${entry.name}\``);
    const content = await checkLocalHeader(file, entry);
    next = content + entry.packed;
    if (next > start) invalid(`the bundle has a member that reaches into its directory: \`${entry.name}\``);
    yield { path: parseMemberPath(entry.name), kind: entry.name.endsWith("/") ? "directory" : "file", size: entry.size, bytes: readContent(file, content, entry) };
  }
  if (next !== start) invalid("the bundle has bytes that belong to no member, before its directory");
}

interface Entry {
  readonly name: string;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
  readonly offset: number;
}

function parseDirectory(bytes: Buffer, count: number): readonly Entry[] {
  const entries: Entry[] = [];
  let at = 0;
  while (entries.length < count) {
    if (at + CENTRAL > bytes.length || bytes.readUInt32LE(at) !== 0x02014b50) invalid("the bundle is damaged: its directory is cut short");
    const nameEnd = at + CENTRAL + bytes.readUInt16LE(at + 28);
    const entry = {
      name: bytes.toString("utf8", at + CENTRAL, nameEnd),
      flags: bytes.readUInt16LE(at + 8),
      method: bytes.readUInt16LE(at + 10),
      crc: bytes.readUInt32LE(at + 16),
      packed: bytes.readUInt32LE(at + 20),
      size: bytes.readUInt32LE(at + 24),
      offset: bytes.readUInt32LE(at + 42),
    };
    checkKind(entry, bytes.readUInt16LE(at + 40) & 0o170000);
    entries.push(entry);
    at = nameEnd + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
  }
  if (at !== bytes.length) invalid("the bundle is damaged: its directory holds more members than its end says");
  return entries.toSorted((a, b) => a.offset - b.offset);
}

/** Bits 1 and 2 tell how hard somebody compressed, bit 11 that the name is UTF-8; all others change what the bytes mean. */
function checkKind({ name, flags, method, packed, size }: Entry, type: number): void {
  const directory = name.endsWith("/");
  if (type !== 0 && type !== (directory ? 0o040000 : 0o100000)) invalid(`the bundle has a member that is neither file nor directory: \`${name}\``);
  if ((flags & ~0x0806) !== 0 || (method !== 0 && method !== 8)) invalid(`the bundle has a member that is neither stored nor deflated: \`${name}\``);
  if ((method === 0 && packed !== size) || (directory && size !== 0)) invalid(`the bundle has a member that contradicts itself: \`${name}\``);
}

/** Where the member's content begins. */
async function checkLocalHeader(file: FileHandle, entry: Entry): Promise<number> {
  const header = await readAt(file, entry.offset, LOCAL);
  const nameLength = header.readUInt16LE(26);
  const name = await readAt(file, entry.offset + LOCAL, nameLength);
  const same =
    header.readUInt32LE(0) === 0x04034b50 && header.readUInt16LE(6) === entry.flags && header.readUInt16LE(8) === entry.method && header.readUInt32LE(14) === entry.crc &&
    header.readUInt32LE(18) === entry.packed && header.readUInt32LE(22) === entry.size && name.toString("utf8") === entry.name;
  if (!same) invalid(`the bundle is damaged: the two headers of \`${entry.name}\` differ`);
  return entry.offset + LOCAL + nameLength + header.readUInt16LE(28);
}

async function* readContent(file: FileHandle, start: number, { name, method, crc, packed, size }: Entry): Bytes {
  const raw = readRange(file, start, packed);
  let seen = 0;
  let sum = 0;
  for await (const chunk of method === 0 ? raw : inflate(raw)) {
    seen += chunk.length;
    // Before the chunk is handed on: a member must not grow beyond what it announced.
    if (seen > size) invalid(`the bundle has a member that contradicts itself: \`${name}\``);
    sum = crc32(chunk, sum);
    yield chunk;
  }
  if (seen !== size || sum !== crc) invalid(`the bundle is damaged: the checksum of \`${name}\` is wrong`);
}

async function* inflate(bytes: Bytes): Bytes {
  const source = Readable.from(bytes);
  const inflater = createInflateRaw();
  source.on("error", (error) => inflater.destroy(error));
  try {
    for await (const chunk of source.pipe(inflater)) yield chunk as Uint8Array;
  } catch (error) {
    if (error instanceof Error && "code" in error && String(error.code).startsWith("Z_")) invalid(`the bundle is damaged: ${error.message}`, error);
    throw error;
  } finally {
    source.destroy();
    inflater.destroy();
  }
}

async function* readRange(file: FileHandle, start: number, length: number): Bytes {
  for (let at = 0; at < length; at += CHUNK) yield await readAt(file, start + at, Math.min(CHUNK, length - at));
}

async function readAt(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, Math.max(at, 0));
  return bytesRead === length && at >= 0 ? buffer : invalid("the bundle is cut short");
}
