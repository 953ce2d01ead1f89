import { fail, type Package, type PackageName, type Platform } from "../../model/index.ts";
import { chooseUvSource, readScriptHeader, readUvSources, uvSourceUrl, type UvSource } from "../../python/index.ts";
import { parse } from "smol-toml";
import type { Source } from "../source/source.ts";
import { fileOf, type Need } from "./needs.ts";

/** Where uv takes requirements from in place of an index, by name. */
export type UvSources = ReadonlyMap<PackageName, readonly UvSource[]>;

/** What a package says of it at its revision, and for a member of a uv workspace what the root says besides. */
export async function readSources(pkg: Package, source: Source): Promise<UvSources> {
  if (pkg.kind !== "python") return new Map();
  const text = await source.readText(pkg.script ?? "pyproject.toml");
  const own = readUvSources(pkg.script === undefined ? parseToml(text) : readScriptHeader(fileOf(pkg, pkg.script), text ?? "").table);
  if (pkg.sourcesFrom === undefined) return own;
  return new Map([...readUvSources(parseToml(await source.readText(pkg.sourcesFrom))), ...own]);
}

/** What is wrong with the file has been told by then. */
function parseToml(text: string | undefined): unknown {
  if (text === undefined || !/\buv\b/.test(text)) return {};
  try {
    return parse(text);
  } catch {
    return {};
  }
}

/** A requirement as something that can be found, and what is to be said of it. */
export interface Redirected {
  readonly text: string;
  /** A file of the checkout, which only a lock of uv's own can name by its hash. */
  readonly file?: string;
  /** An index that uv would ask for this one alone. */
  readonly index?: string;
}

/**
 * A requirement that no package of the workspace answers, by what its package says of its source.
 * @throws CaissonError `config-invalid` where it is said to lie in the workspace, and does not
 */
export function redirect(pkg: Package, { text, requirement }: Need, sources: UvSources, platform: Platform, members: readonly PackageName[], extras: readonly string[]): Redirected {
  const source = chooseUvSource(sources.get(requirement.name) ?? [], platform.markers, extras, pkg.groups ?? []);
  if (source === undefined || requirement.url !== undefined) return { text };
  const file = fileOf(pkg, pkg.script ?? "pyproject.toml");
  const problem = { code: "config-invalid", file, key: `tool.uv.sources.${requirement.name}` } as const;
  if (source.from === "workspace") fail({ ...problem, message: `\`${pkg.written}\` takes \`${requirement.name}\` from the workspace, which has no package of that name`, hint: members.length === 0 ? "it has no other package" : `packages here: ${members.join(", ")}` });
  if (source.from === "path") {
    if (/\.(?:whl|zip|tar\.\w+|tgz)$/.test(source.path)) return { text, file: source.path };
    fail({ ...problem, message: `\`${pkg.written}\` takes \`${requirement.name}\` from \`${source.path}\`, where this workspace has no package of that name`, hint: "a caisson.toml above both of them makes one workspace of them; what is in another repository is a package by `git`" });
  }
  if (source.from === "index") return { text, index: source.index };
  const choice = requirement.extras.length === 0 ? "" : `[${requirement.extras.join(",")}]`;
  return { text: `${requirement.written}${choice} @ ${uvSourceUrl(source) ?? ""}` };
}
