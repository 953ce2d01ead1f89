import { createHash } from "node:crypto";
import { lstat, open, rename, rm } from "node:fs/promises";
import { fail, mediaTypes, type Bytes, type Descriptor, type Digest, type EpochSeconds } from "../model/index.ts";
import { errorCode, explainFileError, hashFile, sha256, takeOwner, type Context } from "../system/index.ts";
import { blobPath, blobsDirectory, temporaryPath, touch } from "./layout.ts";

/** What the writer of bytes knows of them beforehand. */
export interface Expected {
  readonly digest?: Digest;
  readonly size?: number;
}

/** What a writer needs of its store. */
export interface BlobPlace {
  readonly ctx: Context;
  /** The store's directory. */
  readonly store: string;
  /** Makes the names of blobs durable. */
  readonly syncNames: () => Promise<void>;
}

/** Keep bytes under their digest: a temporary file, hashed while it is written, synced, then renamed. Nobody ever sees a part of a blob. */
export async function writeBlob(place: BlobPlace, bytes: Bytes | Uint8Array | string, expect: Expected = {}, mediaType: string = mediaTypes.bytes): Promise<Descriptor> {
  const temporary = temporaryPath(place.store);
  const { digest, size } = await explained(place, async () => {
    try {
      const written = typeof bytes === "string" || bytes instanceof Uint8Array ? await writeWhole(place, temporary, bytes, expect) : await writeStream(place, temporary, bytes, expect);
      await place.syncNames();
      return written;
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  });
  return { digest, size, mediaType };
}

interface Written {
  readonly digest: Digest;
  readonly size: number;
}

async function writeWhole({ ctx, store }: BlobPlace, temporary: string, bytes: Uint8Array | string, expect: Expected): Promise<Written> {
  const data = typeof bytes === "string" ? Buffer.from(bytes) : bytes;
  const written: Written = { digest: sha256(data), size: data.length };
  checkExpected(written, expect);
  const path = blobPath(store, written.digest);
  if (await standsRight(path, written, ctx.now())) return written;
  const file = await open(temporary, "wx", 0o444);
  try {
    await file.writeFile(data);
    await file.sync();
  } finally {
    await file.close();
  }
  await takeOwner(temporary);
  await rename(temporary, path);
  return written;
}

async function writeStream({ ctx, store }: BlobPlace, temporary: string, bytes: Bytes, expect: Expected): Promise<Written> {
  const hash = createHash("sha256");
  let size = 0;
  const file = await open(temporary, "wx", 0o444);
  try {
    for await (const part of gather(bytes)) {
      if (ctx.signal.aborted) fail({ code: "cancelled", message: "stopped on request" });
      size += part.length;
      // Who sends more than was promised is not listened to any longer.
      if (expect.size !== undefined && size > expect.size) checkExpected({ digest: expect.digest ?? sha256(""), size }, expect);
      const writing = file.writeFile(part);
      hash.update(part);
      await writing;
    }
    const written: Written = { digest: `sha256:${hash.digest("hex")}`, size };
    checkExpected(written, expect);
    const path = blobPath(store, written.digest);
    if (await standsRight(path, written, ctx.now())) {
      await rm(temporary);
    } else {
      await file.sync();
      await takeOwner(temporary);
      await rename(temporary, path);
    }
    return written;
  } finally {
    await file.close();
  }
}

const ENOUGH = 1 << 20;

/** Small chunks joined in one buffer, so that a stream of many costs few writes; large ones as they are. All are good until the next is asked for. */
async function* gather(bytes: Bytes): Bytes {
  let room: Buffer | undefined;
  let filled = 0;
  for await (const chunk of bytes) {
    if (filled > 0 && filled + chunk.length > ENOUGH) {
      yield (room as Buffer).subarray(0, filled);
      filled = 0;
    }
    if (chunk.length >= ENOUGH) yield chunk;
    else filled += Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).copy((room ??= Buffer.allocUnsafe(ENOUGH)), filled);
  }
  if (filled > 0) yield (room as Buffer).subarray(0, filled);
}

/**
 * Whether the blob is here already and whole; then it counts as used.
 * A file of that name is not believed: a bad disk, or a crash of a file system that loses synced bytes, may have changed it, and the writer holds the cure in its hands.
 */
async function standsRight(path: string, { digest, size }: Written, now: EpochSeconds): Promise<boolean> {
  try {
    const stat = await lstat(path);
    return stat.isFile() && stat.size === size && (await hashFile(path)).digest === digest && (await touch(path, now));
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
}

function checkExpected(written: Written, expect: Expected): void {
  if (expect.size !== undefined && written.size !== expect.size) {
    fail({ code: "digest-mismatch", message: `expected ${expect.size} bytes, got ${written.size > expect.size ? "more" : written.size}`, hint: "it was cut off or changed on its way; nothing of it was kept" });
  }
  if (expect.digest !== undefined && written.digest !== expect.digest) {
    fail({ code: "digest-mismatch", message: `expected bytes of \`${expect.digest}\`, got \`${written.digest}\``, hint: "it was damaged or changed on its way; nothing of it was kept" });
  }
}

async function explained<Result>({ store }: BlobPlace, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw explainFileError(error, blobsDirectory(store));
  }
}
