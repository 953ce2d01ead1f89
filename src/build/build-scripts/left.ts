import { createReadStream } from "node:fs";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { compareBytewise, fail, mediaTypes, type Additions, type Descriptor, type Package, type Tree, type TreeEntry } from "../../model/index.ts";
import { ownDataNames } from "../../formats/index.ts";
import type { Store } from "../../store/index.ts";
import { treeId, walk } from "../../system/index.ts";
import type { Scene } from "./run-script.ts";

/**
 * What scripts have left for install.sh, now in the store; undefined where that is nothing. Empty directories are not kept.
 * @throws CaissonError `build-failed` for what is neither file nor directory, or has a name that a bundle cannot have there
 */
export async function readLeft(store: Store, pkg: Package, { data, installScript }: Scene): Promise<Additions | undefined> {
  const text = await readFile(installScript, "utf8").catch(() => "");
  const lines = text.trim() === "" ? undefined : await store.write(text.endsWith("\n") ? text : `${text}\n`, undefined, mediaTypes.bytes);
  const files = await readData(store, pkg, data);
  return lines === undefined && files === undefined ? undefined : { ...(lines === undefined ? {} : { lines }), ...(files === undefined ? {} : { files }) };
}

async function readData(store: Store, pkg: Package, directory: string): Promise<Additions["files"]> {
  const blobs = new Map<string, Descriptor>();
  const entries: TreeEntry[] = [];
  for (const path of await readdir(directory, { recursive: true })) checkName(pkg, path);
  for await (const { path, kind, mode, size } of walk(directory)) {
    if (kind === "directory") continue;
    if (kind !== "file") fail({ code: "build-failed", message: `the build scripts of \`${pkg.written}\` left \`${path}\` in DATA_DIR, which is neither a file nor a directory`, hint: "put a copy in its place: cp -rL" });
    const blob = await store.write(createReadStream(join(directory, path)), { size }, mediaTypes.bytes);
    blobs.set(blob.digest, blob);
    entries.push({ kind: "file", path: `root/${path}`, mode: (mode & 0o111) === 0 ? 0o644 : 0o755, digest: blob.digest, size, source: { from: "blob", blob: blob.digest } });
  }
  if (entries.length === 0) return undefined;
  const sorted = entries.toSorted((a, b) => compareBytewise(a.path, b.path));
  const tree: Tree = { schema: "caisson.tree/1", id: treeId(sorted), entries: sorted };
  return { tree: { id: tree.id, document: await store.writeJson(tree, mediaTypes.tree) }, blobs: [...blobs.values()].toSorted((a, b) => compareBytewise(a.digest, b.digest)) };
}

/** It lies in the bundle's `data/`, beside what is ours there, and has to pass through every container. */
function checkName(pkg: Package, path: string): void {
  if (ownDataNames.includes(path)) fail({ code: "build-failed", message: `the build scripts of \`${pkg.written}\` left \`${path}\` in DATA_DIR, where a bundle has one of its own`, hint: `other names than ${ownDataNames.join(", ")}` });
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  if (/[\x00-\x1f\\\ufffd]/.test(path)) fail({ code: "build-failed", message: `the build scripts of \`${pkg.written}\` left ${JSON.stringify(path)} in DATA_DIR, a name that an archive cannot have everywhere`, hint: NAMES });
}

const NAMES = "names are UTF-8 without backslashes or control characters";
