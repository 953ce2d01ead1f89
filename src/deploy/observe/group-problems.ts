import type { Problem } from "../../model/index.ts";
import { foldNames } from "./fold.ts";
import type { ObservedHost } from "./observed-host.ts";

/** One cause, and the hosts that have it. */
export interface ProblemGroup {
  readonly hosts: readonly string[];
  readonly problem: Problem;
}

/**
 * Problems of hosts by their cause: what differs only in the host's name is one. Of several hosts the message names all, in few words; the hint, which may be a command, is that of the first.
 * A message that names no host gets the names in front; `always`: also one that does.
 */
export function groupProblems(found: readonly { readonly host: string; readonly problem: Problem }[], prefix: "always" | "unnamed"): readonly ProblemGroup[] {
  const groups = new Map<string, { readonly hosts: string[]; readonly first: { readonly host: string; readonly problem: Problem } }>();
  for (const { host, problem } of found) {
    // Whose it is stands in front already.
    const each = { host, problem: { ...problem, message: problem.message.startsWith(`\`${host}\`: `) ? problem.message.slice(host.length + 4) : problem.message } };
    const { code, message } = each.problem;
    const cause = `${code} ${withoutName(message, each.host, "\0")}`;
    const group = groups.get(cause) ?? { hosts: [], first: each };
    group.hosts.push(each.host);
    groups.set(cause, group);
  }
  return [...groups.values()].map(({ hosts, first: { host, problem } }) => {
    const names = foldNames(hosts);
    const named = withoutName(problem.message, host, names);
    const says = alone(host, "./").test(problem.message);
    return { hosts, problem: { ...problem, message: prefix === "unnamed" && says ? named : `${names}: ${named}` } };
  });
}

/** What is wrong with each of some hosts, as `find` says: of several hosts each cause once. */
export function problemsOf<Observed extends ObservedHost>(hosts: readonly Observed[], find: (host: Observed) => readonly Problem[]): Problem[] {
  if (hosts.length < 2) return hosts.flatMap(find);
  return groupProblems(hosts.flatMap((each) => find(each).map((problem) => ({ host: each.host.name, problem }))), "unnamed").map(({ problem }) => problem);
}

/** A message with another word in place of a host's name, wherever that stands alone. */
function withoutName(message: string, host: string, instead: string): string {
  return message.replaceAll(alone(host, "."), () => instead);
}

/** A host's name where it is no part of a longer word, and does not follow one of these characters: `/` for names that are part of a path. */
function alone(host: string, behind: string): RegExp {
  return new RegExp(`(?<![\\w${behind}-])${host.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")}(?![\\w-]|\\.\\w)`, "g");
}
