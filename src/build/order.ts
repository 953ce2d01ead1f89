import { compareBytewise, type Package, type PackageName } from "../model/index.ts";

/**
 * Packages in the order in which they can be built: what a package needs stands before it.
 * Batch by batch, each sorted by name, so that the order depends on nothing but names and needs. A need that is not among `packages` orders nothing.
 * `cycle` lists the members of one cycle, each needing the next and the last the first.
 */
export function orderPackages(packages: readonly Package[]): { readonly order: readonly Package[] } | { readonly cycle: readonly PackageName[] } {
  const order: Package[] = [];
  const placed = new Set<PackageName>();
  let waiting = packages.toSorted((a, b) => compareBytewise(a.name, b.name));
  while (waiting.length > 0) {
    const names = new Set(waiting.map(({ name }) => name));
    const ready = waiting.filter(({ needs }) => needs.every((need) => placed.has(need) || !names.has(need)));
    if (ready.length === 0) return { cycle: findCycle(waiting) };
    for (const { name } of ready) placed.add(name);
    order.push(...ready);
    waiting = waiting.filter(({ name }) => !placed.has(name));
  }
  return { order };
}

/** Each of `stuck` needs another one of them, so following needs from any of them comes round. */
function findCycle(stuck: readonly Package[]): readonly PackageName[] {
  const byName = new Map(stuck.map((pkg) => [pkg.name, pkg]));
  const path: PackageName[] = [];
  let at = stuck[0];
  while (at !== undefined && !path.includes(at.name)) {
    path.push(at.name);
    at = at.needs.toSorted(compareBytewise).map((need) => byName.get(need)).find((need) => need !== undefined);
  }
  return path.slice(at === undefined ? 0 : path.indexOf(at.name));
}

/** How to say that a package needs another one, where nothing that is read on disk does. */
export function hintOfNeed({ written }: Package, needed: Package): string {
  return `needs = ["${needed.written}"] under [packages.${written}] of caisson.toml`;
}

/** The workspace's packages that a package needs, directly or through others, sorted by name; never itself. */
export function siblingsOf(pkg: Package, packages: readonly Package[]): readonly Package[] {
  const byName = new Map(packages.map((each) => [each.name, each]));
  const found = new Set<PackageName>();
  const visit = (name: PackageName): void => {
    if (name === pkg.name || found.has(name) || !byName.has(name)) return;
    found.add(name);
    byName.get(name)?.needs.forEach(visit);
  };
  pkg.needs.forEach(visit);
  return packages.filter(({ name }) => found.has(name)).toSorted((a, b) => compareBytewise(a.name, b.name));
}
