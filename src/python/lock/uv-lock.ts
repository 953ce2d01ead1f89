import { fail, failAll, normalizeName, type PackageName, type Platform, type Problem } from "../../model/index.ts";
import { parseToml } from "../project/toml.ts";
import { evaluateMarker, parseMarker } from "../version/marker.ts";
import { hasSecureHash } from "./hashes.ts";
import type { Lock, LockedFile, LockedPackage, LockedSource } from "./lock.ts";
import { readTable, type TableReader } from "./toml-table.ts";

/** What of a uv.lock is wanted: it holds all platforms, extras and members of a workspace at once. */
export interface UvLockRequest {
  /** Absent: what the manifest asks for, as in a script's lock. */
  readonly package?: PackageName;
  readonly extras: readonly PackageName[];
  /** Dependency groups; none where absent. */
  readonly groups?: readonly PackageName[];
  readonly platform: Platform;
}

/**
 * What one package of a uv.lock (or the script that it was made for) needs on one platform, itself left out; undefined where the lock does not know the package.
 * `file` is the lock's path as the user would type it.
 * @throws CaissonError `config-invalid`, with every problem of the file
 * Source: uv's documentation of its lock (version 1); the format is uv's own, so that tests compare with `uv export`
 */
export function readUvLock(file: string, text: string, { package: name, extras, groups = [], platform }: UvLockRequest): Lock | undefined {
  const problems: Problem[] = [];
  const root = readTable(parseToml(text, (mistake, line) => ({ code: "config-invalid", message: `\`${file}\` is not TOML: ${mistake}`, file, line, hint: "uv lock makes it anew" })), (key, message) => problems.push({ code: "config-invalid", message, file, ...(key === "" ? {} : { key }) }));
  const version = root.count("version");
  if (version !== 1) root.refuse("version", `is ${version ?? "missing"}, and only version 1 is known here`);
  const requiresPython = root.text("requires-python");
  const entries = (root.tables("package") ?? []).map((table) => readEntry(table, platform));
  failAll(problems);
  const own = name === undefined ? manifest(root, platform) : entries.find((entry) => entry.name === name && entry.local);
  if (own === undefined) return undefined;
  const grouped = groups.flatMap((group) => own.groups.get(group) ?? []);
  const reached = reach({ ...own, dependencies: [...own.dependencies, ...grouped] }, extras, entries, platform);
  failAll(problems);
  return {
    file,
    lockVersion: "1.0",
    createdBy: "uv",
    environments: [],
    ...(requiresPython === undefined ? {} : { requiresPython }),
    extras: [],
    dependencyGroups: [],
    defaultGroups: [],
    packages: reached.filter((entry) => entry !== own).map(({ locked }) => locked),
    warnings: [],
  };
}

/** One version of a package in a uv.lock. */
interface Entry {
  readonly name: PackageName;
  readonly version: string | undefined;
  /** A directory: a member of the workspace, or a project beside it. */
  readonly local: boolean;
  /** Of a version that stands beside others: whether it is the one for the platform. */
  readonly here: boolean;
  readonly dependencies: readonly Dependency[];
  readonly optional: ReadonlyMap<PackageName, readonly Dependency[]>;
  readonly groups: ReadonlyMap<PackageName, readonly Dependency[]>;
  readonly locked: LockedPackage;
}

interface Dependency {
  readonly name: PackageName;
  readonly version: string | undefined;
  readonly extras: readonly PackageName[];
}

function readEntry(table: TableReader, platform: Platform): Entry {
  const name = normalizeName(table.text("name") ?? "");
  if (name === "") table.refuse("name", "is missing");
  const version = table.text("version");
  const source = table.table("source");
  if (source === undefined) table.refuse("source", "is missing");
  const local = ["editable", "virtual", "directory"].map((kind) => source?.text(kind)).find((path) => path !== undefined);
  const markers = table.texts("resolution-markers") ?? [];
  const index = source?.text("registry");
  const commit = readCommit(source?.text("git"));
  const files = commit === undefined && local === undefined ? readFiles(table, source) : [];
  return {
    name,
    version,
    local: local !== undefined,
    here: markers.length === 0 || markers.some((marker) => holds(marker, platform)),
    dependencies: readDependencies(table, "dependencies", platform),
    optional: readNamed(table, "optional-dependencies", platform),
    groups: readNamed(table, "dev-dependencies", platform),
    locked: {
      name,
      ...(version === undefined ? {} : { version }),
      ...(index === undefined ? {} : { index }),
      files,
      archive: source?.text("url") !== undefined || source?.text("path") !== undefined,
      ...(commit !== undefined ? { source: commit } : local === undefined ? {} : { source: { kind: "directory", path: local } }),
    },
  };
}

/** What a lock without a package of its own was made for, as if a package asked for it. */
function manifest(root: TableReader, platform: Platform): Entry {
  const table = root.table("manifest");
  const dependencies = table === undefined ? [] : readDependencies(table, "requirements", platform);
  return { name: "" as PackageName, version: undefined, local: true, here: true, dependencies, optional: new Map(), groups: new Map(), locked: { name: "" as PackageName, files: [], archive: false } };
}

