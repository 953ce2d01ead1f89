import { lstat } from "node:fs/promises";
import { fail, type Digest, type Problem } from "../model/index.ts";
import { errorCode, hashFile, mapConcurrently, type Context } from "../system/index.ts";
import { takeAway } from "./collect.ts";
import { blobPath, listBlobs } from "./layout.ts";
import { findReach, type Edge } from "./reach.ts";
import type { Store } from "./store.ts";

export interface Verified {
  /** Blobs that are right, and their bytes. */
  readonly blobs: number;
  readonly size: number;
  /** Damaged blobs that were removed, so that the next build makes them anew. */
  readonly removed: readonly Digest[];
  readonly problems: readonly Problem[];
}

/** Hash everything in a store, and follow every name to what it needs. Reports how far it is. */
export async function verify(ctx: Context, store: Store, options: { readonly repair: boolean }): Promise<Verified> {
  const what = "verify";
  ctx.report({ type: "started", what });
  try {
    const blobs = await listBlobs(store.directory);
    let done = 0;
    const checked = await mapConcurrently(blobs, 4, async (blob) => {
      if (ctx.signal.aborted) fail({ code: "cancelled", message: "stopped on request" });
      const result = await checkBlob(store.directory, blob);
      ctx.report({ type: "progress", what, done: ++done, total: blobs.length });
      return result;
    });
    const right = checked.filter((blob) => blob.right);
    const damaged = blobs.filter((_, at) => checked[at]?.right === false);
    const removed: Digest[] = [];
    if (options.repair) for (const blob of damaged) if (await takeAway(store.directory, blob, (path) => isDamaged(path, blob))) removed.push(blob);
    const rotten = damaged.filter((blob) => !removed.includes(blob)).map((blob) => damagedProblem(store.directory, blob));
    return { blobs: right.length, size: right.reduce((sum, { size }) => sum + size, 0), removed, problems: [...rotten, ...(await checkNames(store))] };
  } finally {
    ctx.report({ type: "finished", what });
  }
}

/** A blob that is gone by now was swept: that is nobody's fault. */
async function checkBlob(store: string, blob: Digest): Promise<{ readonly right: boolean; readonly size: number }> {
  const path = blobPath(store, blob);
  try {
    const { size } = await lstat(path);
    return { right: !(await isDamaged(path, blob)), size };
  } catch (error) {
    if (errorCode(error) === "ENOENT") return { right: true, size: 0 };
    throw error;
  }
}

async function isDamaged(path: string, blob: Digest): Promise<boolean> {
  try {
    return !(await lstat(path)).isFile() || (await hashFile(path)).digest !== blob;
  } catch (error) {
    // A sector that cannot be read.
    if (errorCode(error) === "EIO") return true;
    throw error;
  }
}

async function checkNames(store: Store): Promise<readonly Problem[]> {
  const { needed, unreadable } = await findReach(store);
  // Listed after the names were read, so that what is written meanwhile is there.
  const here = new Set(await listBlobs(store.directory));
  const missing = new Map<string, Edge>();
  for (const edge of needed) if (!here.has(edge.to) && !(await store.has(edge.to))) missing.set(`${edge.root} ${edge.document ?? ""} ${edge.to}`, edge);
  // A document that cannot be read is missing, which is told here, or damaged, which was told of the blob.
  return [...unreadable.pages, ...[...missing.values()].map(danglingProblem)];
}

function damagedProblem(store: string, blob: Digest): Problem {
  return { code: "digest-mismatch", message: `\`${blobPath(store, blob)}\` is damaged`, hint: "`caisson store verify --repair` takes damaged files away; the next build makes them anew" };
}

function danglingProblem({ root, document, to, mediaType }: Edge): Problem {
  const holder = document === undefined ? `\`${root}\`` : `\`${root}\`, in its \`${document}\`,`;
  return { code: "blob-missing", message: `${holder} needs \`${to}\` (${mediaType}), which is missing`, hint: "build it again, or copy the file from another store; its name says whether it is the right one" };
}
