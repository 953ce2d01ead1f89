import { randomBytes } from "node:crypto";
import { constants, readlinkSync } from "node:fs";
import { chmod, link, lstat, mkdir, mkdtemp, open, readdir, realpath, rename, rm, stat, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { CaissonError, compareBytewise, fail, type Bytes } from "../model/index.ts";
import { takeOwner } from "./owner.ts";

/**
 * Write a file whole: under a temporary name beside it, synced, renamed, and its directory synced. Nobody sees a part of it.
 * @throws CaissonError `disk-full` · `permission` · `ref-exists` where `exclusive` and it is there
 */
export async function writeDurably(path: string, bytes: Bytes | Uint8Array | string, options: { readonly mode?: number; readonly exclusive?: boolean } = {}): Promise<void> {
  const temporary = temporaryBeside(path);
  try {
    const file = await open(temporary, "wx", options.mode ?? 0o644);
    try {
      // FileHandle.writeFile takes streams; @types/node does not know it.
      await file.writeFile(bytes as string);
      if (options.mode !== undefined) await file.chmod(options.mode);
      await file.sync();
    } finally {
      await file.close();
    }
    await takeOwner(temporary);
    if (options.exclusive === true) {
      if ((await linkExclusive(temporary, path)) === "exists") fail({ code: "ref-exists", message: `\`${path}\` exists already` });
      await unlink(temporary);
    } else {
      await rename(temporary, path);
    }
    await syncPath(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw explainFileError(error, path);
  }
}

/**
 * Make a directory, and those above it where they are missing; returns the uppermost that was made.
 * Node's own way says "no such file" of a disk that is read-only, and never ends where a file system says it of everything.
 * @throws CaissonError `disk-full` · `permission`
 */
export async function makeDirectory(path: string): Promise<string | undefined> {
  let first = path;
  try {
    await mkdir(path).catch(async (error: unknown) => {
      if (errorCode(error) !== "ENOENT" || dirname(path) === path) throw error;
      first = (await makeDirectory(dirname(path))) ?? path;
      await mkdir(path);
    });
    await takeOwner(path);
    return first;
  } catch (error) {
    if (errorCode(error) === "EEXIST" && (await stat(path).catch(() => undefined))?.isDirectory() === true) return first === path ? undefined : first;
    throw explainFileError(error, path);
  }
}

/** Whether a path leads out of a directory; both are absolute. */
export function isOutside(directory: string, path: string): boolean {
  const inside = relative(directory, path);
  return inside === ".." || inside.startsWith(`..${sep}`);
}

/** A name in the same directory that nobody else uses. */
export function temporaryBeside(path: string): string {
  return join(dirname(path), `.tmp-${processSpace()}-${process.pid}-${randomBytes(8).toString("hex")}`);
}

/** Those among whom a process's number means something: a container may share a directory and not the numbers. */
export function processSpace(): string {
  try {
    return (space ??= /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? "0");
  } catch {
    return (space = "0");
  }
}

let space: string | undefined;

/** Give a file a second name, unless the name is taken. Atomic among any number of writers. */
export async function linkExclusive(from: string, to: string): Promise<"made" | "exists"> {
  try {
    await link(from, to);
    return "made";
  } catch (error) {
    if (errorCode(error) === "EEXIST") return "exists";
    throw error;
  }
}

/** Make a directory's names, or a file's bytes, durable. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export interface WalkEntry {
  /** Relative to the start, with forward slashes. */
  readonly path: string;
  readonly kind: "file" | "link" | "directory" | "other";
  readonly mode: number;
  readonly size: number;
}

/** Everything below a directory, depth first, bytewise by name; links are not followed. `enter` may refuse a directory. What somebody removes meanwhile is left out. */
export async function* walk(directory: string, enter: (path: string) => boolean = () => true, below = ""): AsyncIterable<WalkEntry> {
  const names = (await readdir(join(directory, below)).catch((error: unknown) => (below === "" ? Promise.reject(error) : unlessGone(error)))) ?? [];
  for (const name of names.toSorted(compareBytewise)) {
    const path = below === "" ? name : `${below}/${name}`;
    const found = await lstat(join(directory, path)).catch(unlessGone);
    if (found === undefined) {
      refuseUnreadableName(path);
      continue;
    }
    const kind = found.isFile() ? "file" : found.isSymbolicLink() ? "link" : found.isDirectory() ? "directory" : "other";
    yield { path, kind, mode: found.mode & 0o7777, size: found.size };
    if (kind === "directory" && enter(path)) yield* walk(directory, enter, path);
  }
}

/** @throws what says anything else than that a file is not there any more */
function unlessGone(error: unknown): undefined {
  if (!["ENOENT", "ENOTDIR"].includes(errorCode(error) ?? "")) throw error;
}

/**
 * Refuse a path that was listed and is not there, because its bytes are no UTF-8 and came back as other ones.
 * @throws CaissonError `build-failed`
 */
export function refuseUnreadableName(path: string): void {
  if (path.includes("\uFFFD")) fail({ code: "build-failed", message: `the name of a file is not UTF-8: \`${path}\``, hint: "give it another name" });
}

/** A directory that is removed when its owner is done, whatever happened: `await using scratch = await temporaryDirectory(...)`. */
export interface TemporaryDirectory extends AsyncDisposable {
  /** Absolute, without links. */
  readonly path: string;
}

/** Made in `parent`, by default where the system keeps temporary files. */
export async function temporaryDirectory(prefix: string, parent: string = tmpdir()): Promise<TemporaryDirectory> {
  await makeDirectory(parent);
  const made = await mkdtemp(join(parent, `${prefix}-`)).catch((error: unknown) => {
    throw explainFileError(error, parent);
  });
  const path = await realpath(made);
  return { path, [Symbol.asyncDispose]: () => removeTree(path) };
}

/** Remove a directory with everything in it, also where directories in it are read-only. */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    if (!["EACCES", "EPERM"].includes(errorCode(error) ?? "")) throw error;
    await makeWritable(path);
    await rm(path, { recursive: true, force: true });
  }
}

