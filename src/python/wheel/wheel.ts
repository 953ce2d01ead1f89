import { normalizeName, type Descriptor, type Distribution } from "../../model/index.ts";
import { parseEntryPoints } from "./entry-points.ts";
import { describeElf } from "../elf/facts.ts";
import { parseHeaders, type Headers } from "./metadata.ts";
import { parseRecord } from "./record.ts";
import { nameFile, refuse, type Objection } from "./refuse.ts";
import { normalizeVersion } from "../version/version.ts";
import { checkRecord, readContents } from "./content.ts";
import { findLayout } from "./layout.ts";
import { expandTags, parseWheelFileName, type WheelName } from "./name.ts";
import { layTree } from "./tree.ts";
import type { ByteSource } from "../zip/source.ts";
import { readMember, readZip, type Zip } from "../zip/zip.ts";

/**
 * Read one wheel strictly, each member once: what it is, what it needs, and its files as a tree.
 * Rules W1 to W24 as far as they concern one wheel, Z1 to Z15 for its container, T9 for its ELF files. `descriptor` is believed; the caller has the bytes by their digest.
 * What breaks an `excused` rule is told in `excused` of the distribution instead of being refused; only rules of `EXCUSABLE_RULES` can be.
 * @throws CaissonError `wheel-invalid`, the message begins with the rule's name
 * Source: packaging.python.org/specifications/binary-distribution-format
 */
export async function readWheel(fileName: string, descriptor: Descriptor, source: ByteSource, excused: readonly string[] = []): Promise<Distribution> {
  try {
    return await readStrictly(fileName, descriptor, source, excused);
  } catch (error) {
    throw nameFile(error, fileName);
  }
}

async function readStrictly(fileName: string, wheel: Descriptor, source: ByteSource, excused: readonly string[]): Promise<Distribution> {
  const broken: string[] = [];
  const object: Objection = (rule, what) => (excused.includes(rule) ? void broken.push(`${rule}: ${what}`) : refuse(rule, what));
  const name = parseWheelFileName(fileName) ?? refuse("W1", `\`${fileName}\` is no wheel's file name`, "name-version-python-abi-platform.whl");
  const zip = await readZip(source);
  const members = zip.members.filter((member) => !member.directory);
  const layout = findLayout(zip.members.map((member) => member.name), name);
  const info = async (file: string): Promise<string | undefined> => await readText(zip, `${layout.distInfo}/${file}`);
  const metadata = parseHeaders((await info("METADATA")) ?? missing("METADATA"));
  const wheelFile = parseHeaders((await info("WHEEL")) ?? missing("WHEEL"));
  const record = parseRecord((await info("RECORD")) ?? missing("RECORD"), object);
  const { written, version } = checkMetadata(metadata, name);
  checkRecord(record, members, layout, object);
  const contents = await readContents(zip, record, object);
  const entryPoints = parseEntryPoints((await info("entry_points.txt")) ?? "");
  const { tree, elfFiles, namespaces, warnings } = layTree({ wheel: wheel.digest, name: name.name, written, layout, contents, entryPoints });
  const elf = describeElf(elfFiles, tree.entries.map((entry) => entry.path), name.platformTags);
  const requiresPython = metadata.get("requires-python")?.[0];
  return {
    name: name.name,
    version,
    wheel,
    fileName,
    tree,
    requires: metadata.get("requires-dist") ?? [],
    ...(requiresPython === undefined ? {} : { requiresPython }),
    ...(elf.facts === undefined ? {} : { elf: elf.facts }),
    ...(namespaces.length === 0 ? {} : { namespaces }),
    ...(broken.length === 0 ? {} : { excused: broken }),
    warnings: [...checkWheelFile(wheelFile, name), ...warnings, ...elf.warnings],
  };
}

async function readText(zip: Zip, path: string): Promise<string | undefined> {
  const member = zip.members.find(({ name }) => name === path);
  if (member === undefined) return undefined;
  const bytes = await readMember(zip, member);
  // Old METADATA descriptions are in any encoding; what we read of them is ASCII.
  if (path.endsWith("/METADATA")) return new TextDecoder().decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return refuse(path.endsWith("/RECORD") ? "W7" : path.endsWith("/WHEEL") ? "W4" : "W14", `\`${path}\` is not UTF-8`);
  }
}

function missing(file: string): never {
  return refuse("W3", `its dist-info has no ${file}`);
}

function checkMetadata(metadata: Headers, name: WheelName): { readonly written: string; readonly version: string } {
  const [written] = metadata.get("name") ?? [];
  const [version] = metadata.get("version") ?? [];
  if (written === undefined || version === undefined) return refuse("W3", "METADATA has no Name or no Version");
  if (normalizeName(written) !== name.name) refuse("W3", `METADATA calls it \`${written}\`, its file name \`${name.name}\``);
  const normal = normalizeVersion(version);
  if (normal !== name.version) return refuse("W3", `METADATA says version ${version}, its file name ${name.version}`);
  return { written, version: normal };
}

/** W4 to W6; whether it is purelib or platlib makes no difference to a tree, which has one place for both. */
function checkWheelFile(headers: Headers, name: WheelName): readonly string[] {
  const [version] = headers.get("wheel-version") ?? [];
  const [, major, minor] = /^([0-9]+)\.([0-9]+)$/.exec(version ?? "") ?? [];
  if (major !== "1") refuse("W4", version === undefined ? "WHEEL has no Wheel-Version" : `Wheel-Version ${version} is not 1.x`);
  const tags = new Set((headers.get("tag") ?? []).flatMap(expandTag));
  const named = expandTags(name);
  const same = tags.size === named.size && [...tags].every((tag) => named.has(tag));
  return [
    ...(Number(minor) > 0 ? [`W4: Wheel-Version ${version} is newer than 1.0`] : []),
    ...(same ? [] : [`W6: the tags in WHEEL (${[...tags].join(", ")}) are not those of the file name, which win`]),
  ];
}

function expandTag(tag: string): readonly string[] {
  const [python = "", abi = "", platform = ""] = tag.split("-");
  return [...expandTags({ pythonTags: python.split("."), abiTags: abi.split("."), platformTags: platform.split(".") })];
}
