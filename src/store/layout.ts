import { randomBytes } from "node:crypto";
import { utimesSync } from "node:fs";
import { lstat, readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { compareBytewise, digestHex, fail, parseDigest, type Digest, type EpochSeconds } from "../model/index.ts";
import { errorCode, makeDirectory, syncPath } from "../system/index.ts";

/** The kinds of names a store keeps. `actions`, `distributions` and `locks` are caches: what they say can be found out again. */
export type RefKind = "artifacts" | "stacks" | "interpreters" | "plans" | "actions" | "distributions" | "locks";

export const refKinds: readonly RefKind[] = ["artifacts", "stacks", "interpreters", "plans", "actions", "distributions", "locks"];

export function isCache(kind: RefKind): boolean {
  return kind === "actions" || kind === "distributions" || kind === "locks";
}

/** Where blobs lie in a store. */
export function blobsDirectory(store: string): string {
  return join(store, "blobs", "sha256");
}

/** Where a sweep puts a blob before it looks at it once more and removes it. */
export function trashDirectory(store: string): string {
  return join(store, "trash");
}

export function refsDirectory(store: string, kind: RefKind): string {
  return join(store, "refs", kind);
}

/** A path is made of checked digits only, wherever the digest came from. */
export function blobPath(store: string, blob: Digest): string {
  return join(blobsDirectory(store), checkedHex(blob));
}

export function trashPath(store: string, blob: Digest): string {
  return join(trashDirectory(store), checkedHex(blob));
}

/** The blobs that are here, bytewise. */
export async function listBlobs(store: string): Promise<readonly Digest[]> {
  const names = (await readdir(blobsDirectory(store))).toSorted(compareBytewise);
  return names.flatMap((name) => parseDigest(`sha256:${name}`) ?? []);
}

function checkedHex(blob: Digest): string {
  if (parseDigest(blob) === undefined) fail({ code: "digest-mismatch", message: `\`${blob}\` is not a SHA-256 digest` });
  return digestHex(blob);
}

function temporaryDirectory(store: string): string {
  return join(store, "tmp");
}

/** A file of ours that nobody else knows, on the file system of the blobs. The owner's id tells a later run whether it is still being written. */
export function temporaryPath(store: string): string {
  return join(temporaryDirectory(store), `${process.pid}-${randomBytes(16).toString("hex")}`);
}

/** Make a store's directories where they are missing, and their names durable. `tmp` is made last: where it is, the others are safe. */
export async function makeLayout(store: string): Promise<void> {
  if (!(await isThere(blobsDirectory(store)))) await refuseOthers(store);
  const directories = [blobsDirectory(store), ...refKinds.map((kind) => refsDirectory(store, kind)), trashDirectory(store)];
  const made: string[] = [];
  // One after the other: each belongs to whom the one around it belongs. The store's own first, so that a file in its place is called by its name.
  for (const directory of [store, ...directories]) made.push(...[await makeDirectory(directory)].filter((path) => path !== undefined));
  if (made.length > 0 || !(await isThere(temporaryDirectory(store)))) {
    const top = [store, ...made.map(dirname)].reduce((shortest, path) => (path.length < shortest.length ? path : shortest));
    for (const directory of new Set(directories.flatMap((path) => ancestors(path, top)))) await syncPath(directory);
  }
  await makeDirectory(temporaryDirectory(store));
}

/** A directory in which something else lies was hardly meant. */
async function refuseOthers(store: string): Promise<void> {
  const other = (await readdir(store).catch(() => [])).find((name) => name !== "lost+found" && name !== "blobs");
  if (other !== undefined) fail({ code: "usage", message: `\`${store}\` is no store, and something lies in it: \`${other}\``, hint: "name a store, or a directory that is empty or not there: --store DIR" });
}

/** The directories from the one that holds `path` up to `top`. */
function ancestors(path: string, top: string): readonly string[] {
  return path === top ? [] : [dirname(path), ...ancestors(dirname(path), top)];
}

async function isThere(path: string): Promise<boolean> {
  return (await modified(path, Infinity)) !== Infinity;
}

/** A writer that died leaves its file in `tmp/`; a living one changes it within the hour. */
const ABANDONED_AFTER = 3600;

/** Remove what dead writers left behind. */
export async function sweepTemporary(store: string, now: EpochSeconds): Promise<void> {
  const directory = temporaryDirectory(store);
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    const age = now - (await modified(path, now));
    if (age > ABANDONED_AFTER && !isAlive(Number(name.split("-")[0]))) await rm(path, { force: true });
  }
}

async function modified(path: string, otherwise: EpochSeconds): Promise<EpochSeconds> {
  try {
    return (await lstat(path)).mtimeMs / 1000;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return otherwise;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) !== "ESRCH";
  }
}

/**
 * Say that a file is in use, so that no sweep takes it; false where it is gone.
 * Who may only read a store cannot say so, and reads without.
 */
export async function touch(path: string, now: EpochSeconds): Promise<boolean> {
  try {
    // At once: a build asks for hundreds of blobs, and a trip to the thread pool costs ten times the call.
    utimesSync(path, now, now);
    return true;
  } catch (error) {
    const code = errorCode(error) ?? "";
    if (code === "ENOENT") return false;
    if (["EACCES", "EPERM", "EROFS"].includes(code)) return true;
    throw error;
  }
}
