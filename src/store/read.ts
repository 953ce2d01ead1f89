import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, readSync } from "node:fs";
import { chmod, copyFile, open, rename, rm, type FileHandle } from "node:fs/promises";
import { CaissonError, fail, type Bytes, type Digest, type EpochSeconds } from "../model/index.ts";
import { errorCode, explainFileError, hashFile, readWholeText, sha256, takeOwner, temporaryBeside } from "../system/index.ts";
import { blobPath, touch, trashPath } from "./layout.ts";

/** A blob under a reader's hands: its digest was right when it was opened. */
export interface OpenBlob extends AsyncDisposable {
  /** Where the bytes lie; read-only, and nobody's to change. */
  readonly path: string;
  readonly size: number;
  /** The open file's number, good until this is disposed of. */
  readonly descriptor: number;
  /** The bytes from `offset` on, `length` of them or fewer where the blob ends. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

const CHUNK = 1 << 16;
const BRIEF_CHUNK = 1 << 19;

/** The blob's bytes, hashed on the way out; the last chunk comes only when the digest is right. */
export async function* readBlob(store: string, blob: Digest, brief = false): Bytes {
  const hash = createHash("sha256");
  let held: Uint8Array | undefined;
  for await (const chunk of brief ? briefChunksOf(store, blob) : chunksOf(store, blob)) {
    hash.update(chunk);
    if (held !== undefined) yield held;
    held = chunk;
  }
  checkDigest(store, blob, `sha256:${hash.digest("hex")}`);
  if (held !== undefined) yield held;
}

/** A whole document. Small ones are read at once: a build reads hundreds, and each trip to the thread pool costs ten times the call. */
export async function readDocument(store: string, blob: Digest): Promise<string> {
  const bytes = readAtOnce(blobPath(store, blob));
  if (bytes !== undefined) {
    checkDigest(store, blob, sha256(bytes));
    return bytes.toString("utf8");
  }
  return await readWholeText(readBlob(store, blob));
}

/** Bytes of a document that is read without letting others work meanwhile. */
const DOCUMENT_AT_ONCE = 4 << 20;

/** Undefined for one that is large, or not to be read just so. */
function readAtOnce(path: string): Buffer | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    return fstatSync(file).size > DOCUMENT_AT_ONCE ? undefined : readFileSync(file);
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** A blob for random access. It is read whole once, since parts cannot be checked. */
export async function openBlob(store: string, blob: Digest): Promise<OpenBlob> {
  const file = await openFile(store, blob);
  try {
    const { digest, size } = await hashFile(file).catch((error: unknown) => {
      throw explainReadError(error, blobPath(store, blob));
    });
    checkDigest(store, blob, digest);
    return {
      path: blobPath(store, blob),
      size,
      descriptor: file.fd,
      read: (offset, length) => readAt(file, offset, Math.max(0, Math.min(length, size - offset))),
      [Symbol.asyncDispose]: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Whether the blob is here. Who asks is about to refer to it, so that it counts as used. */
export async function hasBlob(store: string, blob: Digest, now: EpochSeconds): Promise<boolean> {
  const path = blobPath(store, blob);
  const stat = statFile(path);
  if (stat !== undefined && stat.mtimeMs / 1000 > now - 1) return true;
  return (stat !== undefined && (await touch(path, now))) || ((await rescue(store, blob)) && (await touch(path, now)));
}

function statFile(path: string): { readonly mtimeMs: number } | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

/** A copy that shares blocks where the file system can; checked, then renamed into place. Not waited for by the disk: it can be made again. */
export async function copyBlob(store: string, blob: Digest, path: string, mode: number): Promise<void> {
  const temporary = temporaryBeside(path);
  try {
    // Opened first, so that a blob that is missing is told from a directory that is.
    await using _ = await openFile(store, blob);
    await copyFile(blobPath(store, blob), temporary, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
    checkDigest(store, blob, (await hashFile(temporary)).digest);
    await chmod(temporary, mode);
    await takeOwner(temporary);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw explainFileError(error, path);
  }
}

async function* chunksOf(store: string, blob: Digest): Bytes {
  await using file = await openFile(store, blob);
  for (let position = 0; ;) {
    const chunk = await readAt(file, position, CHUNK).catch((error: unknown) => {
      throw explainReadError(error, blobPath(store, blob));
    });
    if (chunk.length > 0) yield chunk;
    if (chunk.length < CHUNK) return;
    position += chunk.length;
  }
}

/**
 * Each chunk is good until the next but one is asked for: they lie in two buffers in turn, since a new one for each costs as much as the hashing.
 * Who packs a bundle has nothing else to do meanwhile, and what lies in memory is read sooner than another thread is asked for it.
 */
async function* briefChunksOf(store: string, blob: Digest): Bytes {
  await using file = openAtOnce(store, blob) ?? (await openFile(store, blob));
  const size = Math.min(BRIEF_CHUNK, Math.max(1, fstatSync(file.fd).size));
  let [next, last] = [Buffer.allocUnsafe(size), Buffer.allocUnsafe(size)];
  for (let length = size; length === size;) {
    length = fillAtOnce(file.fd, next, blobPath(store, blob));
    if (length > 0) yield next.subarray(0, length);
    [next, last] = [last, next];
  }
}

/** Undefined where more has to be found out. */
function openAtOnce(store: string, blob: Digest): (AsyncDisposable & { readonly fd: number }) | undefined {
  try {
    const fd = openSync(blobPath(store, blob), constants.O_RDONLY | constants.O_NOFOLLOW);
    return { fd, [Symbol.asyncDispose]: async () => closeSync(fd) };
  } catch {
    return undefined;
  }
}

/** As much as there is, from where the last read ended; says how much. */
function fillAtOnce(file: number, buffer: Buffer, path: string): number {
  try {
    let done = 0;
    for (let count = -1; count !== 0 && done < buffer.length; done += count) count = readSync(file, buffer, done, buffer.length - done, null);
    return done;
  } catch (error) {
    throw explainReadError(error, path);
  }
}

/** As much as there is, from `offset` on. */
async function readAt(file: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < buffer.length) {
    const { bytesRead } = await file.read(buffer, done, buffer.length - done, offset + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return buffer.subarray(0, done);
}

async function openFile(store: string, blob: Digest): Promise<FileHandle> {
  const path = blobPath(store, blob);
  for (let again = true; ; again = false) {
    try {
      return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    } catch (error) {
      if (errorCode(error) !== "ENOENT") throw explainReadError(error, path);
      if (!again || !(await rescue(store, blob))) fail({ code: "blob-missing", message: `the store lacks \`${blob}\``, hint: "`caisson store verify` tells what refers to it; building again makes it anew" }, error);
    }
  }
}

function explainReadError(error: unknown, path: string): unknown {
  switch (errorCode(error)) {
    case "EACCES":
    case "EPERM":
      return new CaissonError([{ code: "permission", message: `may not read \`${path}\``, hint: "check its owner and mode, or choose another store with --store" }], error);
    case "EIO":
      return new CaissonError([{ code: "digest-mismatch", message: `the disk cannot read \`${path}\``, hint: REPAIR }], error);
    default:
      return error;
  }
}

/** A sweep holds what it is about to remove in its hands for a moment; whoever needs it then takes it back. */
export async function rescue(store: string, blob: Digest): Promise<boolean> {
  try {
    await rename(trashPath(store, blob), blobPath(store, blob));
    return true;
  } catch (error) {
    if (["ENOENT", "EACCES", "EPERM", "EROFS"].includes(errorCode(error) ?? "")) return false;
    throw error;
  }
}

function checkDigest(store: string, blob: Digest, found: Digest): void {
  if (found === blob) return;
  fail({ code: "digest-mismatch", message: `\`${blobPath(store, blob)}\` is damaged: its bytes are \`${found}\``, hint: REPAIR });
}

const REPAIR = "`caisson store verify --repair` takes it away; the next build makes it anew";
