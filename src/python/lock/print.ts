import { TomlDate, type TomlTable, type TomlValue } from "smol-toml";
import { compareBytewise } from "../../model/index.ts";
import type { Lock, LockedFile, LockedPackage, LockedSource } from "./lock.ts";
import { compareVersions } from "../version/version.ts";

/** A lock in its one spelling: keys in the specification's order, packages by name and version, files by name. Reading and printing it again gives the same bytes. */
export function printLock(lock: Lock): string {
  const head = printKeys([
    ["lock-version", lock.lockVersion],
    ["environments", listed(lock.environments)],
    ["requires-python", lock.requiresPython],
    ["extras", listed(lock.extras.toSorted(compareBytewise))],
    ["dependency-groups", listed(lock.dependencyGroups.toSorted(compareBytewise))],
    ["default-groups", listed(lock.defaultGroups.toSorted(compareBytewise))],
    ["created-by", lock.createdBy],
    ["tool", lock.tool],
    ["packages", lock.packages.length === 0 ? [] : undefined],
  ]);
  const packages = lock.packages.toSorted(comparePackages).map((locked) => `\n[[packages]]\n${printPackage(locked)}`);
  return head + packages.join("");
}

function comparePackages(a: LockedPackage, b: LockedPackage): number {
  return compareBytewise(a.name, b.name) || compareVersions(a.version ?? "", b.version ?? "") || compareBytewise(a.marker ?? "", b.marker ?? "");
}

function printPackage(locked: LockedPackage): string {
  const files = locked.files.toSorted((a, b) => compareBytewise(a.fileName, b.fileName)).map((file) => [file.kind, fileTable(file)] as const);
  const wheels = files.filter(([kind]) => kind === "wheel").map(([, table]) => table);
  const sdist = files.find(([kind]) => kind === "sdist")?.[1];
  return printKeys([
    ["name", locked.name],
    ["version", locked.version],
    ["marker", locked.marker],
    ["requires-python", locked.requiresPython],
    ["dependencies", locked.dependencies],
    ...(locked.source === undefined ? [] : [[locked.source.kind, sourceTable(locked.source)] as const]),
    ["archive", locked.archive ? files[0]?.[1] : undefined],
    ["index", locked.index],
    ["sdist", locked.archive ? undefined : sdist],
    ["wheels", locked.archive || wheels.length === 0 ? undefined : wheels],
    ["attestation-identities", locked.attestationIdentities],
    ["tool", locked.tool],
  ]);
}

function sourceTable(source: LockedSource): Entries {
  if (source.kind === "directory") return new Map(keys([["path", source.path], ["editable", source.editable], ["subdirectory", source.subdirectory]]));
  return new Map(keys([["type", source.type], ["url", source.url], ["path", source.path], ["requested-revision", source.requestedRevision], ["commit-id", source.commitId], ["subdirectory", source.subdirectory]]));
}

function fileTable(file: LockedFile): Entries {
  const implied = (file.path ?? file.url?.replace(/[?#].*$/s, ""))?.split("/").at(-1);
  return new Map(
    keys([
      ["name", implied === file.fileName ? undefined : file.fileName],
      ["upload-time", file.uploadTime === undefined ? undefined : new TomlDate(file.uploadTime)],
      ["url", file.url],
      ["path", file.path],
      ["size", file.size],
      ["hashes", new Map(Object.entries(file.hashes).toSorted(([a], [b]) => compareBytewise(a, b)))],
      ["subdirectory", file.subdirectory],
    ]),
  );
}

type Value = TomlValue | Entries | readonly Value[];
/** A table whose keys stay in this order; those of a plain table are sorted. */
type Entries = ReadonlyMap<string, Value>;
type Key = readonly [string, Value | undefined];

function keys(all: readonly Key[]): readonly (readonly [string, Value])[] {
  return all.filter((key): key is readonly [string, Value] => key[1] !== undefined);
}

function printKeys(all: readonly Key[]): string {
  return keys(all)
    .map(([name, value]) => `${name} = ${isTableList(value) ? `[\n${value.map((item) => `    ${printValue(item)},\n`).join("")}]` : printValue(value)}\n`)
    .join("");
}

function isTableList(value: Value): value is readonly Value[] {
  return Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === "object");
}

function listed(values: readonly string[]): readonly string[] | undefined {
  return values.length === 0 ? undefined : values;
}

function printValue(value: Value): string {
  if (typeof value === "string") return printText(value);
  if (value instanceof TomlDate) return value.toISOString().replace(/\.000(?=Z|[+-]|$)/, "");
  if (typeof value === "number") return printNumber(value);
  if (typeof value !== "object") return String(value);
  if (Array.isArray(value)) return `[${value.map(printValue).join(", ")}]`;
  const entries = value instanceof Map ? [...value] : Object.entries(value as TomlTable).toSorted(([a], [b]) => compareBytewise(a, b));
  return entries.length === 0 ? "{}" : `{ ${entries.map(([key, member]) => `${/^[A-Za-z0-9_-]+$/.test(key) ? key : printText(key)} = ${printValue(member as Value)}`).join(", ")} }`;
}

/** JSON's escapes are TOML's too, but DEL must be one of them. */
function printText(text: string): string {
  return JSON.stringify(text).replaceAll("\u007f", String.raw`\u007f`);
}

function printNumber(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value < 0 ? "-inf" : "inf";
  return Object.is(value, -0) ? "-0.0" : String(value);
}
