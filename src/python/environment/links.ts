import { compareBytewise, type Distribution, type Link, type Platform, type Problem, type Tree, type TreeEntry } from "../../model/index.ts";

/**
 * Many distributions as one environment: every file once, directories that only one wheel fills as one link into its tree, and shared ones real down to where they stop being shared.
 * Same bytes under one path are shared; anything else under one path is a problem (`collision`), told once for each pair of wheels.
 * Wheels whose ELF files look outside their wheel, and those they look for, are hard links, so that their real paths lie in the release. In mode `copy` everything is a copy, which programs may write to.
 * The links are sorted bytewise by path and do not depend on the order of `distributions`.
 * `own` is a tree that is no wheel's, with files of any area: what lies in its `root/` comes to lie at the top.
 */
export function planLinks(distributions: readonly Distribution[], platform: Platform, mode: "auto" | "copy", own?: Pick<Distribution, "fileName" | "tree">): { readonly links: readonly Link[]; readonly problems: readonly Problem[] } {
  const lib = `lib/python${platform.python.version}`;
  const inOrder = distributions.toSorted((a, b) => compareBytewise(a.name, b.name) || compareBytewise(a.tree.id, b.tree.id));
  const hard = mode === "copy" ? new Set(inOrder) : findHardLinked(inOrder);
  const plan = newPlan({
    real: ["bin", "lib", lib, `${lib}/site-packages`],
    reserved: ["pyvenv.cfg", "lib64", ".trees", "bin/python", "bin/python3", `bin/python${platform.python.version}`],
  });
  plan.links.push({ how: "render", path: "pyvenv.cfg", template: "pyvenv.cfg", mode: 0o644 });
  const places = { site: `${lib}/site-packages`.split("/"), bin: ["bin"], include: ["include"], data: [] };
  const parts = inOrder.filter(({ tree }, at) => inOrder[at - 1]?.tree.id !== tree.id).flatMap((distribution) => partsOf({ ...distribution, hard: hard.has(distribution) }, places));
  mergeDirectory("", [...parts, ...(own === undefined ? [] : partsOf({ ...own, hard: mode === "copy" }, { ...places, root: [] }))], plan);
  const { links, problems } = finish(plan);
  return { links: mode === "copy" ? links.map((link) => (link.how === "hardlink" ? { ...link, how: "copy" } : link)) : links, problems };
}

/** The links of a `files` package: what lies in its tree's `root/`, each at its own path. */
export function planFiles(tree: Tree): readonly Link[] {
  const plan = newPlan({ real: [], reserved: [] });
  mergeDirectory("", partsOf({ fileName: "", tree, hard: false }, { root: [] }), plan);
  return finish(plan).links;
}

/** A wheel as far as merging needs it. */
type Origin = Pick<Distribution, "fileName" | "tree" | "namespaces"> & { readonly hard: boolean };

/** What one wheel puts into one directory of the environment: a range of its tree's entries, or (while `below` names directories yet to descend) its whole area further down. */
interface Part {
  readonly origin: Origin;
  readonly below: readonly string[];
  /** Path of the directory in the tree, with a slash at its end. */
  readonly prefix: string;
  readonly start: number;
  readonly end: number;
}

interface File {
  readonly origin: Origin;
  readonly entry: TreeEntry;
}

interface Plan {
  /** Directories that are the environment's own, and never a link. */
  readonly real: ReadonlySet<string>;
  /** Paths that are made on the host, and that no wheel may bring. */
  readonly reserved: ReadonlySet<string>;
  readonly links: Link[];
  readonly clashes: Map<string, Clash>;
}

interface Clash {
  readonly message: (path: string) => string;
  readonly path: string;
  readonly more: number;
}

function newPlan({ real, reserved }: { readonly real: readonly string[]; readonly reserved: readonly string[] }): Plan {
  return { real: new Set(real), reserved: new Set(reserved), links: real.map((path) => ({ how: "directory", path })), clashes: new Map() };
}

function finish(plan: Plan): { readonly links: readonly Link[]; readonly problems: readonly Problem[] } {
  const problems = [...plan.clashes.values()].map(({ message, path, more }): Problem => {
    const others = more === 0 ? "" : ` (and ${more} more ${more === 1 ? "path" : "paths"})`;
    return { code: "collision", message: `${message(path)}${others}`, hint: "leave one of them out; pip would silently keep the one it installed last" };
  });
  return { links: plan.links.toSorted((a, b) => compareBytewise(a.path, b.path)), problems };
}

/** `places` says where each area of a tree lies in the environment. Entries are sorted, so an area is one range. */
function partsOf(origin: Origin, places: Readonly<Partial<Record<string, readonly string[]>>>): readonly Part[] {
  const { entries } = origin.tree;
  return Object.entries(places).flatMap(([area, below = []]) => {
    const prefix = `${area}/`;
    const start = entries.findIndex(({ path }) => path.startsWith(prefix));
    return start < 0 ? [] : [{ origin, below, prefix, start, end: endOf(entries, prefix, start, entries.length) }];
  });
}

function endOf(entries: readonly TreeEntry[], prefix: string, start: number, end: number): number {
  let at = start;
  while (at < end && entries[at]?.path.startsWith(prefix) === true) at++;
  return at;
}

