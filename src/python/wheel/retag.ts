import { createHash } from "node:crypto";
import { compareBytewise } from "../../model/index.ts";
import { writeZip, type ZipFile } from "../zip/writer.ts";
import { bytesSource } from "../zip/source.ts";
import { readMember, readZip } from "../zip/zip.ts";
import { expandTags, parseWheelFileName } from "./name.ts";
import { printRecord } from "./record.ts";

/** A wheel as one byte sequence, and its name. */
export interface NamedWheel {
  readonly fileName: string;
  readonly bytes: Uint8Array;
}

/** A wheel in its normal form under other platform tags: its name, WHEEL and RECORD say so, and nothing else changes. */
export async function retagWheel({ fileName, bytes }: NamedWheel, platformTags: readonly string[]): Promise<NamedWheel> {
  const name = parseWheelFileName(fileName);
  if (name === undefined) throw new Error(`\`${fileName}\` is no wheel's name`);
  const tags = [...expandTags({ ...name, platformTags })].toSorted(compareBytewise);
  const zip = await readZip(bytesSource(bytes));
  const files: ZipFile[] = [];
  let record = "";
  for (const member of zip.members) {
    if (/^[^/]+\.dist-info\/RECORD$/.test(member.name)) record = member.name;
    else files.push({ name: member.name, bytes: withTags(member.name, await readMember(zip, member), tags), mode: (member.mode & 0o111) === 0 ? 0o644 : 0o755 });
  }
  const rows = files.map((file) => ({ path: file.name, hash: { algorithm: "sha256", value: createHash("sha256").update(file.bytes).digest("base64url") }, size: file.bytes.length }));
  files.push({ name: record, bytes: Buffer.from(printRecord([...rows, { path: record }].toSorted((a, b) => compareBytewise(a.path, b.path))), "utf8"), mode: 0o644 });
  const platforms = fileName.lastIndexOf("-");
  return { fileName: `${fileName.slice(0, platforms)}-${platformTags.join(".")}.whl`, bytes: writeZip(files.toSorted((a, b) => compareBytewise(a.name, b.name))) };
}

function withTags(name: string, bytes: Uint8Array, tags: readonly string[]): Uint8Array {
  if (!/^[^/]+\.dist-info\/WHEEL$/.test(name)) return bytes;
  const lines = Buffer.from(bytes).toString("utf8").split(/\r?\n/).filter((line) => line !== "" && !/^Tag:/i.test(line));
  return Buffer.from(`${[...lines, ...tags.map((tag) => `Tag: ${tag}`)].join("\n")}\n`, "utf8");
}
