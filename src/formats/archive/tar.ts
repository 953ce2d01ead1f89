import type { Bytes, EpochSeconds } from "../../model/index.ts";
import { exactly, type NewMember } from "./member.ts";

const BLOCK = 512;

/**
 * Members as a tar archive: ustar, with a pax header only where a name or a size does not fit. Owner 0, no names, one time for all.
 * Source: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Header Block"
 */
export async function* writeTar(members: AsyncIterable<NewMember>, time: EpochSeconds): Bytes {
  for await (const member of members) {
    yield memberHeader(member, time);
    if (member.kind === "file") yield* exactly(member);
    yield padding(member.size);
  }
  yield new Uint8Array(2 * BLOCK);
}

function memberHeader(member: NewMember, time: EpochSeconds): Uint8Array {
  const { path, mode, size } = member;
  const type = member.kind === "directory" ? "5" : "0";
  const place = splitName(path);
  const records = [...(place === undefined ? [["path", path]] : []), ...(size > LARGEST ? [["size", String(size)]] : [])];
  const fits: HeaderFields = { ...(place ?? { prefix: "", name: asciiTail(path) }), mode, size: Math.min(size, LARGEST), time, type };
  if (records.length === 0) return header(fits);
  const text = Buffer.from(records.map(([key = "", value = ""]) => paxRecord(key, value)).join(""));
  return Buffer.concat([header({ prefix: "", name: "pax", mode: 0o644, size: text.length, time, type: "x" }), text, padding(text.length), header(fits)]);
}

/** The most that eleven octal digits can say. */
const LARGEST = 0o77777777777;

interface HeaderFields {
  readonly prefix: string;
  readonly name: string;
  readonly mode: number;
  readonly size: number;
  readonly time: EpochSeconds;
  readonly type: "0" | "5" | "x";
}

function header({ prefix, name, mode, size, time, type }: HeaderFields): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  block.write(name, 0, 100, "latin1");
  block.write(octal(mode, 7), 100, "latin1");
  block.write(octal(0, 7), 108, "latin1");
  block.write(octal(0, 7), 116, "latin1");
  block.write(octal(size, 11), 124, "latin1");
  block.write(octal(time, 11), 136, "latin1");
  block.write("        ", 148, "latin1");
  block.write(type, 156, "latin1");
  block.write("ustar\u000000", 257, "latin1");
  block.write(octal(0, 7), 329, "latin1");
  block.write(octal(0, 7), 337, "latin1");
  block.write(prefix, 345, 155, "latin1");
  block.write(`${octal(block.reduce((sum, byte) => sum + byte, 0), 6)}\0 `, 148, "latin1");
  return block;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, "0");
}

/** A plain ASCII name as ustar's two fields; undefined where it needs a pax header. */
function splitName(path: string): { readonly prefix: string; readonly name: string } | undefined {
  if (!/^[\x20-\x7e]+$/.test(path)) return undefined;
  if (path.length <= 100) return { prefix: "", name: path };
  // The first slash that leaves a name short enough; a directory's own last slash cannot be it.
  const slash = path.slice(0, -1).indexOf("/", path.length - 101);
  return slash < 1 || slash > 155 ? undefined : { prefix: path.slice(0, slash), name: path.slice(slash + 1) };
}

/** What a reader without pax shows for a name that does not fit. */
function asciiTail(path: string): string {
  return path.replaceAll(/[^\x20-\x7e]/g, "_").slice(-100);
}

/** `27 path=...`: the number counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const length = Buffer.byteLength(rest);
  const guess = length + String(length).length;
  return `${length + String(guess).length}${rest}`;
}

function padding(size: number): Uint8Array {
  return new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK);
}
