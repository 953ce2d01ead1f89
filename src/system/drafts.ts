import { open, rename, rm, type FileHandle } from "node:fs/promises";
import type { Bytes } from "../model/index.ts";
import { explainFileError, temporaryBeside } from "./files.ts";
import { takeOwner } from "./owner.ts";

/** A file that is written, and not yet in its place. */
export interface Draft {
  /** Where it is to lie. */
  readonly path: string;
  /** Make its bytes durable. */
  sync(): Promise<void>;
  /** Give it its name, whatever had that before. */
  place(): Promise<void>;
  /** Take it away. */
  discard(): Promise<void>;
}

/**
 * Write a file under a temporary name beside its place. Many files are durable sooner when all are written before the first is synced.
 * `watch` sees all the bytes, while the disk takes them. `mode`: whatever the umask says.
 * @throws CaissonError `disk-full` · `permission`
 */
export async function writeDraft(path: string, bytes: Bytes, { watch, mode }: { readonly watch?: Watch; readonly mode?: number } = {}): Promise<Draft> {
  const temporary = temporaryBeside(path);
  const file = await open(temporary, "wx", 0o644).catch((error: unknown) => {
    throw explainFileError(error, path);
  });
  const discard = async (): Promise<void> => {
    await file.close().catch(() => undefined);
    await rm(temporary, { force: true });
  };
  const orNothing = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      await discard();
      throw explainFileError(error, path);
    }
  };
  await orNothing(async () => {
    if (mode !== undefined) await file.chmod(mode);
    await writePieces(file, bytes, watch);
  });
  return {
    path,
    sync: () => orNothing(() => file.sync()),
    place: () => orNothing(async () => {
      await file.close();
      await takeOwner(temporary);
      await rename(temporary, path);
    }),
    discard,
  };
}

type Watch = (piece: Uint8Array) => void;

/** Small pieces wait for a large one, and go with it. A large one may be used again by whoever gave it, once it is written. */
async function writePieces(file: FileHandle, bytes: Bytes, watch?: Watch): Promise<void> {
  let waiting: Uint8Array[] = [];
  for await (const chunk of bytes) {
    if (chunk.length < LARGE) waiting.push(Uint8Array.from(chunk));
    if (chunk.length < LARGE && waiting.length < MANY) continue;
    await writeAll(file, chunk.length < LARGE ? waiting : [...waiting, chunk], watch);
    waiting = [];
  }
  await writeAll(file, waiting, watch);
}

const LARGE = 1 << 16;
const MANY = 64;

async function writeAll(file: FileHandle, pieces: readonly Uint8Array[], watch?: Watch): Promise<void> {
  const wanted = pieces.reduce((sum, { length }) => sum + length, 0);
  const writing = wanted === 0 ? { bytesWritten: 0 } : file.writev(pieces);
  if (watch !== undefined) for (const piece of pieces) watch(piece);
  const { bytesWritten } = await writing;
  if (bytesWritten < wanted) await file.writeFile(Buffer.concat(pieces).subarray(bytesWritten));
}
