import { digestHex, type Digest, type HostState, type Label, type Step } from "../../model/index.ts";

export type Receive = Extract<Step, { readonly step: "receive" }>;

/** One way to bring something to a host: what is sent, and what must be there for that. */
export interface Sending {
  /** Trees that must be there, from which files are taken. */
  readonly like: readonly Digest[];
  /** A release that must be there, whose documents are built upon. */
  readonly beside?: { readonly label: Label; readonly stack: Digest };
  readonly receives: readonly Receive[];
}

/** By a tree's id, or by the digest of a payload's document: each way that is known, besides sending everything as it is. */
export type Sendings = ReadonlyMap<Digest, readonly Sending[]>;

/** The way that takes the fewest bytes, of those that this host allows. */
export function cheapest(state: HostState, whole: Sending, others: readonly Sending[]): Sending {
  const possible = others.filter((sending) => isPossible(state, sending));
  return possible.reduce((best, sending) => (sentBytes(sending.receives) < sentBytes(best.receives) ? sending : best), whole);
}

/** Bytes that travel, each blob once. */
export function sentBytes(receives: readonly Receive[]): number {
  return receives.reduce((sum, { blob, packed }) => sum + (packed?.size ?? blob.size), 0);
}

function isPossible({ trees = [], damaged = [], releases }: HostState, { like, beside }: Sending): boolean {
  if (beside !== undefined && !releases.some(({ label, stack }) => label === beside.label && stack === beside.stack)) return false;
  return like.every((tree) => trees.includes(tree) && !damaged.includes(tree));
}

/** Where a host keeps a tree, its document, and a file of it; relative to the root. */
export function treePath(tree: Digest, path?: string): string {
  return path === undefined ? `trees/${digestHex(tree)}.json` : `trees/${digestHex(tree)}/${path}`;
}

/** Where a host keeps the document of a package's payload. */
export function payloadPath(release: Label, name: string): string {
  return `versions/${release}/${name}.json`;
}
