import { parseDigest, CaissonError, type Digest, type Json, type Problem } from "../model/index.ts";
import { isCache, refKinds, type RefKind } from "./layout.ts";
import { peekRef } from "./refs.ts";
import type { Store } from "./store.ts";

/** That something in the store needs a blob. */
export interface Edge {
  /** The name it began with, `stacks/shop@124`. */
  readonly root: string;
  /** The document that names the blob; the root's own page where absent. */
  readonly document?: Digest;
  readonly to: Digest;
  readonly mediaType: string;
}

export interface Reach {
  /** All that a name leads to, whether it is here or not. */
  readonly blobs: ReadonlySet<Digest>;
  /** What names that are no caches cannot do without. */
  readonly needed: readonly Edge[];
  /** Names whose page could not be read, and documents, so that nobody knows what lies behind them. */
  readonly unreadable: { readonly pages: readonly Problem[]; readonly documents: readonly Problem[] };
}

/**
 * Follow all names to all they lead to. Every digest in a page or in a document of ours counts.
 * A descriptor, and what a tree says its bytes come from, is needed; a digest that merely stands there (a tree's id, a member of a wheel) need not be a blob at all.
 * What a cache leads to may be missing: then it has forgotten.
 */
export async function findReach(store: Store, isForgotten: (kind: RefKind, name: string) => boolean = () => false): Promise<Reach> {
  const reach = { blobs: new Set<Digest>(), needed: [] as Edge[], unreadable: { pages: [] as Problem[], documents: [] as Problem[] }, followed: new Set<Digest>() };
  // Caches last: what others need as well is needed.
  for (const kind of refKinds.toSorted((a, b) => Number(isCache(a)) - Number(isCache(b)))) {
    for await (const name of store.listRefs(kind)) {
      if (isForgotten(kind, name)) continue;
      const page = await readable(reach.unreadable.pages, isCache(kind), () => peekRef(store.directory, kind, name));
      if (page !== undefined) await follow(store, reach, isCache(kind), `${kind}/${name}`, page.value);
    }
  }
  return reach;
}

interface MutableReach {
  readonly blobs: Set<Digest>;
  readonly needed: Edge[];
  readonly unreadable: { readonly pages: Problem[]; readonly documents: Problem[] };
  /** Documents that were read already. */
  readonly followed: Set<Digest>;
}

async function follow(store: Store, reach: MutableReach, mayMiss: boolean, root: string, page: Json): Promise<void> {
  const open: { readonly document?: Digest; readonly value: Json }[] = [{ value: page }];
  for (let here = open.pop(); here !== undefined; here = open.pop()) {
    const { document } = here;
    for (const { digest, mediaType } of digestsIn(here.value)) {
      reach.blobs.add(digest);
      if (mediaType === undefined) continue;
      if (!mayMiss) reach.needed.push({ root, ...(document === undefined ? {} : { document }), to: digest, mediaType });
      if (!DOCUMENT.test(mediaType) || reach.followed.has(digest)) continue;
      reach.followed.add(digest);
      const value = await readable(reach.unreadable.documents, mayMiss, () => store.readJson<Json>(digest));
      if (value !== undefined) open.push({ document: digest, value });
    }
  }
}

/** Our JSON documents, also those that a later version of us writes. */
const DOCUMENT = /^application\/vnd\.caisson\.[a-z0-9.-]+\+json$/;

async function readable<Value>(unreadable: Problem[], mayMiss: boolean, read: () => Promise<Value | undefined>): Promise<Value | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof CaissonError)) throw error;
    if (!mayMiss) unreadable.push(...error.problems);
    // A cache that forgot something is no reason to stop; one that may not be read is.
    else if (error.code === "permission") throw error;
    return undefined;
  }
}

function* digestsIn(value: Json): Iterable<{ readonly digest: Digest; readonly mediaType?: string }> {
  if (typeof value === "string") {
    const digest = parseDigest(value);
    if (digest !== undefined) yield { digest };
  } else if (Array.isArray(value)) {
    for (const item of value as readonly Json[]) yield* digestsIn(item);
  } else if (value !== null && typeof value === "object") {
    const { digest, mediaType, blob, files } = value as { readonly [key: string]: Json };
    // What is kept as the tree of its files is no blob itself.
    if (typeof digest === "string" && typeof mediaType === "string" && files === undefined) yield* needed(digest, mediaType);
    if (typeof blob === "string") yield* needed(blob, "application/octet-stream");
    for (const member of Object.values(value)) yield* digestsIn(member);
  }
}

function* needed(text: string, mediaType: string): Iterable<{ readonly digest: Digest; readonly mediaType: string }> {
  const digest = parseDigest(text);
  if (digest !== undefined) yield { digest, mediaType };
}
