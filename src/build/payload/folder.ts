import { posix } from "node:path";
import { compareBytewise, mediaTypes, type Package, type Tree, type TreeEntry } from "../../model/index.ts";
import type { Store } from "../../store/index.ts";
import { sha256, treeId } from "../../system/index.ts";
import { readFilesPackage } from "./files.ts";
import type { Content } from "./payload.ts";

/** Where the files of a folder lie in the release. */
const PLACE = "app";

/** From site-packages, which lies in lib/pythonX.Y, to that place. */
const FROM_SITE = `../../../${PLACE}\n`;

/** Files that say what a folder needs, and are none of what it does. */
const ABOUT = /^(?:requirements[^/]*\.txt|pylock(?:\.[^/]+)?\.toml|uv\.lock|caisson\.toml|VERSION|\..*)$/;

/**
 * The files of an application that is a folder with a requirements.txt: they lie in `app/` as they lie in the folder, and its modules can be imported.
 * Undefined where it is nothing but requirements.
 * @throws CaissonError `build-failed` as for a package of files
 */
export async function readFolder(store: Store, pkg: Package, directory: string): Promise<Extract<Content, { readonly kind: "files" }> | undefined> {
  const { tree, blobs } = await readFilesPackage(store, { ...pkg, prefix: PLACE }, directory);
  const own = tree.entries.filter(({ path }) => !ABOUT.test(path.slice(posix.join("root", PLACE, "/").length)));
  if (own.length === 0) return undefined;
  const path: TreeEntry = { kind: "file", path: `site/${pkg.name}.pth`, mode: 0o644, digest: sha256(FROM_SITE), size: FROM_SITE.length, source: { from: "inline", text: FROM_SITE } };
  const entries = [...own, path].toSorted((a, b) => compareBytewise(a.path, b.path));
  const whole: Tree = { schema: "caisson.tree/1", id: treeId(entries), entries };
  const used = new Set(entries.map((entry) => (entry.kind === "file" ? entry.digest : undefined)));
  return { kind: "files", tree: whole, document: await store.writeJson(whole, mediaTypes.tree), blobs: blobs.filter(({ digest }) => used.has(digest)) };
}
