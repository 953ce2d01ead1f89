import type { TomlTable } from "smol-toml";
import { failAll, normalizeName, type PackageName, type Problem } from "../../model/index.ts";
import { parseToml } from "../project/toml.ts";
import { hasSecureHash } from "./hashes.ts";
import { parseMarker } from "../version/marker.ts";
import { isSpecifier } from "../version/specifier.ts";
import { readTable, type TableReader } from "./toml-table.ts";
import { compareVersions, normalizeVersion } from "../version/version.ts";
import { parseWheelFileName } from "../wheel/name.ts";

/** Which distributions to install, with the hash of every file: a pylock.toml. */
export interface Lock {
  /** As the user would type it; relative paths in the lock start beside it. */
  readonly file: string;
  readonly lockVersion: string;
  readonly createdBy: string;
  /** Markers, one of which must hold; none admits every environment. */
  readonly environments: readonly string[];
  readonly requiresPython?: string;
  readonly extras: readonly string[];
  readonly dependencyGroups: readonly string[];
  readonly defaultGroups: readonly string[];
  readonly packages: readonly LockedPackage[];
  /** Other programs' notes; kept, and without any effect. */
  readonly tool?: TomlTable;
  /** What is odd but tolerated, one sentence each. */
  readonly warnings: readonly string[];
}

/** One version of a package in a lock: files to choose from, or (`source`) something without a hash. */
export interface LockedPackage {
  readonly name: PackageName;
  readonly version?: string;
  readonly marker?: string;
  readonly requiresPython?: string;
  /** Informational; never decides what is installed. */
  readonly dependencies?: readonly TomlTable[];
  readonly index?: string;
  readonly files: readonly LockedFile[];
  /** The only file was given by its own address and not by a name in an index. */
  readonly archive: boolean;
  readonly source?: LockedSource;
  readonly attestationIdentities?: readonly TomlTable[];
  readonly tool?: TomlTable;
}

export type LockedSource =
  | { readonly kind: "vcs"; readonly type: string; readonly url?: string; readonly path?: string; readonly requestedRevision?: string; readonly commitId: string; readonly subdirectory?: string }
  | { readonly kind: "directory"; readonly path: string; readonly editable?: boolean; readonly subdirectory?: string };

/** One file of a locked package. */
export interface LockedFile {
  /** The lock's `name` where it says one, else the last part of `path` or `url`. */
  readonly fileName: string;
  readonly url?: string;
  /** Relative to the lock's directory, or absolute. */
  readonly path?: string;
  readonly size?: number;
  /** By algorithm, lower-case hex; at least one is secure. All of them must match. */
  readonly hashes: Readonly<Record<string, string>>;
  readonly kind: "wheel" | "sdist";
  /** RFC 3339. */
  readonly uploadTime?: string;
  /** Directory of an archive in which the project lies. */
  readonly subdirectory?: string;
}

/** Whether a file of this name may be a lock: `pylock.toml`, `pylock.<one word>.toml`. */
export function isLockFileName(name: string): boolean {
  return /^pylock\.([^./]+\.)?toml$/.test(name);
}

/**
 * Read a lock, strictly; `file` is its path or address.
 * @throws CaissonError `config-invalid`, with every problem of the file
 * Source: packaging.python.org/specifications/pylock-toml, version 1.0
 */
export function parseLock(file: string, text: string): Lock {
  const problems: Problem[] = [];
  const root = readTable(parseToml(text, (mistake, line) => ({ code: "config-invalid", message: `\`${file}\` is not TOML: ${mistake}`, file, line })), (key, message) => problems.push({ code: "config-invalid", message, file, ...(key === "" ? {} : { key }) }));
  if (!isLockFileName(file.split("/").at(-1) ?? "")) root.refuse("", `is named \`${file.split("/").at(-1)}\`, but a lock is named \`pylock.toml\` or \`pylock.<one word>.toml\``);
  const lockVersion = required(root, "lock-version", "text") ?? "1.0";
  if (!/^1(\.[0-9]+)?$/.test(lockVersion)) root.refuse("lock-version", `is ${lockVersion}, and only version 1 is known here`);
  const tool = root.table("tool")?.values;
  const lock: Lock = {
    file,
    lockVersion,
    createdBy: required(root, "created-by", "text") ?? "",
    environments: checked(root, "environments", root.texts("environments") ?? [], isMarker, "holds what is no marker"),
    ...optional("requiresPython", specifier(root)),
    extras: checked(root, "extras", root.texts("extras") ?? [], isNormalName, "holds a name that is not in its normal form"),
    dependencyGroups: root.texts("dependency-groups") ?? [],
    defaultGroups: root.texts("default-groups") ?? [],
    packages: (required(root, "packages", "tables") ?? []).map((table) => readPackage(table, file)),
    ...optional("tool", tool),
    warnings: lockVersion === "1.0" || lockVersion === "1" ? [] : [`\`${file}\` is of lock version ${lockVersion}; what is newer in it than 1.0 is ignored`],
  };
  failAll(problems);
  return lock;
}

