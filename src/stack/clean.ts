import { compareBytewise, printStackRef, type Artifact, type Digest, type StackRef } from "../model/index.ts";
import { compareVersions } from "../python/version/index.ts";
import { artifactName, collect, listArtifacts, namedContents, namedFiles, peekCache, type Collected, type Store } from "../store/index.ts";
import type { Context } from "../system/index.ts";
import { listStacks, readStack } from "./read.ts";
import { findOldDevelopment } from "./remove.ts";

export interface CleanOptions {
  /** So many versions of each package, for each platform and format, stay though no stack has them. */
  readonly keep: number;
  /** Forget all that was merely found out, and not only what nobody used for 30 days. */
  readonly caches: boolean;
  /** Seconds; bytes that were written or used since then stay: somebody may be about to name them. */
  readonly grace: number;
  /** Stacks of `caisson up` that stay, however old they are. */
  readonly staying: readonly StackRef[];
}

/** What a cleaning takes away, by the names that people know. Sizes in bytes. */
export interface CleanPlan {
  /** Of `caisson up`, and no longer among its last. */
  readonly stacks: readonly StackRef[];
  /** In no stack, and not among the newest. */
  readonly artifacts: readonly Artifact[];
  /** Keys of caches that led to them, and to what only those stacks had. */
  readonly keys: readonly string[];
  /** Wheels, and bytes of artifacts, that nothing needs. */
  readonly files: readonly { readonly fileName: string; readonly digest: Digest; readonly size: number }[];
  /** Documents and other bytes without a name. */
  readonly others: { readonly count: number; readonly size: number };
  /** Pages of caches. */
  readonly forgotten: number;
  /** All together. */
  readonly size: number;
  /** Blobs that stay. */
  readonly kept: number;
}

/**
 * Find what can go: stacks that `caisson up` made once, artifacts that no stack has any more and newer versions followed, what was found out long ago, and all bytes that then nothing leads to.
 * Frozen stacks stay, since hosts may run them; so does all that stacks need. Nothing is changed.
 */
export async function planClean(ctx: Context, store: Store, options: CleanOptions): Promise<CleanPlan> {
  const stacks = await findOldDevelopment(store, options.staying);
  const artifacts = await findOldArtifacts(store, stacks, options.keep);
  const going = [...artifacts, ...(await artifactsOf(store, stacks))];
  const keys = await findKeys(store, going, await stayingArtifacts(store, stacks, artifacts));
  const names = new Map<Digest, string>([...(await namedFiles(store)), ...namedContents(await listArtifacts(store)), ...namedContents(going)]);
  const without = new Set([...stacks.map((ref) => `stacks/${printStackRef(ref)}`), ...artifacts.map((artifact) => `artifacts/${artifactName(artifact)}`), ...keys.map((key) => `actions/${key}`)]);
  const { removed, kept, forgotten } = await collect(ctx, store, { ...sweepOptions(options), dryRun: true, without });
  const files = removed.flatMap(({ digest, size }) => (names.has(digest) ? [{ fileName: names.get(digest) ?? "", digest, size }] : []));
  const others = removed.filter(({ digest }) => !names.has(digest));
  return {
    stacks,
    artifacts,
    keys,
    files: files.toSorted((a, b) => compareBytewise(a.fileName, b.fileName)),
    others: { count: others.length, size: sizeOf(others) },
    forgotten,
    size: sizeOf(removed),
    kept,
  };
}

/** Carry a plan out. What changed since it was made stays; others may use the store meanwhile. */
export async function clean(ctx: Context, store: Store, plan: Pick<CleanPlan, "stacks" | "artifacts" | "keys">, options: CleanOptions): Promise<Collected> {
  for (const ref of plan.stacks) await forget(store, "stacks", printStackRef(ref));
  const named = new Set((await stackedArtifacts(store, [])).map(artifactName));
  for (const name of plan.artifacts.map(artifactName)) if (!named.has(name)) await forget(store, "artifacts", name);
  for (const key of plan.keys) await store.removeRef("actions", key, 0);
  return await collect(ctx, store, { ...sweepOptions(options), dryRun: false });
}

async function forget(store: Store, kind: "stacks" | "artifacts", name: string): Promise<void> {
  const ref = await store.readRef(kind, name);
  if (ref !== undefined) await store.removeRef(kind, name, ref.generation);
}

function sweepOptions({ grace, caches }: CleanOptions): { readonly grace: number; readonly cacheAge?: number } {
  return { grace, ...(caches ? { cacheAge: grace } : {}) };
}

/** Those of each package, platform and format that no stack has and that are not among its `keep` highest versions. */
async function findOldArtifacts(store: Store, going: readonly StackRef[], keep: number): Promise<readonly Artifact[]> {
  const stacked = new Set((await stackedArtifacts(store, going)).map(artifactName));
  const groups = new Map<string, Artifact[]>();
  for (const artifact of await listArtifacts(store)) {
    const key = [artifact.package, artifact.platform, artifact.format].join("@");
    groups.set(key, [...(groups.get(key) ?? []), artifact]);
  }
  const old = [...groups.values()].flatMap((group) => group.toSorted((a, b) => compareVersions(b.version, a.version)).slice(keep).filter((artifact) => !stacked.has(artifactName(artifact))));
  return old.toSorted((a, b) => compareBytewise(a.fileName, b.fileName));
}

/** Keys that say what made an artifact which goes, and no other: whoever builds it again finds it out again. */
async function findKeys(store: Store, going: readonly Artifact[], staying: readonly Artifact[]): Promise<readonly string[]> {
  const kept = new Set(staying.map(({ content }) => content.digest));
  const gone = new Set(going.map(({ content }) => content.digest).filter((digest) => !kept.has(digest)));
  const keys: string[] = [];
  for await (const key of store.listRefs("actions")) {
    const page = (await peekCache(store, "actions", key)) as { readonly output?: { readonly artifact?: Artifact } } | undefined;
    const content = page?.output?.artifact?.content.digest;
    if (content !== undefined && gone.has(content)) keys.push(key);
  }
  return keys;
}

async function stayingArtifacts(store: Store, stacks: readonly StackRef[], artifacts: readonly Artifact[]): Promise<readonly Artifact[]> {
  const going = new Set(artifacts.map(artifactName));
  return [...(await listArtifacts(store)).filter((artifact) => !going.has(artifactName(artifact))), ...(await stackedArtifacts(store, stacks))];
}

/** What is in the stacks that stay. */
async function stackedArtifacts(store: Store, going: readonly StackRef[]): Promise<readonly Artifact[]> {
  const gone = new Set(going.map(printStackRef));
  const staying = (await listStacks(store)).map(({ ref }) => ref).filter((ref) => !gone.has(printStackRef(ref)));
  return await artifactsOf(store, staying);
}

async function artifactsOf(store: Store, refs: readonly StackRef[]): Promise<readonly Artifact[]> {
  const stacks = await Promise.all(refs.map((ref) => readStack(store, ref)));
  return stacks.flatMap(({ stack }) => stack.members.flatMap(({ artifacts }) => artifacts));
}

function sizeOf(blobs: readonly { readonly size: number }[]): number {
  return blobs.reduce((sum, { size }) => sum + size, 0);
}
