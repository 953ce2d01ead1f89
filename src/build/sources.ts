import type { Package, PackageName, Workspace } from "../model/index.ts";
import { requiresOf } from "../config/index.ts";
import type { Context } from "../system/index.ts";
import { siblingsOf } from "./order.ts";
import { readRevisions } from "./source/revision.ts";
import type { RevisionRequest, Source } from "./source/source.ts";

/** The packages of a build and those that they need, with what each is made of. */
export interface Sources {
  /** As it was given, but packages of other repositories know what they need: only their files tell, which were not there before. */
  readonly workspace: Workspace;
  readonly of: ReadonlyMap<PackageName, Source>;
}

/**
 * Read the sources of packages and of all that they need.
 * @throws CaissonError as `readRevisions`
 */
export async function readSources(ctx: Context, given: Workspace, names: readonly PackageName[], request: RevisionRequest): Promise<Sources> {
  const of = new Map<PackageName, Source>();
  let workspace = given;
  for (;;) {
    const missing = withSiblings(workspace, names).filter(({ name }) => !of.has(name));
    if (missing.length === 0) return { workspace, of };
    const read = await readRevisions(ctx, workspace.directory, missing.map(({ source }) => source), request);
    for (const [at, { name }] of missing.entries()) of.set(name, read[at] as Source);
    workspace = { ...workspace, packages: await Promise.all(workspace.packages.map((pkg) => withNeeds(workspace, pkg, missing.includes(pkg) ? of.get(pkg.name) : undefined))) };
  }
}

/** Packages by name, and those of the workspace that they need, in the workspace's order. */
export function withSiblings({ packages }: Workspace, names: readonly PackageName[]): readonly Package[] {
  const wanted = packages.filter(({ name }) => names.includes(name));
  const needed = new Set(wanted.flatMap((pkg) => [pkg, ...siblingsOf(pkg, packages)]));
  return packages.filter((pkg) => needed.has(pkg));
}

/** A package of another repository with what its files, now that they are there, say that it needs; any other as it is. */
async function withNeeds({ packages }: Workspace, pkg: Package, source: Source | undefined): Promise<Package> {
  if (source === undefined || pkg.kind !== "python" || !("git" in pkg.source)) return pkg;
  const [pyproject, setupCfg, setupPy, requirements] = await Promise.all(["pyproject.toml", "setup.cfg", "setup.py", "requirements.txt"].map((name) => source.readText(name)));
  const required = await requiresOf({ pyproject, setupCfg, setupPy, requirements }, { extras: pkg.extras, groups: pkg.groups ?? [] });
  const names = new Set(packages.map(({ name }) => name));
  return { ...pkg, needs: [...new Set([...pkg.needs, ...required.filter((name) => name !== pkg.name && names.has(name))])] };
}