/** `https://example.com/x.git?rev=main&subdirectory=lib#<commit>` */
function readCommit(git: string | undefined): LockedSource | undefined {
  if (git === undefined) return undefined;
  const [, url = "", query = "", commitId = ""] = /^([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/.exec(git) ?? [];
  const options = new URLSearchParams(query);
  const requestedRevision = options.get("rev") ?? options.get("tag") ?? options.get("branch") ?? undefined;
  const subdirectory = options.get("subdirectory") ?? undefined;
  return { kind: "vcs", type: "git", url, commitId, ...(requestedRevision === undefined ? {} : { requestedRevision }), ...(subdirectory === undefined ? {} : { subdirectory }) };
}

/** An entry of an index lists its files, with their addresses; one that is a single file says in its source where that is. */
function readFiles(table: TableReader, source: TableReader | undefined): readonly LockedFile[] {
  const only = { url: source?.text("url"), path: source?.text("path"), subdirectory: source?.text("subdirectory") };
  const sdist = table.table("sdist");
  return [...(table.tables("wheels") ?? []), ...(sdist === undefined ? [] : [sdist])].flatMap((file) => {
    const url = file.text("url") ?? only.url;
    const path = file.text("path") ?? only.path;
    const fileName = file.text("filename") ?? lastPart(path ?? url ?? "");
    const [, algorithm = "", digest = ""] = /^(\w+):([0-9a-fA-F]+)$/.exec(file.text("hash") ?? "") ?? [];
    if (fileName === "") file.refuse("", "gives its file no name");
    const hashes = { [algorithm]: digest.toLowerCase() };
    if (digest === "") file.refuse("hash", "is missing, so that nobody could tell whether the file is the right one");
    else if (!hasSecureHash(hashes)) file.refuse("hash", "is none that nobody could forge; sha256 or better is needed");
    const size = file.count("size");
    return [{
      fileName,
      ...(path !== undefined ? { path } : url === undefined ? {} : { url: url.replace(/#.*$/, "") }),
      ...(size === undefined ? {} : { size }),
      hashes,
      kind: fileName.endsWith(".whl") ? "wheel" : "sdist",
      ...(only.subdirectory === undefined ? {} : { subdirectory: only.subdirectory }),
    }];
  });
}

/** The lists of a table by name: extras, or dependency groups. */
function readNamed(table: TableReader, key: string, platform: Platform): ReadonlyMap<PackageName, readonly Dependency[]> {
  const lists = table.table(key);
  return new Map(Object.keys(lists?.values ?? {}).map((name) => [normalizeName(name), lists === undefined ? [] : readDependencies(lists, name, platform)]));
}

/** Those that the platform asks for. */
function readDependencies(table: TableReader, key: string, platform: Platform): readonly Dependency[] {
  return (table.tables(key) ?? []).flatMap((dependency) => {
    const marker = dependency.text("marker");
    if (marker !== undefined && !holds(marker, platform)) return [];
    return [{ name: normalizeName(dependency.text("name") ?? ""), version: dependency.text("version"), extras: (dependency.texts("extra") ?? dependency.texts("extras") ?? []).map(normalizeName) }];
  });
}

function holds(marker: string, platform: Platform): boolean {
  return evaluateMarker(parseMarker(marker), platform.markers, []);
}

/** Everything that a package needs, by way of whatever needs it, in the order of the lock. */
function reach(own: Entry, extras: readonly PackageName[], entries: readonly Entry[], platform: Platform): readonly Entry[] {
  const visited = new Map<Entry, Set<PackageName | "">>();
  const queue: { readonly entry: Entry; readonly extra: PackageName | "" }[] = [{ entry: own, extra: "" }, ...extras.map((extra) => ({ entry: own, extra }))];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const { entry, extra } = next;
    const known = visited.get(entry) ?? new Set();
    if (known.has(extra)) continue;
    visited.set(entry, known.add(extra));
    for (const dependency of extra === "" ? entry.dependencies : (entry.optional.get(extra) ?? [])) {
      const found = findEntry(dependency, entries, platform);
      queue.push({ entry: found, extra: "" }, ...dependency.extras.map((wanted) => ({ entry: found, extra: wanted })));
    }
  }
  return entries.filter((entry) => visited.has(entry));
}

function findEntry({ name, version }: Dependency, entries: readonly Entry[], platform: Platform): Entry {
  const same = entries.filter((entry) => entry.name === name && (version === undefined || entry.version === version));
  return same.find(({ here }) => here) ?? fail({ code: "config-invalid", message: `the lock has no \`${name}\` for ${platform.label}`, hint: "uv lock makes it anew" });
}

function lastPart(place: string): string {
  const name = place.replace(/[?#].*$/s, "").split("/").at(-1) ?? "";
  try {
    return decodeURIComponent(name);
  } catch {
    return "";
  }
}
