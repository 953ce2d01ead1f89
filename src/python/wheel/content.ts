import { createHash } from "node:crypto";
import { isMainThread } from "node:worker_threads";
import type { Digest } from "../../model/index.ts";
import { mapConcurrently } from "../../system/index.ts";
import { beginsLikeElf, readElf, type Elf } from "../elf/elf.ts";
import { declaresNamespace } from "./namespace.ts";
import type { RecordRow } from "./record.ts";
import { refuse, type Objection } from "./refuse.ts";
import type { WheelLayout } from "./layout.ts";
import type { ZipMember } from "../zip/directory.ts";
import type { Zip } from "../zip/zip.ts";

/** What one pass over a member tells. */
export interface Content {
  readonly member: ZipMember;
  readonly digest: Digest;
  /** It begins with `#!python`: a script that the installer adapts. */
  readonly pythonScript: boolean;
  /** An `__init__.py` that only declares a namespace package. */
  readonly namespace: boolean;
  /** `broken`: it begins like an ELF file and cannot be read as one. */
  readonly elf?: Elf | "broken";
}

/**
 * Compare what RECORD lists with what is there, rules W8 and W9; hashes are compared while the members are read.
 * @throws CaissonError `wheel-invalid`
 */
export function checkRecord(record: ReadonlyMap<string, RecordRow>, members: readonly ZipMember[], { distInfo }: WheelLayout, object: Objection = refuse): void {
  const own = `${distInfo}/RECORD`;
  const unlisted = new Set([own, `${own}.jws`, `${own}.p7s`]);
  const there = new Set(members.map((member) => member.name));
  for (const { name } of members) {
    const row = record.get(name);
    if (!unlisted.has(name) && row === undefined) object("W8", `RECORD does not list \`${name}\``);
    if (!unlisted.has(name) && row?.hash === undefined) object("W8", `RECORD has no hash for \`${name}\``);
  }
  for (const { path, hash } of record.values()) {
    if (path === own && hash !== undefined) object("W8", "RECORD has a hash for itself");
    if (path !== own && unlisted.has(path)) object("W8", `RECORD lists \`${path}\`, which is its own signature`);
    if (!there.has(path)) object("W9", `RECORD lists \`${path}\`, which is not there`);
  }
}

/**
 * Read every member once: its CRC, RECORD's hash, our digest and its ELF facts in one pass. Directories are read too, for what may hide behind their headers, and left out.
 * @throws CaissonError `wheel-invalid`
 */
export async function readContents(zip: Zip, record: ReadonlyMap<string, RecordRow>, object: Objection = refuse): Promise<readonly Content[]> {
  const contents = await mapConcurrently(zip.members, AT_ONCE, (member) => readContent(zip, member, record.get(member.name), object));
  return contents.filter(({ member }) => !member.directory);
}

async function readContent(zip: Zip, member: ZipMember, row: RecordRow | undefined, object: Objection): Promise<Content> {
  const ours = createHash("sha256");
  const theirs = row?.hash === undefined || row.hash.algorithm === "sha256" ? undefined : createHash(row.hash.algorithm);
  let start: Uint8Array | undefined;
  let at = 0;
  for await (const chunk of zip.open(member)) {
    ours.update(chunk);
    theirs?.update(chunk);
    start ??= roomFor(member, chunk);
    if (start !== chunk && start.length === member.size) start.set(chunk, at);
    at += chunk.length;
  }
  start ??= new Uint8Array();
  if (row?.size !== undefined && row.size !== member.size) object("W8", `\`${member.name}\` has ${member.size} bytes, RECORD says ${row.size}`);
  const sum = ours.digest();
  if (row?.hash !== undefined && (theirs?.digest() ?? sum).toString("base64url") !== row.hash.value) object("W8", `the bytes of \`${member.name}\` are not those that RECORD vouches for`);
  const elf = beginsLikeElf(start) ? ((await readElf(rangesOf(zip, member, start), member.size)) ?? (isLoadable(start) ? "broken" : undefined)) : undefined;
  return {
    member,
    digest: `sha256:${sum.toString("hex")}`,
    pythonScript: Buffer.from(start.subarray(0, 8)).toString("latin1") === "#!python",
    namespace: isNamespace(member, start),
    ...(elf === undefined ? {} : { elf }),
  };
}

/** The first chunk, or room for everything where that is worth its memory: a library's tables lie all over it. */
function roomFor({ size }: ZipMember, first: Uint8Array): Uint8Array {
  return beginsLikeElf(first) && size > first.length && size <= KEPT_WHOLE ? Buffer.allocUnsafe(size) : first;
}

/** Declarations are short; what does not come in one piece is none. */
function isNamespace(member: ZipMember, start: Uint8Array): boolean {
  return member.name.endsWith("/__init__.py") && member.size > 0 && member.size === start.length && declaresNamespace(Buffer.from(start.buffer, start.byteOffset, start.length).toString("utf8"));
}

/** Not an object file or a core dump: those are nobody's to load. */
function isLoadable(start: Uint8Array): boolean {
  const type = start[5] === 2 ? start[17] : start[16];
  return type === 2 || type === 3;
}

/** A member by ranges. What lies beyond its kept start is inflated again up to there, and the piece is kept, for tables lie close together. */
function rangesOf(zip: Zip, member: ZipMember, start: Uint8Array): (offset: number, length: number) => Promise<Uint8Array> {
  let piece = { start: 0, bytes: start };
  return async (offset, length) => {
    if (offset + length <= start.length) return start.subarray(offset, offset + length);
    if (offset < piece.start || offset + length > piece.start + piece.bytes.length) {
      const end = Math.min(member.size, Math.max(offset + length, offset + PIECE));
      piece = { start: offset, bytes: await readPiece(zip, member, offset, end) };
    }
    return piece.bytes.subarray(offset - piece.start, offset - piece.start + length);
  };
}

async function readPiece(zip: Zip, member: ZipMember, start: number, end: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let at = 0;
  for await (const chunk of zip.open(member)) {
    if (at + chunk.length > start) chunks.push(chunk.subarray(Math.max(0, start - at), Math.max(0, end - at)));
    at += chunk.length;
    if (at >= end) break;
  }
  return Buffer.concat(chunks);
}

/** Members in hand at a time: enough for the thread pool to inflate while this thread hashes. A thread that does nothing else inflates by itself. */
const AT_ONCE = isMainThread ? 4 : 1;
/** Bytes of a library that is kept whole while it is read. */
const KEPT_WHOLE = 64 << 20;
const PIECE = 1 << 20;
