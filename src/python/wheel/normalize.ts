import { compareBytewise, mediaTypes, type Bytes } from "../../model/index.ts";
import { sha256 } from "../../system/index.ts";
import { createHash } from "node:crypto";
import { pathToFileURL } from "node:url";
import { printRecord, type RecordRow } from "./record.ts";
import { readWheel } from "./wheel.ts";
import { isBytecode } from "./layout.ts";
import type { ZipMember } from "../zip/directory.ts";
import { streamZip, type Aside, type StreamedFile } from "../zip/stream-writer.ts";
import { writeZip, type ZipFile } from "../zip/writer.ts";
import { bytesSource, type ByteSource } from "../zip/source.ts";
import { readMember, readZip } from "../zip/zip.ts";

/**
 * The same wheel as one byte sequence, whatever back end, umask, clock or file order made it: members sorted, times 1980-01-01, modes 0644 or 0755, RECORD rewritten, bytecode and directories left out.
 * For small wheels that were just built here: the whole wheel is held in memory. A bill of materials names no `place` any more, the directory in which it was built.
 * @throws CaissonError `wheel-invalid` where the given wheel breaks a rule
 */
export async function normalizeWheel(fileName: string, source: ByteSource, place?: string): Promise<Uint8Array> {
  const given = bytesSource(await source.read(0, source.size));
  // RECORD is about to be rewritten, so what it says is checked first.
  await readWheel(fileName, { digest: sha256(""), size: source.size, mediaType: mediaTypes.wheel }, given);
  const zip = await readZip(given);
  const files: ZipFile[] = [];
  let record = "";
  for (const member of zip.members) {
    if (OWN_RECORD.test(member.name)) record = member.name;
    if (member.directory || isBytecode(member.name) || IS_RECORD.test(member.name)) continue;
    files.push({ name: member.name, bytes: withoutPlace(member, await readMember(zip, member), place), mode: modeOf(member) });
  }
  return packNormal(files, record);
}

/** A wheel of these files, sorted, with a RECORD of them. */
export function packNormal(files: readonly ZipFile[], record: string): Uint8Array {
  const own: ZipFile = { name: record, bytes: Buffer.from(recordOf(files, record), "utf8"), mode: 0o644 };
  return writeZip([...files, own].toSorted((a, b) => compareBytewise(a.name, b.name)));
}

/**
 * As `normalizeWheel`, for what does not fit into memory: one of its files is in hand at a time, and of large ones pieces. `aside` keeps what a header must know the length of.
 * @throws CaissonError `wheel-invalid` where the given wheel breaks a rule
 */
export async function* streamNormalWheel(fileName: string, source: ByteSource, aside: Aside, place?: string): Bytes {
  await readWheel(fileName, { digest: sha256(""), size: source.size, mediaType: mediaTypes.wheel }, source);
  const zip = await readZip(source);
  const record = zip.members.find((member) => OWN_RECORD.test(member.name))?.name ?? "";
  const members = zip.members.filter((member) => !member.directory && !isBytecode(member.name) && !IS_RECORD.test(member.name));
  const files = await Promise.all(members.map(async (member): Promise<StreamedFile> => {
    if (BILL.test(member.name)) return inMemory(member.name, withoutPlace(member, await readMember(zip, member), place), modeOf(member));
    return { name: member.name, size: member.size, mode: modeOf(member), open: () => zip.open(member) };
  }));
  const rows: RecordRow[] = [];
  for (const file of files) rows.push({ path: file.name, hash: { algorithm: "sha256", value: await hashOf(file.open()) }, size: file.size });
  const text = Buffer.from(printRecord([...rows, { path: record }].toSorted((a, b) => compareBytewise(a.path, b.path))), "utf8");
  const own = inMemory(record, text, 0o644);
  yield* streamZip([...files, own].toSorted((a, b) => compareBytewise(a.name, b.name)), aside);
}

function inMemory(name: string, bytes: Uint8Array, mode: StreamedFile["mode"]): StreamedFile {
  const open = async function* (): Bytes {
    yield bytes;
  };
  return { name, size: bytes.length, mode, open };
}

/** Bills of materials. */
const BILL = /^[^/]+\.dist-info\/sboms\//;

/** maturin identifies a package by the address of the directory that it was built in. */
function withoutPlace({ name }: ZipMember, bytes: Uint8Array, place: string | undefined): Uint8Array {
  if (place === undefined || !BILL.test(name)) return bytes;
  const text = Buffer.from(bytes).toString("latin1");
  const found = [pathToFileURL(place).pathname, Buffer.from(place).toString("latin1")].reduce((rest, written) => rest.replaceAll(written, ""), text);
  return Buffer.from(found, "latin1");
}

async function hashOf(bytes: Bytes): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of bytes) hash.update(chunk);
  return hash.digest("base64url");
}

export function modeOf({ mode }: ZipMember): 0o644 | 0o755 {
  return (mode & 0o111) === 0 ? 0o644 : 0o755;
}

/** Of the wheel itself: others may lie further down. */
export const OWN_RECORD: RegExp = /^[^/]+\.dist-info\/RECORD$/;

/** RECORD, and the signatures of the one that is replaced. */
const IS_RECORD = /^[^/]+\.dist-info\/RECORD(?:\.jws|\.p7s)?$/;

function recordOf(files: readonly ZipFile[], own: string): string {
  const rows = files.map(({ name, bytes }) => ({ path: name, hash: { algorithm: "sha256", value: createHash("sha256").update(bytes).digest("base64url") }, size: bytes.length }));
  return printRecord([...rows, { path: own }].toSorted((a, b) => compareBytewise(a.path, b.path)));
}
