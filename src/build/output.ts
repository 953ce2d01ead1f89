import { lstat, readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { digestHex, type Artifact, type Descriptor, type Tree } from "../model/index.ts";
import type { Store } from "../store/index.ts";
import { hashFile, makeDirectory, removeTree, temporaryBeside, walk, writeDurably } from "../system/index.ts";

/**
 * Put an artifact where people look for it, with its `.sha256` file beside it. What is there already and right stays as it is.
 * Returns the path, and whether something had to be written.
 */
export async function placeArtifact(store: Store, artifact: Artifact, directory: string): Promise<{ readonly path: string; readonly changed: boolean }> {
  const path = join(directory, artifact.fileName);
  await makeDirectory(directory);
  const changed = artifact.format === "dir" ? await placeDirectory(store, artifact.content, path) : await placeFile(store, artifact, path);
  return { path, changed };
}

async function placeFile(store: Store, { content, fileName }: Artifact, path: string): Promise<boolean> {
  const stands = await isFile(path, content);
  if (!stands) await store.copyTo(content.digest, path, 0o644);
  const line = `${digestHex(content.digest)}  ${fileName}\n`;
  if ((await readFile(`${path}.sha256`, "utf8").catch(() => "")) !== line) await writeDurably(`${path}.sha256`, line);
  return !stands;
}

async function isFile(path: string, { digest, size }: Pick<Descriptor, "digest" | "size">): Promise<boolean> {
  const stat = await lstat(path).catch(() => undefined);
  return stat?.isFile() === true && stat.size === size && (await hashFile(path)).digest === digest;
}

/** The directory is made beside its place, and takes it when it is whole. */
async function placeDirectory(store: Store, document: Descriptor, path: string): Promise<boolean> {
  const tree = await store.readJson<Tree>(document.digest);
  if (await isDirectory(path, tree)) return false;
  const made = temporaryBeside(path);
  const old = temporaryBeside(path);
  try {
    for (const entry of tree.entries) {
      if (entry.kind !== "file") continue;
      const file = join(made, withoutArea(entry.path));
      await makeDirectory(dirname(file));
      await store.copyTo(entry.digest, file, entry.mode);
    }
    await rename(path, old).catch(() => undefined);
    await rename(made, path);
  } finally {
    await Promise.all([removeTree(made), removeTree(old)]);
  }
  return true;
}

async function isDirectory(path: string, tree: Tree): Promise<boolean> {
  const wanted = new Map(tree.entries.flatMap((entry) => (entry.kind === "file" ? [[withoutArea(entry.path), entry] as const] : [])));
  if ((await lstat(path).catch(() => undefined))?.isDirectory() !== true) return false;
  let found = 0;
  for await (const { kind, path: name, mode } of walk(path)) {
    if (kind === "directory") continue;
    const entry = wanted.get(name);
    if (kind !== "file" || entry === undefined || entry.mode !== mode || !(await isFile(join(path, name), entry))) return false;
    found += 1;
  }
  return found === wanted.size;
}

/** A bundle's files stand in a tree's area `root`. */
function withoutArea(path: string): string {
  return path.slice("root/".length);
}
