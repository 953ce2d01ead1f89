import { posix } from "node:path";
import type { Refuse, TarEntry } from "../../formats/index.ts";

/** A member of a turret's archive that may be extracted, after those before it. Paths are relative to the turret's folder, and plain. */
export type Member =
  | { readonly kind: "directory"; readonly path: string }
  | { readonly kind: "file"; readonly path: string; readonly executable: boolean }
  /** A symbolic link; nothing lies below it, and it stays inside. */
  | { readonly kind: "link"; readonly path: string; readonly target: string }
  /** The same file as an earlier one. */
  | { readonly kind: "same"; readonly path: string; readonly as: string };

/**
 * Judges the members of one archive, in their order; undefined for the folder itself. Whoever extracts what it lets pass writes nowhere else:
 * a path has only plain parts and never leads through a link, and a link's target goes up first and then down, so that it can be judged by its text.
 * A file that comes twice is taken for the last one, as every tar does.
 */
export function judgeMembers(refuse: Refuse): (entry: TarEntry) => Member | undefined {
  const kinds = new Map<string, Member["kind"]>();
  return (entry) => {
    if (entry.name.includes("\ufffd")) refuse(`has a member whose name is not UTF-8: \`${printName(entry.name)}\``);
    const path = plainPath(entry.name) ?? refuse(`has a member outside its folder: \`${printName(entry.name)}\``);
    const member = readMember(entry, path, kinds, refuse);
    if (path === "") return member?.kind === "directory" ? undefined : refuse(`has a member outside its folder: \`${printName(entry.name)}\``);
    for (let above = posix.dirname(path); above !== "."; above = posix.dirname(above)) {
      if ((kinds.get(above) ?? "directory") !== "directory") refuse(`has a member below one that is no directory: \`${path}\``);
      kinds.set(above, "directory");
    }
    const before = kinds.get(path);
    if (before !== undefined && !(before === "directory" && member.kind === "directory") && !(isFile(before) && isFile(member.kind))) refuse(`has two members of different kinds by one name: \`${path}\``);
    kinds.set(path, member.kind);
    return member;
  };
}

function isFile(kind: Member["kind"]): boolean {
  return kind === "file" || kind === "same";
}

function readMember({ name, type, target, mode }: TarEntry, path: string, kinds: ReadonlyMap<string, Member["kind"]>, refuse: Refuse): Member {
  switch (type) {
    case "0":
      return { kind: "file", path, executable: (mode & 0o111) !== 0 };
    case "1": {
      const as = plainPath(target) ?? refuse(`has a link that leaves its folder: \`${printName(name)}\` to \`${printName(target)}\``);
      if (as === path || !["file", "same"].includes(kinds.get(as) ?? "")) refuse(`has a link to a file that is not in it: \`${printName(name)}\` to \`${printName(target)}\``);
      return { kind: "same", path, as };
    }
    case "2":
      if (!staysInside(path, target)) refuse(`has a link that leaves its folder: \`${printName(name)}\` to \`${printName(target)}\``);
      return { kind: "link", path, target };
    case "5":
      return { kind: "directory", path };
    default:
      return refuse(`has a member that is neither file, directory nor link: \`${printName(name)}\``);
  }
}

/** `./a/b/` as `a/b`; "" for the folder itself, and undefined for what is not below it. */
function plainPath(name: string): string | undefined {
  const path = name.replace(/^(?:\.\/+)+/, "").replace(/^\.$/, "").replace(/\/+$/, "");
  if (path === "") return name.startsWith("/") ? undefined : "";
  return !path.includes("\0") && path.split("/").every((part) => part !== "" && part !== "." && part !== "..") ? path : undefined;
}

function staysInside(path: string, target: string): boolean {
  const parts = target.replace(/\/+$/, "").split("/");
  const up = parts.findIndex((part) => part !== "..");
  const down = up < 0 ? [] : parts.slice(up);
  const depth = path.split("/").length - 1;
  return !/[\0\ufffd]/.test(target) && down.every((part) => part !== "" && part !== "..") && (up < 0 ? parts.length : up) <= depth;
}

/** Nothing in it may reach a terminal as more than text. */
function printName(name: string): string {
  return name.replaceAll(/\p{C}/gu, "?").slice(0, 200);
}
