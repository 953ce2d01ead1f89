import { fail, type Package, type PackageName, type Platform } from "../../model/index.ts";
import { chooseUvSource, readScriptHeader, readUvIndexes, readUvSources, readUvTexts, uvSourceUrl, type UvSource } from "../../python/index.ts";
import { parse } from "smol-toml";
import type { Source } from "../source/source.ts";
import { fileOf, type Need } from "./needs.ts";

/** Where uv takes requirements from in place of the usual index. */
export interface UvSources {
  readonly of: ReadonlyMap<PackageName, readonly UvSource[]>;
  /** Addresses of indexes by their names. */
  readonly indexes: ReadonlyMap<string, string>;
  /** Which versions are meant, whoever asks. */
  readonly constraints: readonly string[];
  /** What takes the place of whatever anybody asks for. */
  readonly overrides: readonly string[];
}

/** What a package says of it at its revision, and for a member of a uv workspace what the root says besides. */
export async function readSources(pkg: Package, source: Source): Promise<UvSources> {
  if (pkg.kind !== "python") return { of: new Map(), indexes: new Map(), constraints: [], overrides: [] };
  const text = await source.readText(pkg.script ?? "pyproject.toml");
  const own = pkg.script === undefined ? parseToml(text) : readScriptHeader(fileOf(pkg, pkg.script), text ?? "").table;
  const root = pkg.sourcesFrom === undefined ? {} : parseToml(await source.readText(pkg.sourcesFrom));
  // Of a member, uv heeds the root's alone.
  const top = pkg.sourcesFrom === undefined ? own : root;
  return { constraints: readUvTexts(top, "constraint-dependencies"), overrides: readUvTexts(top, "override-dependencies"), of: new Map([...readUvSources(root), ...readUvSources(own)]), indexes: new Map([...readUvIndexes(root), ...readUvIndexes(own)]) };
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
  /** The index that is asked for this one, by its name and address. */
  readonly index?: { readonly name: string; readonly url: string };
}

/**
 * A requirement that no package of the workspace answers, by what its package says of its source.
 * @throws CaissonError `config-invalid` where it is said to lie in the workspace, and does not
 */
export function redirect(pkg: Package, { text, requirement }: Need, sources: UvSources, platform: Platform, members: readonly PackageName[], extras: readonly string[]): Redirected {
  const source = chooseUvSource(sources.of.get(requirement.name) ?? [], platform.markers, extras, pkg.groups ?? []);
  if (source === undefined || requirement.url !== undefined) return { text };
  const file = fileOf(pkg, pkg.script ?? "pyproject.toml");
  const problem = { code: "config-invalid", file, key: `tool.uv.sources.${requirement.name}` } as const;
  if (source.from === "workspace") fail({ ...problem, message: `\`${pkg.written}\` takes \`${requirement.name}\` from the workspace, which has no package of that name`, hint: members.length === 0 ? "it has no other package" : `packages here: ${members.join(", ")}` });
  if (source.from === "path") {
    if (/\.(?:whl|zip|tar\.\w+|tgz)$/.test(source.path)) return { text, file: source.path };
    fail({ ...problem, message: `\`${pkg.written}\` takes \`${requirement.name}\` from \`${source.path}\`, where this workspace has no package of that name`, hint: "a caisson.toml above both of them makes one workspace of them; what is in another repository is a package by `git`" });
  }
  if (source.from === "index") {
    const url = sources.indexes.get(source.index);
    if (url === undefined || !/^(?:https?|file):/.test(url)) fail({ ...problem, message: `\`${pkg.written}\` takes \`${requirement.name}\` from the index \`${source.index}\`, ${url === undefined ? "and no [[tool.uv.index]] has that name" : `whose address is none: \`${url}\``}`, hint: `[[tool.uv.index]] with name = "${source.index}" and url = "https://..."` });
    return { text, index: { name: source.index, url } };
  }
  const choice = requirement.extras.length === 0 ? "" : `[${requirement.extras.join(",")}]`;
  return { text: `${requirement.written}${choice} @ ${uvSourceUrl(source) ?? ""}` };
}
