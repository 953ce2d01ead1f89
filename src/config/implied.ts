import { stat } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import { directoryHere, normalizeName, type PackageName } from "../model/index.ts";
import { readUvSources, type UvSource } from "../python/project/index.ts";
import { isOutside, type Context } from "../system/index.ts";
import { findMembers } from "./members.ts";
import type { Draft } from "./draft.ts";
import { nameOfDirectory, packageOfProject } from "./packages.ts";
import { readProject, tableIn } from "./project.ts";
import { readTomlFile, type TomlFile } from "./toml-file.ts";

/**
 * The drafts, and the projects of the workspace that they take as they lie on disk though nobody wrote them down: `[tool.uv.sources]` names them, by their directory or as members of a uv workspace.
 * What the root of a uv workspace says of sources holds for its members too; such a package knows where that stands.
 */
export async function withImplied(ctx: Context, workspace: string, drafts: readonly Draft[]): Promise<readonly Draft[]> {
  const all: Draft[] = [];
  const waiting = [...drafts];
  const names = new Set(drafts.map(({ pkg }) => pkg.name));
  // Of a root that is known already its members are not read again: each of a hundred may name all the others.
  const roots = new Map<string, Promise<Members>>();
  const membersOf = (root: TomlFile): Promise<Members> => {
    const members = roots.get(root.path) ?? readMembers(ctx, root);
    roots.set(root.path, members);
    return members;
  };
  for (let draft = waiting.shift(); draft !== undefined; draft = waiting.shift()) {
    const place = await locate(ctx, workspace, draft);
    all.push(place?.inherited === true ? { ...draft, pkg: { ...draft.pkg, sourcesFrom: relative(place.directory, place.root?.path ?? "").replaceAll(sep, "/") } } : draft);
    for (const { name, sources, base } of place?.named ?? []) {
      if (names.has(name)) continue;
      const members = place?.root === undefined || !sources.some(({ from }) => from === "workspace") ? undefined : await membersOf(place.root);
      for (const directory of await directoriesOf(sources, base, members?.get(name))) {
        if (names.has(name) || isOutside(workspace, directory) || [...all, ...waiting].some((other) => other.pkg.script === undefined && directoryOf(workspace, other) === directory)) continue;
        const project = await readProject(ctx, directory);
        if (project === undefined) continue;
        const found = implied(packageOfProject(workspace, directory, project, nameOfDirectory(directory)));
        waiting.push(found);
        names.add(found.pkg.name);
      }
    }
  }
  return all;
}

interface Place {
  readonly directory: string;
  /** The pyproject.toml of the uv workspace around it. */
  readonly root: TomlFile | undefined;
  /** Whether that one names sources, and is another one than the package's own. */
  readonly inherited: boolean;
  /** The sources that hold for it, its own before the root's; `base` is where their paths start. */
  readonly named: readonly { readonly name: PackageName; readonly sources: readonly UvSource[]; readonly base: string }[];
}

async function locate(ctx: Context, workspace: string, draft: Draft): Promise<Place | undefined> {
  const directory = directoryOf(workspace, draft);
  if (directory === undefined) return undefined;
  // A script belongs to no uv workspace: what its header says is all that holds for it.
  const root = draft.pkg.script === undefined ? await findRoot(ctx, workspace, directory) : undefined;
  const own = draft.sources ?? new Map<PackageName, readonly UvSource[]>();
  const above = root === undefined || dirname(root.path) === directory ? new Map<PackageName, readonly UvSource[]>() : readUvSources(root.value);
  const inherited = [...above].filter(([name]) => !own.has(name));
  const base = dirname(root?.path ?? "");
  return { directory, root, inherited: above.size > 0, named: [...[...own].map(([name, sources]) => ({ name, sources, base: directory })), ...inherited.map(([name, sources]) => ({ name, sources, base }))] };
}

/** Where a Python project or script of this workspace lies, absolute; undefined for anything else. */
function directoryOf(workspace: string, { pkg }: Draft): string | undefined {
  const directory = pkg.kind === "python" ? directoryHere(pkg) : undefined;
  return directory === undefined ? undefined : join(workspace, directory);
}

function implied(draft: Draft): Draft {
  return { ...draft, pkg: { ...draft.pkg, implied: true } };
}

/** The nearest pyproject.toml with a `[tool.uv.workspace]`, from a directory up to the workspace's top. */
async function findRoot(ctx: Context, workspace: string, directory: string): Promise<TomlFile | undefined> {
  for (let at = directory; !isOutside(workspace, at); at = dirname(at)) {
    const toml = await readTomlFile(ctx, join(at, "pyproject.toml"));
    if (tableIn(tableIn(tableIn(toml?.value, "tool"), "uv"), "workspace") !== undefined) return toml;
    if (at === dirname(at)) break;
  }
  return undefined;
}

/** Where sources lie, by paths that start at `base`, or as `members` of a uv workspace that have the wanted name. */
async function directoriesOf(sources: readonly UvSource[], base: string, members: readonly string[] = []): Promise<readonly string[]> {
  const found = await Promise.all(sources.map(async (source) => {
    if (source.from === "workspace") return members;
    const directory = source.from === "path" ? resolve(base, source.path) : "";
    return (await stat(directory).catch(() => undefined))?.isDirectory() === true ? [directory] : [];
  }));
  return found.flat();
}

/** Directories of a uv workspace's members, by the names that these give themselves. */
type Members = ReadonlyMap<PackageName, readonly string[]>;

async function readMembers(ctx: Context, root: TomlFile): Promise<Members> {
  const members = new Map<PackageName, readonly string[]>();
  for (const directory of await findMembers(root)) {
    const name = (await readProject(ctx, directory))?.name;
    if (name !== undefined) members.set(normalizeName(name), [...(members.get(normalizeName(name)) ?? []), directory]);
  }
  return members;
}
