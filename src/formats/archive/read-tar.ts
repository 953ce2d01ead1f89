import type { Bytes } from "../../model/index.ts";
import { openCursor, type Cursor } from "./cursor.ts";
import { invalid, parseMemberPath, refuseBundle, type Member, type Refuse } from "./member.ts";

const BLOCK = 512;
/** Of a header that extends the next one; ours are under 300 bytes. */
const LARGEST_EXTENSION = 64 * 1024;

/**
 * The members of a bundle that is a tar archive: files and directories only.
 * @throws CaissonError `bundle-invalid` for links, devices, and whatever `readTarEntries` refuses
 */
export async function* readTar(bytes: Bytes): AsyncIterable<Member> {
  for await (const { name, type, size, bytes: content } of readTarEntries(bytes)) {
    if (type !== "0" && type !== "5") invalid(`the bundle has a member that is neither file nor directory: \`${name}\``);
    yield { path: parseMemberPath(name), kind: type === "0" ? "file" : "directory", size, bytes: content };
  }
}

/** A member of a tar archive as it says of itself, and nothing of it believed. */
export interface TarEntry {
  readonly name: string;
  /** The letter of its kind: `0` a file, `5` a directory, `1` a hard link, `2` a symbolic one. */
  readonly type: string;
  /** Of a link. */
  readonly target: string;
  readonly mode: number;
  readonly size: number;
  /** To be read, whole or not at all, before the next one is asked for. */
  readonly bytes: Bytes;
}

/**
 * The members of a tar archive: ustar with pax names and sizes or GNU's long names. Other dialects, wrong checksums, and what is cut short or goes on after its end are refused, by default as a bundle.
 * Source: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Header Block"
 */
export async function* readTarEntries(bytes: Bytes, refuse: Refuse = refuseBundle): AsyncIterable<TarEntry> {
  await using cursor = openCursor(bytes, refuse);
  let extended: Extended = {};
  for (;;) {
    const block = await cursor.take(BLOCK);
    if (block.every((byte) => byte === 0)) break;
    const header = parseHeader(block, refuse);
    const isExtension = ["x", "L", "K"].includes(header.type);
    if (isExtension && header.size > LARGEST_EXTENSION) refuse("has a header that is too long");
    if (isExtension) {
      const content = await takeContent(cursor, header.size);
      const text = parseText(content, 0, header.size);
      extended = { ...extended, ...(header.type === "x" ? parsePax(content, refuse) : header.type === "L" ? { path: text } : { target: text }) };
      continue;
    }
    const { type, mode } = header;
    const size = extended.size ?? header.size;
    const name = extended.path ?? header.name;
    const target = extended.target ?? header.target;
    extended = {};
    if (type === "0" ? name.endsWith("/") : size !== 0) refuse(`has a member that contradicts itself: \`${name}\``);
    const content = onlyOnce(cursor, size);
    yield { name, type, target, mode, size, bytes: content.bytes };
    await content.skipRest();
  }
  await expectEnd(cursor, refuse);
}

interface Header {
  readonly name: string;
  readonly mode: number;
  readonly size: number;
  readonly type: string;
  readonly target: string;
}

function parseHeader(block: Buffer, refuse: Refuse): Header {
  const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0);
  if (parseOctal(block, 148, 8, refuse) !== sum) refuse("is damaged: a header's checksum is wrong");
  // GNU tar's own dialect differs in the two bytes after the magic, and keeps times where ustar has the prefix.
  if (!["ustar\u000000", "ustar  \0"].includes(block.toString("latin1", 257, 265))) refuse("is not a ustar archive");
  const gnu = block[262] === 0x20;
  const prefix = gnu ? "" : parseText(block, 345, 155);
  const name = parseText(block, 0, 100);
  const type = String.fromCharCode(block[156] ?? 0);
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    mode: parseOctal(block, 100, 8, refuse),
    size: parseOctal(block, 124, 12, refuse),
    type: type === "\0" ? "0" : type,
    target: parseText(block, 157, 100),
  };
}

function parseText(block: Buffer, at: number, length: number): string {
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end < 0 ? length : end);
}

function parseOctal(block: Buffer, at: number, length: number, refuse: Refuse): number {
  const text = block.toString("latin1", at, at + length);
  const digits = /^ *([0-7]+)[ \0]*$/.exec(text)?.[1];
  return digits === undefined ? refuse("is damaged: a header's number is none") : Number.parseInt(digits, 8);
}

interface Extended {
  readonly path?: string;
  readonly target?: string;
  readonly size?: number;
}

/** Records that change neither name nor content of a member (times, owners, comments) mean nothing to us. */
function parsePax(bytes: Buffer, refuse: Refuse): Extended {
  const found: { path?: string; target?: string; size?: number } = {};
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(bytes.toString("latin1", at, Math.max(space, at)));
    const end = at + length;
    if (!Number.isSafeInteger(length) || end > bytes.length || end <= space || bytes[end - 1] !== 0x0a) refuse("is damaged: a pax record's length is wrong");
    const [, key = "", value = ""] = /^([^=]*)=(.*)$/s.exec(bytes.toString("utf8", space + 1, end - 1)) ?? [];
    if (key === "path") found.path = value;
    else if (key === "size" && /^\d{1,15}$/.test(value)) found.size = Number(value);
    else if (key === "linkpath") found.target = value;
    else if (key === "" || key === "size" || key.startsWith("GNU.sparse")) refuse(`has a pax record we do not take: \`${key}\``);
    at = end;
  }
  return found;
}

async function takeContent(cursor: Cursor, size: number): Promise<Buffer> {
  const content = await cursor.take(size);
  await cursor.take(paddingOf(size));
  return content;
}

/** A member's content that may be read once; what nobody read is passed over before the next member. */
function onlyOnce(cursor: Cursor, size: number): { readonly bytes: Bytes; skipRest(): Promise<void> } {
  let left = size;
  const bytes = (async function* read(): Bytes {
    for await (const chunk of cursor.stream(left)) {
      left -= chunk.length;
      yield chunk;
    }
  })();
  return {
    bytes,
    skipRest: async () => {
      for await (const _ of cursor.stream(left));
      await cursor.take(paddingOf(size));
    },
  };
}

function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

/** One more block of zeros, then nothing but zeros: tar fills up to its own record size. */
async function expectEnd(cursor: Cursor, refuse: Refuse): Promise<void> {
  if ((await cursor.take(BLOCK)).some((byte) => byte !== 0)) refuse("is damaged: its end mark is half there");
  for await (const chunk of cursor.rest()) {
    if (chunk.some((byte) => byte !== 0)) refuse("goes on after its end");
  }
}
