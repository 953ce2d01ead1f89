import { CaissonError, compareBytewise, fail, normalizeName, type Package, type PackageName, type Platform, type Workspace } from "../../model/index.ts";
import { evaluateMarker, parseRequirement, satisfies } from "../../python/index.ts";
import { fileOf, readNeeds, type Need, type Needs } from "./needs.ts";
import { hintOfNeed, siblingsOf } from "../order.ts";
import { readProject } from "../project.ts";
import type { Source } from "../source/source.ts";
import type { IndexOptions } from "./requirement-lines.ts";
import { readSources, redirect } from "./uv-sources.ts";

/** What is to be locked: a package of a workspace, for a platform. */
export interface LockRequest {
  readonly workspace: Workspace;
  readonly package: Package;
  readonly platform: Platform;
  /** The source of a package of the workspace, at the revision that is being built. */
  readonly source: (pkg: Package) => Source | undefined;
  /** The `Requires-Dist` of a package whose requirements only its back end knows: those of its wheel. */
  readonly requires: (pkg: Package) => Promise<readonly string[]>;
  readonly offline: boolean;
  /** What is asked for may go beyond the lock that stands there, which then says no more than which versions to prefer. */
  readonly beyond?: boolean;
}

/** A requirement on something that is no package of the workspace, and who asks for it. */
export interface ForeignNeed {
  readonly text: string;
  readonly name: PackageName;
  readonly specifier: string;
  readonly by: string;
  /** A file of the checkout that it is taken from, by what uv is told. */
  readonly file?: string;
  /** The index that is asked for it, by its name and address. */
  readonly index?: { readonly name: string; readonly url: string };
}

/** What a package and those of the workspace that it needs ask for together, from elsewhere. */
export interface ForeignNeeds {
  /** By text, each once. */
  readonly needs: readonly ForeignNeed[];
  /** Packages whose requirements only their back ends know, with the extras asked of them; their needs are not in `needs` unless `ask`ed for. */
  readonly computed: readonly { readonly package: Package; readonly tree: string; readonly extras: readonly PackageName[] }[];
  /** Which versions are meant, whoever asks. */
  readonly constraints?: readonly string[];
  /** Which requirements take the place of whatever anybody asks for, by what uv is told. */
  readonly overrides?: readonly string[];
  /** Where the package's requirements.txt says that they come from. */
  readonly index?: IndexOptions;
}

/**
 * Gather what has to come from elsewhere. A package of the workspace never does; what it asks for itself takes its place.
 * Unless `ask` is set, packages whose requirements must be computed are named and not asked: that would start a build.
 * @throws CaissonError `config-invalid` · `wheel-unfit` where a package does not want the platform's Python
 */