function mergeDirectory(path: string, parts: readonly Part[], plan: Plan): void {
  for (const [name, { files, directories }] of childrenOf(parts)) {
    const child = path === "" ? name : `${path}/${name}`;
    const [file] = files;
    const [directory] = directories;
    const first = file?.origin ?? directory?.origin;
    if (first === undefined) continue;
    if (plan.reserved.has(child) || (file !== undefined && plan.real.has(child)) || [".", "..", ""].includes(name)) {
      clash(plan, child, [first], (at) => `\`${first.fileName}\` installs \`${at}\`, which is the environment's own`);
    } else if (file !== undefined && directory !== undefined) {
      clash(plan, child, [file.origin, directory.origin], (at) => `\`${file.origin.fileName}\` installs \`${at}\` as a file, and \`${directory.origin.fileName}\` as a directory`);
    } else if (file !== undefined) {
      linkFile(child, file, files.slice(1), plan);
    } else if (directory !== undefined && directories.length === 1 && directory.below.length === 0 && !plan.real.has(child)) {
      plan.links.push(linkTo(child, directory.origin, directory.prefix.slice(0, -1)));
    } else {
      if (!plan.real.has(child)) plan.links.push({ how: "directory", path: child });
      mergeDirectory(child, directories, plan);
    }
  }
}

interface Children {
  readonly files: File[];
  readonly directories: Part[];
}

/** What lies directly in a directory, by name; the wheels of one name stand in their own order. */
function childrenOf(parts: readonly Part[]): ReadonlyMap<string, Children> {
  const children = new Map<string, Children>();
  const childOf = (name: string): Children => {
    const known = children.get(name) ?? { files: [], directories: [] };
    children.set(name, known);
    return known;
  };
  for (const part of parts) {
    const { origin, prefix, below } = part;
    const { entries } = origin.tree;
    if (below[0] !== undefined) {
      childOf(below[0]).directories.push({ ...part, below: below.slice(1) });
      continue;
    }
    for (let at = part.start; at < part.end; ) {
      const entry = entries[at] as TreeEntry;
      const slash = entry.path.indexOf("/", prefix.length);
      if (slash < 0 && entry.kind !== "directory") {
        childOf(entry.path.slice(prefix.length)).files.push({ origin, entry });
        at++;
        continue;
      }
      const deeper = slash < 0 ? `${entry.path}/` : entry.path.slice(0, slash + 1);
      const start = slash < 0 ? at + 1 : at;
      const end = endOf(entries, deeper, start, part.end);
      childOf(deeper.slice(prefix.length, -1)).directories.push({ origin, below, prefix: deeper, start, end });
      at = end;
    }
  }
  return children;
}

function linkFile(path: string, first: File, others: readonly File[], plan: Plan): void {
  let chosen = first;
  for (const other of others) {
    if (sameContent(chosen.entry, other.entry)) {
      if (isProgram(other.entry) && !isProgram(chosen.entry)) chosen = other;
    } else if (isNamespace(chosen) && isNamespace(other)) {
      if (sizeOf(other.entry) < sizeOf(chosen.entry)) chosen = other;
    } else {
      const pair = [chosen.origin, other.origin] as const;
      clash(plan, path, pair, (at) => `\`${pair[0].fileName}\` and \`${pair[1].fileName}\` both install \`${at}\`, with different content`);
    }
  }
  plan.links.push(linkTo(path, chosen.origin, chosen.entry.path));
}

/** A launcher finds its interpreter beside its own real path, so what lies in `bin` is never a symlink. */
function linkTo(path: string, origin: Origin, to: string): Link {
  return { how: origin.hard || path.startsWith("bin/") ? "hardlink" : "symlink", path, tree: origin.tree.id, to };
}

function sameContent(a: TreeEntry, b: TreeEntry): boolean {
  if (a.kind === "file" && b.kind === "file") return a.digest === b.digest;
  return a.kind === "link" && b.kind === "link" && a.target === b.target;
}

function isProgram(entry: TreeEntry): boolean {
  return entry.kind === "file" && entry.mode === 0o755;
}

function sizeOf(entry: TreeEntry): number {
  return entry.kind === "file" ? entry.size : 0;
}

/** An `__init__.py` that says nothing but that its package has more parts elsewhere. The shortest of them serves all, for here the parts lie in one directory. */
function isNamespace({ origin, entry }: File): boolean {
  return entry.kind === "file" && entry.path.endsWith("/__init__.py") && (entry.size === 0 || origin.namespaces?.includes(entry.path) === true);
}

function clash(plan: Plan, path: string, origins: readonly Origin[], message: (path: string) => string): void {
  const key = `${origins.map(({ tree }) => tree.id).join(" ")} ${message("")}`;
  const known = plan.clashes.get(key);
  plan.clashes.set(key, known === undefined ? { message, path, more: 0 } : { ...known, more: known.more + 1 });
}

/** The wheels whose ELF files look for libraries beside their wheel, or among files of several wheels in one directory, and the wheels that have those libraries. */
function findHardLinked(distributions: readonly Distribution[]): ReadonlySet<Distribution> {
  const withLibraries = distributions.filter(({ elf }) => elf !== undefined);
  const owners = new Map(withLibraries.flatMap((owner) => owner.tree.entries.map(({ path }) => [path.slice(path.lastIndexOf("/") + 1), { owner, directory: path.slice(0, path.lastIndexOf("/")) }] as const)));
  const found = new Set(withLibraries.filter((each) => each.elf?.escapes === true || looksInCommonPlaces(each, owners)));
  // A set that grows while it is walked: what is reached reaches further.
  for (const { elf } of found) {
    for (const library of elf?.needed ?? []) {
      const known = owners.get(library);
      if (known !== undefined) found.add(known.owner);
    }
  }
  return found;
}

/** A RUNPATH that stays in its wheel may still mean a neighbour's library: several wheels fill one directory, as those of cmeel do. */
function looksInCommonPlaces(each: Distribution, owners: ReadonlyMap<string, { readonly owner: Distribution; readonly directory: string }>): boolean {
  return (each.elf?.needed ?? []).some((library) => {
    const known = owners.get(library);
    return known !== undefined && known.owner !== each && each.tree.entries.some(({ path }) => path.startsWith(`${known.directory}/`));
  });
}
