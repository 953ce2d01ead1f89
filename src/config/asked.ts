import { fail, normalizeName, type PackageName } from "../model/index.ts";
import type { Draft } from "./draft.ts";
import type { Choice } from "./project.ts";

/** Extras and dependency groups that somebody wants besides what is written. */
export interface Asked extends Choice {
  /** Who gets them: each must have all of them. Absent: all that have them. */
  readonly packages?: readonly PackageName[];
}

/**
 * Drafts with the extras and groups that were asked for.
 * @throws CaissonError `usage` for one that nobody has
 */
export function addAsked(drafts: readonly Draft[], { packages, extras, groups }: Asked): readonly Draft[] {
  const own = drafts.filter(({ pkg }) => pkg.implied !== true).map(({ pkg }) => pkg.name);
  const named = packages ?? (own.length === 1 ? own : undefined);
  const getters = drafts.filter(({ pkg }) => pkg.kind === "python" && (named ?? own).includes(pkg.name));
  const add = (kind: keyof Choice, word: string): ReadonlySet<Draft> => {
    const having = getters.filter(({ offers }) => offers === undefined ? named !== undefined : offers[kind].includes(normalizeName(word)));
    const lacking = named === undefined ? (having.length === 0 ? getters : []) : getters.filter((draft) => !having.includes(draft));
    if (lacking.length > 0 || getters.length === 0) refuse(kind, word, lacking);
    return new Set(having);
  };
  const wanted = { extras: extras.map((word) => [word, add("extras", word)] as const), groups: groups.map((word) => [word, add("groups", word)] as const) };
  return drafts.map((draft) => {
    const more = (kind: keyof Choice): readonly string[] => wanted[kind].filter(([, having]) => having.has(draft)).map(([word]) => normalizeName(word));
    const [moreExtras, moreGroups] = [more("extras"), more("groups")];
    if (moreExtras.length + moreGroups.length === 0) return draft;
    const { pkg } = draft;
    return { ...draft, pkg: { ...pkg, extras: union(pkg.extras, moreExtras), ...(moreGroups.length === 0 ? {} : { groups: union(pkg.groups ?? [], moreGroups) }) } };
  });
}

/** What is written stays as it is written; the rest stands behind it, sorted, however it was typed. */
function union(written: readonly string[], more: readonly string[]): readonly string[] {
  const known = new Set<string>(written.map(normalizeName));
  return [...written, ...[...new Set(more)].filter((word) => !known.has(word)).toSorted()];
}

const NAMES: Readonly<Record<keyof Choice, readonly [one: string, many: string]>> = { extras: ["extra", "extras"], groups: ["dependency group", "groups"] };

function refuse(kind: keyof Choice, word: string, lacking: readonly Draft[]): never {
  const [one, many] = NAMES[kind];
  const [first, ...others] = lacking;
  const message = first === undefined ? `nothing that is meant has extras or groups, and \`${word}\` was asked for` : others.length === 0 ? `\`${first.pkg.written}\` has no ${one} \`${word}\`` : `no package has the ${one} \`${word}\``;
  const known = lacking.map(({ pkg, offers }) => [pkg.written, offers?.[kind] ?? []] as const).filter(([, names]) => names.length > 0);
  const lists = others.length === 0 ? known.map(([, names]) => `its ${many}: ${names.join(", ")}`) : known.map(([name, names]) => `${name} has ${names.join(", ")}`);
  return fail({ code: "usage", message, hint: lists.length === 0 ? "it has none at all" : lists.join("; ") });
}
