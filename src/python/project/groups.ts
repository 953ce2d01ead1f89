import { fail, normalizeName, type PackageName } from "../../model/index.ts";
import { tableOf } from "./toml.ts";

/** Whose groups they are, for messages: the project as its author wrote it, and its file as the user would type it. */
export interface GroupsOwner {
  readonly written: string;
  readonly file: string;
}

/** The names of the groups in a `[dependency-groups]` table, in their normal form. */
export function groupNames(table: unknown): readonly PackageName[] {
  return Object.keys(tableOf(table)).map(normalizeName);
}

/**
 * The requirements of some groups of a `[dependency-groups]` table, those of included groups in their places; each text once.
 * @throws CaissonError `config-invalid` for a group that there is not, two of one name, one that includes itself, or an entry that is neither a text nor an include
 * Source: PEP 735
 */
export function expandGroups(owner: GroupsOwner, table: unknown, wanted: readonly string[]): readonly string[] {
  const groups = readGroups(owner, table);
  const take = (name: PackageName, above: readonly PackageName[]): readonly string[] => {
    const refuse = refuser(owner, name);
    const at = above.indexOf(name);
    if (at >= 0) refuse(`dependency groups of \`${owner.written}\` include each other in a circle: ${[...above.slice(at), name].map((each) => `\`${each}\``).join(" -> ")}`, "take one of these includes away");
    const entries = groups.get(name) ?? unknown(owner, name, [...groups.keys()], above.at(-1));
    if (!Array.isArray(entries)) return refuse(`the dependency group \`${name}\` of \`${owner.written}\` is no list`);
    return (entries as readonly unknown[]).flatMap((entry) => {
      if (typeof entry === "string") return [entry];
      const [[key, included] = [], ...others] = Object.entries(tableOf(entry));
      if (key !== "include-group" || typeof included !== "string" || others.length > 0) return refuse(`the dependency group \`${name}\` of \`${owner.written}\` holds ${JSON.stringify(entry)}`, "each entry is a requirement, or { include-group = \"NAME\" }");
      return take(normalizeName(included), [...above, name]);
    });
  };
  return [...new Set(wanted.map(normalizeName).flatMap((name) => take(name, [])))];
}

function readGroups(owner: GroupsOwner, table: unknown): ReadonlyMap<PackageName, unknown> {
  const groups = new Map<PackageName, unknown>();
  const spellings = new Map<PackageName, string>();
  for (const [spelling, entries] of Object.entries(tableOf(table))) {
    const name = normalizeName(spelling);
    const twin = spellings.get(name);
    if (twin !== undefined) refuser(owner, spelling)(`\`${owner.written}\` has the dependency groups \`${twin}\` and \`${spelling}\`, which are one name`, "letters' case and - _ . make no difference");
    spellings.set(name, spelling);
    groups.set(name, entries);
  }
  return groups;
}

function unknown(owner: GroupsOwner, name: PackageName, known: readonly string[], by: PackageName | undefined): never {
  return refuser(owner, by)(`\`${owner.written}\` has no dependency group \`${name}\`${by === undefined ? "" : `, which \`${by}\` includes`}`, known.length === 0 ? "it has none at all" : `its groups: ${known.join(", ")}`);
}

function refuser({ file }: GroupsOwner, group: string | undefined): (message: string, hint?: string) => never {
  return (message, hint) => fail({ code: "config-invalid", message, file, key: ["dependency-groups", ...(group === undefined ? [] : [group])].join("."), ...(hint === undefined ? {} : { hint }) });
}
