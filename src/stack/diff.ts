import { compareBytewise, printCanonicalJson, type PackageName, type Stack, type StackMember } from "../model/index.ts";

/** How a package differs in two stacks: another version; absent on one side; or, with both versions the same, other artifacts of it. */
export interface StackDifference {
  readonly package: PackageName;
  readonly from?: string;
  readonly to?: string;
}

/** What must change in `a` to make it `b`, by package. */
export function diffStacks(a: Stack, b: Stack): readonly StackDifference[] {
  const before = new Map(a.members.map((member) => [member.package, member]));
  const after = new Map(b.members.map((member) => [member.package, member]));
  const names = [...new Set([...before.keys(), ...after.keys()])].toSorted(compareBytewise);
  return names.flatMap((name) => {
    const [from, to] = [before.get(name), after.get(name)];
    if (from !== undefined && to !== undefined && isSame(from, to)) return [];
    return [{ package: name, ...(from === undefined ? {} : { from: from.version }), ...(to === undefined ? {} : { to: to.version }) }];
  });
}

function isSame(a: StackMember, b: StackMember): boolean {
  return a === b || (a.version === b.version && printCanonicalJson(a.artifacts) === printCanonicalJson(b.artifacts));
}
