import { normalizeName, type PackageName } from "../../model/index.ts";
import { evaluateMarker, parseMarker } from "../version/marker.ts";
import { tableOf } from "./toml.ts";

/** Where uv takes a requirement from, in place of an index. */
export type UvSource = UvCondition &
  (
    | { readonly from: "workspace" }
    | { readonly from: "path"; readonly path: string }
    | { readonly from: "git"; readonly url: string; readonly revision?: string; readonly subdirectory?: string }
    | { readonly from: "url"; readonly url: string; readonly subdirectory?: string }
    /** An index of its own. */
    | { readonly from: "index"; readonly index: string }
  );

interface UvCondition {
  readonly marker?: string;
  readonly extra?: string;
  readonly group?: string;
}

/**
 * What the `[tool.uv.sources]` of a pyproject.toml or of a script's header says; what it says wrongly is uv's to refuse.
 * Source: uv's documentation, "Dependency sources"
 */
export function readUvSources(toml: unknown): ReadonlyMap<PackageName, readonly UvSource[]> {
  const sources = tableOf(tableOf(tableOf(tableOf(toml)["tool"])["uv"])["sources"]);
  return new Map(Object.entries(sources).map(([name, written]) => [normalizeName(name), (Array.isArray(written) ? (written as readonly unknown[]) : [written]).flatMap(readSource)]));
}

/** The addresses of the `[[tool.uv.index]]` tables that have a name, by it. */
export function readUvIndexes(toml: unknown): ReadonlyMap<string, string> {
  const tables = tableOf(tableOf(tableOf(toml)["tool"])["uv"])["index"];
  return new Map((Array.isArray(tables) ? (tables as readonly unknown[]) : []).map(tableOf).flatMap(({ name, url }) => (typeof name === "string" && typeof url === "string" ? [[name, url] as const] : [])));
}

/** The texts of a list in `[tool.uv]`. */
export function readUvTexts(toml: unknown, key: "constraint-dependencies" | "override-dependencies"): readonly string[] {
  const list = tableOf(tableOf(tableOf(toml)["tool"])["uv"])[key];
  return Array.isArray(list) ? (list as readonly unknown[]).filter((each): each is string => typeof each === "string") : [];
}

/** The one of a requirement's sources that holds in an environment, with some extras and groups. */
export function chooseUvSource(sources: readonly UvSource[], markers: Readonly<Record<string, string>>, extras: readonly string[], groups: readonly string[]): UvSource | undefined {
  return sources.find(({ marker, extra, group }) => isAmong(extras, extra) && isAmong(groups, group) && (marker === undefined || evaluateMarker(parseMarker(marker), markers)));
}

function isAmong(names: readonly string[], wanted: string | undefined): boolean {
  return wanted === undefined || names.some((name) => normalizeName(name) === normalizeName(wanted));
}

function readSource(written: unknown): readonly UvSource[] {
  const table = tableOf(written);
  const text = (key: string): string | undefined => (typeof table[key] === "string" ? table[key] : undefined);
  const [marker, extra, group, subdirectory] = [text("marker"), text("extra"), text("group"), text("subdirectory")];
  const when = { ...(marker === undefined ? {} : { marker }), ...(extra === undefined ? {} : { extra }), ...(group === undefined ? {} : { group }) };
  const [git, path, url, index] = [text("git"), text("path"), text("url"), text("index")];
  const below = subdirectory === undefined ? {} : { subdirectory };
  if (table["workspace"] === true) return [{ ...when, from: "workspace" }];
  if (path !== undefined) return [{ ...when, from: "path", path }];
  if (url !== undefined) return [{ ...when, from: "url", url, ...below }];
  if (index !== undefined) return [{ ...when, from: "index", index }];
  if (git === undefined) return [];
  const revision = text("rev") ?? text("tag") ?? text("branch");
  return [{ ...when, from: "git", url: git, ...(revision === undefined ? {} : { revision }), ...below }];
}

/** A source as a requirement's address, `git+https://example.com/x.git@v1#subdirectory=lib`; undefined for one that has none. */
export function uvSourceUrl(source: UvSource): string | undefined {
  if (source.from !== "git" && source.from !== "url") return undefined;
  const fragment = source.subdirectory === undefined ? "" : `#subdirectory=${encodeURI(source.subdirectory)}`;
  if (source.from === "url") return `${source.url}${fragment}`;
  // As ssh knows it, `git@example.com:x.git`.
  const [, login, path] = /^([\w.-]+@[\w.-]+):(?!\/\/)(.+)$/.exec(source.url) ?? [];
  const url = login === undefined ? source.url.replace(/^git\+/, "") : `ssh://${login}/${path ?? ""}`;
  return `git+${url}${source.revision === undefined ? "" : `@${source.revision}`}${fragment}`;
}
