import { CaissonError, mediaTypes, type Descriptor, type Digest, type Json } from "../../model/index.ts";
import type { Store } from "../../store/index.ts";

/** The text of a lock that the store keeps under a name. */
export interface KeptLock {
  readonly text: string;
  readonly digest: Digest;
}

/** Undefined where there is none. A damaged one is none: it can be found again. */
export async function recallLockText(store: Store, name: string): Promise<KeptLock | undefined> {
  const ref = await store.readRef("locks", name);
  const digest = (ref?.value as { readonly lock?: Descriptor } | undefined)?.lock?.digest;
  if (digest === undefined || !(await store.has(digest))) return undefined;
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of store.read(digest)) chunks.push(chunk);
  } catch (error) {
    if (error instanceof CaissonError) return undefined;
    throw error;
  }
  return { text: Buffer.concat(chunks).toString("utf8"), digest };
}

export async function rememberLockText(store: Store, name: string, text: string): Promise<KeptLock> {
  const lock = await store.write(text, undefined, mediaTypes.bytes);
  const before = await store.readRef("locks", name);
  await store.writeRef("locks", name, { lock } as unknown as Json, before?.generation ?? 0);
  return { text, digest: lock.digest };
}
