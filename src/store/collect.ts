import { lstat, readdir, rename, rm, unlink } from "node:fs/promises";
import { join } from "node:path";
import { CaissonError, fail, parseDigest, type Digest, type EpochSeconds, type Problem } from "../model/index.ts";
import { errorCode, explainFileError, mapConcurrently, type Context } from "../system/index.ts";
import { blobPath, isCache, listBlobs, refKinds, refsDirectory, trashDirectory, trashPath, type RefKind } from "./layout.ts";
import { findReach } from "./reach.ts";
import { rescue } from "./read.ts";
import type { Store } from "./store.ts";

export interface CollectOptions {
  /** Seconds; what was written or used since then stays: somebody may be about to name it. */
  readonly grace: number;
  /** Only say what would be removed. */
  readonly dryRun: boolean;
  /** Names that count as removed already, `artifacts/web@1.0@debian-12@tar.gz`: for who wants to know what removing them would free. */
  readonly without?: ReadonlySet<string>;
  /** Seconds; a cache's page that nobody used for so long is forgotten. 30 days where absent. */
  readonly cacheAge?: number;
}

export interface Collected {
  readonly removed: readonly { readonly digest: Digest; readonly size: number }[];
  readonly kept: number;
  /** Pages of caches that nobody has used for so long. */
  readonly forgotten: number;
}

/**
 * Remove what no name leads to. Others may use the store meanwhile.
 * Nothing is removed when anything cannot be read: behind it may lie what is needed.
 * @throws CaissonError `digest-mismatch` · `blob-missing` · `permission`
 */
export async function collect(ctx: Context, store: Store, options: CollectOptions): Promise<Collected> {
  const { directory } = store;
  const start = ctx.now();
  await emptyTrash(directory);
  const forgotten = await oldPages(directory, start - (options.cacheAge ?? CACHE_AGE));
  const reach = await findReach(store, (kind, name) => forgotten.has(join(kind, name)) || options.without?.has(join(kind, name)) === true);
  refuseUnreadable([...reach.unreadable.pages, ...reach.unreadable.documents]);
  const loose = (await listBlobs(directory)).filter((blob) => !reach.blobs.has(blob));
  const isOld = async (path: string): Promise<boolean> => (await lstat(path)).mtimeMs / 1000 < start - options.grace;
  const removed = await mapConcurrently(loose, 8, async (digest) => {
    if (ctx.signal.aborted) fail({ code: "cancelled", message: "stopped on request" });
    const size = await sizeIf(blobPath(directory, digest), isOld);
    if (size === undefined) return [];
    return options.dryRun || (await takeAway(directory, digest, isOld)) ? [{ digest, size }] : [];
  });
  if (!options.dryRun) for (const name of forgotten) await rm(join(directory, "refs", name), { force: true });
  return { removed: removed.flat(), kept: (await listBlobs(directory)).length - (options.dryRun ? removed.flat().length : 0), forgotten: forgotten.size };
}

/** 30 days in seconds. */
const CACHE_AGE = 30 * 86_400;

/**
 * Remove a blob unless `unwanted` denies it of the file that was taken aside.
 * Taken aside first, and looked at then: who found the blob before touched it, and who looks for it after takes it back.
 */
export async function takeAway(store: string, blob: Digest, unwanted: (path: string) => Promise<boolean>): Promise<boolean> {
  const aside = trashPath(store, blob);
  try {
    await rename(blobPath(store, blob), aside);
    if (await unwanted(aside)) {
      await unlink(aside);
      return true;
    }
    await rescue(store, blob);
    return false;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw explainFileError(error, aside);
  }
}

/** What a sweep that was killed had in its hands goes back before the next one begins. */
async function emptyTrash(store: string): Promise<void> {
  for (const name of await readdir(trashDirectory(store))) {
    const blob = parseDigest(`sha256:${name}`);
    if (blob !== undefined) await rescue(store, blob);
  }
}

/** Pages of caches, `actions/<key>`, that were last used before. */
async function oldPages(store: string, before: EpochSeconds): Promise<ReadonlySet<string>> {
  const old = new Set<string>();
  for (const kind of refKinds.filter(isCache)) {
    for (const name of await readdir(refsDirectory(store, kind))) {
      if ((await sizeIf(pagePath(store, kind, name), async (path) => (await lstat(path)).mtimeMs / 1000 < before)) !== undefined) old.add(join(kind, name));
    }
  }
  return old;
}

function pagePath(store: string, kind: RefKind, name: string): string {
  return join(refsDirectory(store, kind), name);
}

/** The size of a file of which something holds; undefined where it does not, or where the file has gone meanwhile. */
async function sizeIf(path: string, holds: (path: string) => Promise<boolean>): Promise<number | undefined> {
  try {
    return (await holds(path)) ? (await lstat(path)).size : undefined;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

function refuseUnreadable(problems: readonly Problem[]): void {
  const [first, ...rest] = problems;
  if (first === undefined) return;
  const hint = "nothing was removed: what cannot be read may lead to what is needed; `caisson store verify` names all of it";
  throw new CaissonError([{ ...first, hint }, ...rest.map((problem) => ({ ...problem, hint }))]);
}
