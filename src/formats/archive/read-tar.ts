import type { Bytes } from "../../model/index.ts";
import { openCursor, type Cursor } from "./cursor.ts";
import { invalid, parseMemberPath, type Member } from "./member.ts";

const BLOCK = 512;
/** Of a header that extends the next one; ours are under 300 bytes. */
const LARGEST_EXTENSION = 64 * 1024;

/**
 * The members of a tar archive: ustar with pax names and sizes or GNU's long names, files and directories only.
 * @throws CaissonError `bundle-invalid` for links, devices, other dialects, wrong checksums, and what is cut short or goes on after its end
 * Source: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Header Block"
 */
export async function* readTar(bytes: Bytes): AsyncIterable<Member> {
  await using cursor = openCursor(bytes);
  let extended: Extended = {};
  for (;;) {
    const block = await cursor.take(BLOCK);
    if (block.every((byte) => byte === 0)) break;
    const header = parseHeader(block);
    if ((header.type === "x" || header.type === "L") && header.size > LARGEST_EXTENSION) invalid("the bundle has a header that is too long");
    if (header.type === "x") {
      extended = parsePax(await takeContent(cursor, header.size));
      continue;
    }
    if (header.type === "L") {
      extended = { path: parseText(await takeContent(cursor, header.size), 0, header.size) };
      continue;
    }
    const size = extended.size ?? header.size;
    const text = extended.path ?? header.name;
    extended = {};
    if (header.type !== "0" && header.type !== "5") invalid(`the bundle has a member that is neither file nor directory: \`${text}\``);
    const kind = header.type === "0" ? "file" : "directory";
    if (kind === "directory" ? size !== 0 : text.endsWith("/")) invalid(`the bundle has a member that contradicts itself: \`${text}\``);
    const content = onlyOnce(cursor, size);
    yield { path: parseMemberPath(text), kind, size, bytes: content.bytes };
    await content.skipRest();
  }
  await expectEnd(cursor);
}

interface Header {
  readonly name: string;
  readonly size: number;
  readonly type: string;
}

function parseHeader(block: Buffer): Header {
  const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0);
  if (parseOctal(block, 148, 8) !== sum) invalid("the bundle is damaged: a header's checksum is wrong");
  // GNU tar's own dialect differs in the two bytes after the magic, and keeps times where ustar has the prefix.
  if (!["ustar\u000000", "ustar  \0"].includes(block.toString("latin1", 257, 265))) invalid("the bundle is not a ustar archive");
  const gnu = block[262] === 0x20;
  const prefix = gnu ? "" : parseText(block, 345, 155);
  const name = parseText(block, 0, 100);
  const type = String.fromCharCode(block[156] ?? 0);
  return { name: prefix === "" ? name : `${prefix}/${name}`, size: parseOctal(block, 124, 12), type: type === "\0" ? "0" : type };
}

function parseText(block: Buffer, at: number, length: number): string {
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end < 0 ? length : end);
}

function parseOctal(block: Buffer, at: number, length: number): number {
  const text = block.toString("latin1", at, at + length);
  const digits = /^ *([0-7]+)[ \0]*$/.exec(text)?.[1];
  return digits === undefined ? invalid("the bundle is damaged: a header's number is none") : Number.parseInt(digits, 8);
}

interface Extended {
  readonly path?: string;
  readonly size?: number;
}

/** Records that change neither name nor content of a member (times, owners, comments) mean nothing to us. */
function parsePax(bytes: Buffer): Extended {
  const found: { path?: string; size?: number } = {};
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(bytes.toString("latin1", at, Math.max(space, at)));
    const end = at + length;
    if (!Number.isSafeInteger(length) || end > bytes.length || end <= space || bytes[end - 1] !== 0x0a) invalid("the bundle is damaged: a pax record's length is wrong");
    const [, key = "", value = ""] = /^([^=]*)=(.*)$/s.exec(bytes.toString("utf8", space + 1, end - 1)) ?? [];
    if (key === "path") found.path = value;
    else if (key === "size" && /^\d{1,15}$/.test(value)) found.size = Number(value);
    else if (key === "" || key === "size" || key === "linkpath" || key.startsWith("GNU.sparse")) invalid(`the bundle has a pax record we do not take: \`${key}\``);
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
async function expectEnd(cursor: Cursor): Promise<void> {
  if ((await cursor.take(BLOCK)).some((byte) => byte !== 0)) invalid("the bundle is damaged: its end mark is half there");
  for await (const chunk of cursor.rest()) {
    if (chunk.some((byte) => byte !== 0)) invalid("the bundle goes on after its end");
  }
}
