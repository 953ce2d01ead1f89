import { readlink } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import { compareBytewise, fail, mediaTypes, type Descriptor, type Package, type Tree, type TreeEntry } from "../../model/index.ts";
import type { Store } from "../../store/index.ts";
import { mapConcurrently, readBriefly, treeId, walk, type WalkEntry } from "../../system/index.ts";
import type { Content } from "./payload.ts";

/**
 * A `files` package: all files of its directory, below its prefix, as one tree; their bytes go into the store.
 * Only `.git` is left out, and the package's own build scripts. Empty directories are not kept, since git keeps none.
 * @throws CaissonError `build-failed` for a link that leaves the directory, for what is neither file nor link, or where there is nothing
 */
export async function readFilesPackage(store: Store, pkg: Package, directory: string): Promise<Extract<Content, { readonly kind: "files" }>> {
  const found: WalkEntry[] = [];
  const scripts = pkg.kind === "files" ? [pkg.preBuild, pkg.postBuild] : [];
  for await (const entry of walk(directory, (path) => !isGit(path))) if (entry.kind !== "directory" && !isGit(entry.path) && !scripts.includes(entry.path)) found.push(entry);
  if (found.length === 0) fail({ code: "build-failed", message: `there are no files in the directory of \`${pkg.written}\``, hint: "empty directories are not kept; put something there, or take the package away" });
  const blobs: Descriptor[] = [];
  const entries = await mapConcurrently(found, 8, async (entry): Promise<TreeEntry> => {
    const path = posix.join("root", pkg.prefix, entry.path);
    if (entry.kind === "link") return { kind: "link", path, target: await readInnerLink(pkg, directory, entry.path) };
    if (entry.kind !== "file") return fail({ code: "build-failed", message: `\`${entry.path}\` of \`${pkg.written}\` is neither a file nor a link` });
    const blob = await store.write(readBriefly(join(directory, entry.path)), { size: entry.size }, mediaTypes.bytes);
    blobs.push(blob);
    return { kind: "file", path, mode: (entry.mode & 0o111) === 0 ? 0o644 : 0o755, digest: blob.digest, size: blob.size, source: { from: "blob", blob: blob.digest } };
  });
  const sorted = entries.toSorted((a, b) => compareBytewise(a.path, b.path));
  const tree: Tree = { schema: "caisson.tree/1", id: treeId(sorted), entries: sorted };
  return { kind: "files", tree, document: await store.writeJson(tree, mediaTypes.tree), blobs };
}

function isGit(path: string): boolean {
  return path === ".git" || path.endsWith("/.git");
}

/** A link works on a host only if what it points at comes along. */
async function readInnerLink(pkg: Package, directory: string, path: string): Promise<string> {
  const target = await readlink(join(directory, path));
  const inside = posix.normalize(posix.join(dirname(path), target));
  if (posix.isAbsolute(target) || inside === ".." || inside.startsWith("../")) {
    fail({ code: "build-failed", message: `the link \`${path}\` of \`${pkg.written}\` leaves its directory: \`${target}\``, hint: "make it relative to a file of the package, or put a copy in its place" });
  }
  return target;
}
