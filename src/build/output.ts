import { lstat, readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CaissonError, digestHex, fail, type Artifact, type Digest, type FormatName, type Tree, type TreeEntry } from "../model/index.ts";
import type { Store } from "../store/index.ts";
import { explainFileError, makeDirectory, removeAbandoned, ownedDirectory, walk, writeDurably, type Context } from "../system/index.ts";
import { archiveBytes } from "./artifact.ts";
import type { Drafts } from "./drafts.ts";
import { isFile } from "./known-file.ts";

/**
 * Put an artifact where people look for it, with its `.sha256` file beside it, which `sha256sum -c` reads: one line, or for a directory one for each of its files. What is there already and right stays as it is.
 * Returns the path, and whether something had to be written.
 */
export async function placeArtifact(ctx: Context, store: Store, artifact: Artifact, directory: string, drafts: Drafts): Promise<{ readonly path: string; readonly changed: boolean }> {
  const path = join(directory, artifact.fileName);
  await makeDirectory(directory);
  await removeAbandoned(".tmp", directory);
  return { path, changed: DIRECTORIES.includes(artifact.format) ? await placeDirectory(ctx, store, artifact, path) : await placeFile(ctx, store, artifact, path, drafts) };
}

/** Formats that are no file. */
const DIRECTORIES: readonly FormatName[] = ["dir", "wheelhouse"];

async function placeFile(ctx: Context, store: Store, artifact: Artifact, path: string, drafts: Drafts): Promise<boolean> {
  const { content, fileName } = artifact;
  const written = await drafts.place(fileName, content.digest);
  const stands = !written && (await isFile(ctx, path, content));
  if (!written && !stands) await makeAgain(ctx, store, artifact, path, drafts);
  await placeSums(path, [[content.digest, fileName]]);
  return !stands;
}

/** @throws CaissonError `blob-missing` · `digest-mismatch` */
async function makeAgain(ctx: Context, store: Store, artifact: Artifact, path: string, drafts: Drafts): Promise<void> {
  const { content, fileName } = artifact;
  if (content.files === undefined) return await store.copyTo(content.digest, path, 0o644);
  const { digest } = await drafts.write(fileName, await archiveBytes(ctx, store, artifact, content.files));
  if (!(await drafts.place(fileName, content.digest))) fail({ code: "digest-mismatch", message: `\`${fileName}\` is \`${content.digest}\`, and its files come to \`${digest}\``, hint: "`caisson store clean --caches` forgets what was built; the next build makes it anew" });
}

async function placeSums(path: string, files: readonly (readonly [digest: Digest, name: string])[]): Promise<void> {
  const text = files.map(([digest, name]) => `${digestHex(digest)}  ${name}\n`).join("");
  if ((await readFile(`${path}.sha256`, "utf8").catch(() => "")) !== text) await writeDurably(`${path}.sha256`, text);
}

/** The directory is made beside its place, and takes it when it is whole. */
async function placeDirectory(ctx: Context, store: Store, { content, fileName }: Artifact, path: string): Promise<boolean> {
  const tree = await store.readJson<Tree>(content.digest);
  const files = new Map(tree.entries.flatMap((entry) => (entry.kind === "file" ? [[withoutArea(entry.path), entry] as const] : [])));
  const stands = await isDirectory(ctx, path, files);
  if (!stands) await makeDirectoryOf(store, files, path);
  await placeSums(path, [...files].map(([name, { digest }]) => [digest, `${fileName}/${name}`]));
  return !stands;
}

type Files = ReadonlyMap<string, Extract<TreeEntry, { readonly kind: "file" }>>;

async function makeDirectoryOf(store: Store, files: Files, path: string): Promise<void> {
  // What a build that was killed left here goes with the next one.
  await using room = await ownedDirectory(".making", dirname(path));
  const [made, old] = [join(room.path, "new"), join(room.path, "old")];
  try {
    for (const [name, { digest, mode }] of files) {
      const file = join(made, name);
      await makeDirectory(dirname(file));
      await store.copyTo(digest, file, mode);
    }
    const stood = await rename(path, old).then(() => true, () => false);
    await rename(made, path).catch(async (error: unknown) => {
      if (stood) await rename(old, path);
      throw error;
    });
  } catch (error) {
    // The place that people know, and not the one beside it.
    throw error instanceof CaissonError && error.cause !== undefined ? explainFileError(error.cause, path) : error;
  }
}

/** It has these files and no others, not even an empty directory more. */
async function isDirectory(ctx: Context, path: string, wanted: Files): Promise<boolean> {
  if ((await lstat(path).catch(() => undefined))?.isDirectory() !== true) return false;
  const parents = new Set([...wanted.keys()].flatMap((name) => [...name.matchAll(/\//g)].map(({ index }) => name.slice(0, index))));
  let found = 0;
  for await (const { kind, path: name, mode } of walk(path)) {
    if (kind === "directory" && parents.has(name)) continue;
    const entry = wanted.get(name);
    if (kind !== "file" || entry === undefined || entry.mode !== mode || !(await isFile(ctx, join(path, name), entry))) return false;
    found += 1;
  }
  return found === wanted.size;
}

/** A bundle's files stand in a tree's area `root`. */
function withoutArea(path: string): string {
  return path.slice("root/".length);
}