function readPackage(table: TableReader, file: string): LockedPackage {
  const name = required(table, "name", "text") ?? "";
  if (name !== "" && !isNormalName(name)) table.refuse("name", `must be in its normal form, \`${normalizeName(name)}\``);
  const version = table.text("version");
  if (version !== undefined && normalizeVersion(version) === undefined) table.refuse("version", `is no version: \`${version}\``);
  const marker = table.text("marker");
  if (marker !== undefined && !isMarker(marker)) table.refuse("marker", `is no marker: \`${marker}\``);
  const archive = table.table("archive");
  const files = readFiles(table, archive, file);
  const source = readSource(table, file);
  const kinds = [table.values["vcs"], table.values["directory"], archive, table.values["sdist"] ?? table.values["wheels"]].filter((kind) => kind !== undefined).length;
  const wheels = table.values["wheels"];
  const empty = Array.isArray(wheels) && wheels.length === 0 && table.values["sdist"] === undefined;
  if (kinds === 0 || empty) table.refuse("", "names no file and no source");
  if (kinds > 1) table.refuse("", "has more than one source; it may have one of `vcs`, `directory`, `archive`, or `sdist` with `wheels`");
  if (archive === undefined) for (const locked of files) checkFileName(table, locked, name, version);
  for (const identity of table.tables("attestation-identities") ?? []) required(identity, "kind", "text");
  return {
    name: name as PackageName,
    ...optional("version", version),
    ...optional("marker", marker),
    ...optional("requiresPython", specifier(table)),
    ...optional("dependencies", table.tables("dependencies")?.map(({ values }) => values)),
    ...optional("index", table.text("index")),
    files,
    archive: archive !== undefined,
    ...optional("source", source),
    ...optional("attestationIdentities", table.tables("attestation-identities")?.map(({ values }) => values)),
    ...optional("tool", table.table("tool")?.values),
  };
}

function readFiles(table: TableReader, archive: TableReader | undefined, lockFile: string): readonly LockedFile[] {
  if (archive !== undefined) {
    const file = readFile(archive, lockFile, undefined);
    return file === undefined ? [] : [file];
  }
  const sdist = table.table("sdist");
  const wheels = table.tables("wheels") ?? [];
  return [...wheels.map((wheel) => readFile(wheel, lockFile, "wheel")), ...(sdist === undefined ? [] : [readFile(sdist, lockFile, "sdist")])].filter((file) => file !== undefined);
}