async function makeWritable(path: string): Promise<void> {
  await chmod(path, 0o755);
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (entry.isDirectory()) await makeWritable(join(path, entry.name));
  }
}

/** A file system's refusal in our words; anything else is handed back as it is. */
export function explainFileError(error: unknown, path: string): unknown {
  switch (errorCode(error)) {
    case "ENOSPC":
    case "EDQUOT":
      return new CaissonError([{ code: "disk-full", message: `no space left while writing \`${path}\``, hint: `make room (df ${placeOf(path)}) and run the same command again` }], error);
    case "EACCES":
    case "EPERM":
      return new CaissonError([{ code: "permission", message: `may not write \`${path}\``, hint: `check the owner and mode of \`${placeOf(path)}\`, or choose another place` }], error);
    case "EROFS":
      return new CaissonError([{ code: "permission", message: `may not write \`${path}\`: its disk is mounted read-only`, hint: "mount it for writing, or choose another place" }], error);
    case "ENOTDIR":
    case "EEXIST":
    case "EISDIR":
      return new CaissonError([{ code: "permission", message: `cannot write \`${path}\`: something else has that name, or one above it`, hint: "move it away, or choose another place" }], error);
    case "ENAMETOOLONG":
      return new CaissonError([{ code: "permission", message: `cannot write \`${path}\`: the name is too long for this file system`, hint: "choose a shorter one" }], error);
    case "ENOENT":
      // What Node's recursive mkdir says of a disk that is read-only.
      if (!(error instanceof Error && "syscall" in error && error.syscall === "mkdir")) return error;
      return new CaissonError([{ code: "permission", message: `cannot make \`${path}\`: the disk takes no new names there`, hint: "is it mounted read-only? Choose another place" }], error);
    case "EIO":
      return new CaissonError([{ code: "disk-full", message: `the disk refused to write \`${path}\``, hint: "the kernel's log (dmesg) says why" }], error);
    default:
      return error;
  }
}

/** The directory of a file, or the one that a temporary directory around it lay in: that one is gone when somebody reads of it. */
function placeOf(path: string): string {
  return dirname(path.replace(new RegExp(`/[^/]*-${processSpace()}-\\d+-\\w+(?=/).*$`, "s"), "/x"));
}

/** The code of a system error, `ENOENT`; undefined for anything else. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** The absolute path of a file that is shipped with Caisson itself, `dist/agent.py`. */
export function ownPath(name: string): string {
  return fileURLToPath(new URL(`../../${name}`, import.meta.url));
}
