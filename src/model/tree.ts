import type { Descriptor, Digest } from "./digest.ts";

/** The first segment of a path in a tree; scheme-relative, so that no tree names a Python version. */
export type Area = "site" | "bin" | "data" | "include" | "root";

/** Where the bytes of a file come from; never part of what the file is. */
export type Source =
  | { readonly from: "blob"; readonly blob: Digest }
  | { readonly from: "member"; readonly blob: Digest; readonly member: string }
  | { readonly from: "inline"; readonly text: string };

/** One path of a tree. A link's target is relative and stays inside the tree; a directory is listed only where an empty one matters. */
export type TreeEntry =
  | { readonly kind: "file"; readonly path: string; readonly mode: 0o644 | 0o755; readonly digest: Digest; readonly size: number; readonly source: Source }
  | { readonly kind: "link"; readonly path: string; readonly target: string }
  | { readonly kind: "directory"; readonly path: string };

/**
 * Installed files as data: sorted bytewise by path, no duplicates, no file where another needs a directory.
 * Independent of destination, Python minor, user, time, whether it was asked for, and bytecode.
 */
export interface Tree {
  readonly schema: "caisson.tree/1";
  readonly id: Digest;
  readonly entries: readonly TreeEntry[];
}

/** A tree by its id and by its document (the canonical JSON of a `Tree`), which is a blob of its own. */
export interface TreeRef {
  readonly id: Digest;
  readonly document: Descriptor;
}

/** What a tree's id is the SHA-256 of, as canonical JSON: its entries without `source`, for where bytes come from is not what they are. */
export function treeIdentity(entries: readonly TreeEntry[]): readonly unknown[] {
  return entries.map((entry) => {
    if (entry.kind !== "file") return entry;
    const { source: _, ...rest } = entry;
    return rest;
  });
}