function readFile(table: TableReader, lockFile: string, kind: LockedFile["kind"] | undefined): LockedFile | undefined {
  const [url, path] = [table.text("url"), location(table, lockFile)];
  if (url === undefined && path === undefined) table.refuse("", "needs a `url` or a `path`");
  const fileName = table.text("name") ?? lastPart(path) ?? lastPart(url === undefined ? undefined : decode(url.replace(/[?#].*$/s, "")));
  if (fileName === undefined || fileName === "" || /[/\0]/.test(fileName)) {
    table.refuse("", "gives its file no name");
    return undefined;
  }
  const hashes = required(table, "hashes", "table");
  const texts = Object.keys(hashes?.values ?? {}).map((algorithm) => [algorithm, hashes?.text(algorithm)?.toLowerCase() ?? ""] as const);
  const known = Object.fromEntries(texts);
  if (hashes !== undefined && !hasSecureHash(known)) table.refuse("hashes", "holds no secure hash; sha256 or better is needed");
  return {
    fileName,
    ...optional("url", url),
    ...optional("path", path),
    ...optional("size", table.count("size")),
    hashes: known,
    kind: kind ?? (fileName.endsWith(".whl") ? "wheel" : "sdist"),
    ...optional("uploadTime", table.time("upload-time")),
    ...optional("subdirectory", table.text("subdirectory")),
  };
}

function readSource(table: TableReader, lockFile: string): LockedSource | undefined {
  const vcs = table.table("vcs");
  if (vcs !== undefined) {
    const [url, path] = [vcs.text("url"), location(vcs, lockFile)];
    if (url === undefined && path === undefined) vcs.refuse("", "needs a `url` or a `path`");
    const [type, commitId] = [required(vcs, "type", "text") ?? "", required(vcs, "commit-id", "text") ?? ""];
    return { kind: "vcs", type, ...optional("url", url), ...optional("path", path), ...optional("requestedRevision", vcs.text("requested-revision")), commitId, ...optional("subdirectory", vcs.text("subdirectory")) };
  }
  const directory = table.table("directory");
  if (directory === undefined) return undefined;
  required(directory, "path", "text");
  return { kind: "directory", path: location(directory, lockFile) ?? "", ...optional("editable", directory.flag("editable")), ...optional("subdirectory", directory.text("subdirectory")) };
}

/** A `path`, which in a lock that came from the network may not lead out of the lock's place. */
function location(table: TableReader, lockFile: string): string | undefined {
  const path = table.text("path");
  if (path === undefined || !/^https?:/i.test(lockFile)) return path;
  let depth = 0;
  const leaves = path.split(/[/\\]/).some((part) => (depth += part === ".." ? -1 : part === "." || part === "" ? 0 : 1) < 0);
  if (leaves || /^([/\\]|[A-Za-z]:)/.test(path)) table.refuse("path", `leads out of the place that the lock came from: \`${path}\``);
  return path;
}

/** The file's own name must be that of the package and the version it is listed under. */
function checkFileName(table: TableReader, file: LockedFile, name: string, version: string | undefined): void {
  const key = file.kind === "wheel" ? "wheels" : "sdist";
  const read = file.kind === "wheel" ? readWheelName(file.fileName) : readSdistName(file.fileName, name);
  if (read === undefined) table.refuse(key, `holds \`${file.fileName}\`, which is no name of ${file.kind === "wheel" ? "a wheel" : `an sdist of \`${name}\``}`);
  else if (read.name !== name) table.refuse(key, `holds \`${file.fileName}\`, which is not of \`${name}\``);
  else if (version !== undefined && compareVersions(read.version, version) !== 0) table.refuse(key, `holds \`${file.fileName}\`, which is not of version ${version}`);
}

function readWheelName(fileName: string): { readonly name: string; readonly version: string } | undefined {
  const parsed = parseWheelFileName(withoutVariant(fileName));
  return parsed === undefined ? undefined : { name: normalizeName(parsed.name), version: parsed.version };
}

/** A wheel variant's file name has one part more, behind the tags: `x-1.0-py3-none-any-x8664v3.whl`. Source: PEP 817 */
export function withoutVariant(fileName: string): string {
  return fileName.replace(/^([^-]+-[^-]+(?:-[0-9][^-]*)?-(?:py|cp|pp)[^-]*-[^-]+-[^-]+)-[a-z0-9_.]+\.whl$/, "$1.whl");
}

/** Old sdists wrote their version as its author did, and a name may hold dashes; so every dash may be the one between. */
function readSdistName(fileName: string, name: string): { readonly name: string; readonly version: string } | undefined {
  const stem = /^(.+)\.(?:tar\.gz|zip|tgz|tar\.bz2|tar\.xz)$/.exec(fileName)?.[1];
  if (stem === undefined) return undefined;
  const dashes = [...stem.matchAll(/-/g)].map(({ index }) => index).toReversed();
  const splits = dashes.map((at) => ({ name: normalizeName(stem.slice(0, at)) as string, version: stem.slice(at + 1) })).filter((split) => normalizeVersion(split.version) !== undefined);
  return splits.find((split) => split.name === name) ?? splits[0];
}

function required<Kind extends "text" | "table" | "tables">(table: TableReader, name: string, kind: Kind): ReturnType<TableReader[Kind]> {
  if (table.values[name] === undefined) table.refuse(name, "is missing");
  return table[kind](name) as ReturnType<TableReader[Kind]>;
}

function checked(table: TableReader, name: string, values: readonly string[], legal: (value: string) => boolean, message: string): readonly string[] {
  const wrong = values.find((value) => !legal(value));
  if (wrong !== undefined) table.refuse(name, `${message}: \`${wrong}\``);
  return values;
}

function specifier(table: TableReader): string | undefined {
  const text = table.text("requires-python");
  if (text !== undefined && !isSpecifier(text)) table.refuse("requires-python", `is no version specifier: \`${text}\``);
  return text;
}

function isMarker(text: string): boolean {
  try {
    parseMarker(text);
    return true;
  } catch {
    return false;
  }
}

function isNormalName(text: string): boolean {
  return /^[a-z0-9]+(-[a-z0-9]+)*$/.test(text);
}

function optional<Key extends string, Value>(key: Key, value: Value | undefined): Partial<Record<Key, Value>> {
  return value === undefined ? {} : ({ [key]: value } as Record<Key, Value>);
}

function lastPart(path: string | undefined): string | undefined {
  return path?.split(path.includes("/") ? "/" : "\\").at(-1);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.split("/").at(-1) ?? "");
  } catch {
    return "";
  }
}
