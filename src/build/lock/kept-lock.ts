import { CaissonError, mediaTypes, type Descriptor, type Digest, type Json } from "../../model/index.ts";
import type { Store } from "../../store/index.ts";
import { readWholeText } from "../../system/index.ts";

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
  try {
    return { text: await readWholeText(store.read(digest)), digest };
  } catch (error) {
    if (error instanceof CaissonError) return undefined;
    throw error;
  }
}

export async function rememberLockText(store: Store, name: string, text: string): Promise<KeptLock> {
  const lock = await store.write(text, undefined, mediaTypes.bytes);
  const before = await store.readRef("locks", name);
  await store.writeRef("locks", name, { lock } as unknown as Json, before?.generation ?? 0);
  return { text, digest: lock.digest };
}
