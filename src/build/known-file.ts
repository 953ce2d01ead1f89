import { lstat, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { digestHex, type Descriptor, type Digest } from "../model/index.ts";
import { hashFile, makeDirectory, sha256, takeOwner, type Context } from "../system/index.ts";
import { cacheDirectory } from "./cache.ts";

/**
 * Whether a file has these bytes. A large one is hashed once and then known by what the file system says of it, as git knows the files of a work tree:
 * who writes to a file, or puts another in its place, moves the time at which its inode last changed, and nobody can set that back.
 */
export async function isFile(ctx: Context, path: string, { digest, size }: Pick<Descriptor, "digest" | "size">): Promise<boolean> {
  // Before it is read, so that what is written meanwhile shows.
  const found = await identify(path);
  if (found?.size !== size) return false;
  if (size < WORTH_A_NOTE) return (await hashFile(path)).digest === digest;
  const text = printNote(digest, found);
  const note = notePath(ctx, path);
  if ((await readFile(note, "utf8").catch(() => "")) === text) return true;
  if ((await hashFile(path)).digest !== digest) return false;
  if (found.settled) await writeNote(note, text);
  return true;
}

/** Bytes; below, hashing costs no more than looking for a note. */
const WORTH_A_NOTE = 4 << 20;

/** A file as the file system knows it. */
interface Identity {
  readonly size: number;
  /** The clock has ticked since its inode last changed: another change would show. */
  readonly settled: boolean;
  /** Device, inode, and both times in nanoseconds. */
  readonly words: readonly string[];
}

/** Undefined for what is no file. */
async function identify(path: string): Promise<Identity | undefined> {
  const found = await lstat(path, { bigint: true }).catch(() => undefined);
  if (found?.isFile() !== true) return undefined;
  return { size: Number(found.size), settled: Date.now() - Number(found.ctimeMs) >= TICK, words: [found.dev, found.ino, found.mtimeNs, found.ctimeNs].map(String) };
}

function printNote(digest: Digest, { size, words }: Identity): string {
  return `${[digest, size, ...words].join(" ")}\n`;
}

function notePath(ctx: Context, path: string): string {
  return join(cacheDirectory(ctx), "known-files", digestHex(sha256(path)).slice(0, 32));
}

/** Not waited for by the disk, and not missed: what cannot be read as it was written is no note. */
async function writeNote(path: string, text: string): Promise<void> {
  try {
    await makeDirectory(dirname(path));
    await writeFile(path, text);
    await takeOwner(path);
  } catch {
    // A cache that cannot be written costs time, and nothing else.
  }
}

/** Milliseconds that are more than any file system's clock takes to tick. */
const TICK = 100;
