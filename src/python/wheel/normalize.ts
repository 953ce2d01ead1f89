import { compareBytewise, mediaTypes } from "../../model/index.ts";
import { sha256 } from "../../system/index.ts";
import { createHash } from "node:crypto";
import { printRecord } from "./record.ts";
import { readWheel } from "./wheel.ts";
import { isBytecode } from "./layout.ts";
import { writeZip, type ZipFile } from "../zip/writer.ts";
import { bytesSource, type ByteSource } from "../zip/source.ts";
import { readMember, readZip } from "../zip/zip.ts";

/**
 * The same wheel as one byte sequence, whatever back end, umask, clock or file order made it: members sorted, times 1980-01-01, modes 0644 or 0755, RECORD rewritten, bytecode and directories left out.
 * For wheels that were just built here: the whole wheel is held in memory.
 * @throws CaissonError `wheel-invalid` where the given wheel breaks a rule
 */
export async function normalizeWheel(fileName: string, source: ByteSource): Promise<Uint8Array> {
  const given = bytesSource(await source.read(0, source.size));
  // RECORD is about to be rewritten, so what it says is checked first.
  await readWheel(fileName, { digest: sha256(""), size: source.size, mediaType: mediaTypes.wheel }, given);
  const zip = await readZip(given);
  const files: ZipFile[] = [];
  let record = "";
  for (const member of zip.members) {
    if (/^[^/]+\.dist-info\/RECORD$/.test(member.name)) record = member.name;
    if (member.directory || isBytecode(member.name) || IS_RECORD.test(member.name)) continue;
    files.push({ name: member.name, bytes: await readMember(zip, member), mode: (member.mode & 0o111) === 0 ? 0o644 : 0o755 });
  }
  files.push({ name: record, bytes: Buffer.from(recordOf(files, record), "utf8"), mode: 0o644 });
  return writeZip(files.toSorted((a, b) => compareBytewise(a.name, b.name)));
}

/** RECORD, and the signatures of the one that is replaced. */
const IS_RECORD = /^[^/]+\.dist-info\/RECORD(?:\.jws|\.p7s)?$/;

function recordOf(files: readonly ZipFile[], own: string): string {
  const rows = files.map(({ name, bytes }) => ({ path: name, hash: { algorithm: "sha256", value: createHash("sha256").update(bytes).digest("base64url") }, size: bytes.length }));
  return printRecord([...rows, { path: own }].toSorted((a, b) => compareBytewise(a.path, b.path)));
}