export async function gatherNeeds(request: LockRequest, ask: boolean): Promise<ForeignNeeds> {
  const members = await findMembers(request);
  const visited = new Map<PackageName, Set<PackageName>>();
  const needs = new Map<string, ForeignNeed>();
  const computed = new Map<PackageName, ForeignNeeds["computed"][number]>();
  const constraints = new Set<string>();
  let own: Pick<ForeignNeeds, "overrides" | "index"> = {};
  const siblings = siblingsOf(request.package, request.workspace.packages).filter(({ kind }) => kind === "python");
  const queue: { readonly pkg: Package; readonly extras: readonly PackageName[] }[] = [{ pkg: request.package, extras: request.package.extras.map(normalizeName) }, ...siblings.map((pkg) => ({ pkg, extras: [] }))];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const { pkg, extras } = next;
    const before = visited.get(pkg.name);
    if (before !== undefined && extras.every((extra) => before.has(extra))) continue;
    const all = [...new Set([...(before ?? []), ...extras])].toSorted(compareBytewise);
    visited.set(pkg.name, new Set(all));
    const source = request.source(pkg) ?? fail({ code: "config-invalid", message: `\`${request.package.written}\` asks for \`${pkg.written}\` of this workspace, and no file on disk says so`, hint: hintOfNeed(request.package, pkg) });
    const read = await readNeeds(pkg, source, all, pkg === request.package ? pkg.groups : []);
    checkPython(pkg, read, request.platform);
    for (const constraint of read.constraints ?? []) constraints.add(constraint);
    if (read.computed) computed.set(pkg.name, { package: pkg, tree: source.treeKey, extras: all });
    const asked = read.computed && ask ? parseRequires(pkg, await request.requires(pkg)) : [];
    const sources = await readSources(pkg, source);
    if (pkg === request.package) {
      for (const constraint of sources.constraints) constraints.add(constraint);
      own = { ...(sources.overrides.length === 0 ? {} : { overrides: sources.overrides }), ...(read.index === undefined ? {} : { index: read.index }) };
    }
    for (const need of [...read.requirements, ...asked]) {
      const { text, requirement } = need;
      if (requirement.marker !== undefined && !evaluateMarker(requirement.marker, request.platform.markers, all)) continue;
      const sibling = members.get(requirement.name);
      if (sibling !== undefined) queue.push({ pkg: sibling, extras: requirement.extras });
      else {
        const found = redirect(pkg, { ...need, text: withoutExtraMarker(text, requirement) }, sources, request.platform, [...members.keys()].filter((name) => name !== pkg.name), all);
        needs.set(`${text} ${pkg.name}`, { ...found, name: requirement.name, specifier: requirement.specifier, by: pkg.written });
      }
    }
  }
  return { needs: [...needs.values()].toSorted((a, b) => compareBytewise(a.text, b.text) || compareBytewise(a.by, b.by)), computed: [...computed.values()].toSorted((a, b) => compareBytewise(a.package.name, b.package.name)), ...(constraints.size === 0 ? {} : { constraints: [...constraints].toSorted(compareBytewise) }), ...own };
}

/**
 * The packages of the workspace that are distributions: no index may answer for one of them.
 * A directory with nothing but a requirements.txt is none, and may be called as what it asks for.
 */
export async function findMembers({ workspace, source }: Pick<LockRequest, "workspace" | "source">): Promise<ReadonlyMap<PackageName, Package>> {
  const found = await Promise.all(workspace.packages.map(async (member) => {
    const own = member.kind === "python" ? source(member) : undefined;
    return member.kind === "python" && (own === undefined || (await readProject(own)) !== undefined) ? [[member.name, member] as const] : [];
  }));
  return new Map(found.flat());
}

/** Its marker has been judged already, for this platform and these extras; `extra` means nothing to whoever reads it next. */
function withoutExtraMarker(text: string, { url }: Need["requirement"]): string {
  const end = url === undefined ? text.indexOf(";") : text.search(/\s;/);
  return end < 0 ? text : text.slice(0, end).trim();
}

function parseRequires(pkg: Package, texts: readonly string[]): readonly Need[] {
  return texts.map((text) => {
    try {
      return { text, requirement: parseRequirement(text) };
    } catch (cause) {
      if (!(cause instanceof CaissonError)) throw cause;
      return fail({ code: "config-invalid", message: `the wheel of \`${pkg.written}\` asks for \`${text}\`, which is no requirement` }, cause);
    }
  });
}

function checkPython(pkg: Package, { requiresPython, place }: Needs, platform: Platform): void {
  const full = platform.markers["python_full_version"] ?? platform.python.version;
  if (requiresPython === undefined || satisfies(full, requiresPython, { prereleases: true })) return;
  fail({ code: "wheel-unfit", ...(place ?? { file: fileOf(pkg, "pyproject.toml"), key: "project.requires-python" }), message: `\`${pkg.written}\` needs Python ${requiresPython}, and ${platform.label} has ${full}`, hint: "name another platform or Python in caisson.toml, or widen `requires-python`" });
}
