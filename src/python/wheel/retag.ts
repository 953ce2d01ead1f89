import { compareBytewise } from "../../model/index.ts";
import type { ZipFile } from "../zip/writer.ts";
import { bytesSource } from "../zip/source.ts";
import { readMember, readZip } from "../zip/zip.ts";
import { expandTags, parseWheelFileName } from "./name.ts";
import { modeOf, OWN_RECORD, packNormal } from "./normalize.ts";

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
    if (OWN_RECORD.test(member.name)) record = member.name;
    else files.push({ name: member.name, bytes: withTags(member.name, await readMember(zip, member), tags), mode: modeOf(member) });
  }
  const platforms = fileName.lastIndexOf("-");
  return { fileName: `${fileName.slice(0, platforms)}-${platformTags.join(".")}.whl`, bytes: packNormal(files, record) };
}

function withTags(name: string, bytes: Uint8Array, tags: readonly string[]): Uint8Array {
  if (!/^[^/]+\.dist-info\/WHEEL$/.test(name)) return bytes;
  const lines = Buffer.from(bytes).toString("utf8").split(/\r?\n/).filter((line) => line !== "" && !/^Tag:/i.test(line));
  return Buffer.from(`${[...lines, ...tags.map((tag) => `Tag: ${tag}`)].join("\n")}\n`, "utf8");
}
