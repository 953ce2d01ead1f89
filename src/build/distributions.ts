import { digestHex, mediaTypes, type Descriptor, type Distribution, type Json } from "../model/index.ts";
import { readWheel, ruleSetVersion } from "../python/index.ts";
import type { Store } from "../store/index.ts";
import type { InstalledDistribution } from "./payload.ts";

/**
 * What a wheel in the store is, read once for each rule set: kept as a blob, found under the wheel's digest.
 * @throws CaissonError `wheel-invalid` · `blob-missing` · `digest-mismatch`
 */
export async function readDistribution(store: Store, fileName: string, wheel: Descriptor): Promise<InstalledDistribution> {
  const name = `${digestHex(wheel.digest)}@${ruleSetVersion}`;
  const ref = await store.readRef("distributions", name);
  const known = ref?.value as unknown as Kept | undefined;
  // The same bytes under another name are read anew: a name says for which systems a wheel is.
  if (known?.fileName === fileName && (await store.has(known.distribution.digest)) && (await store.has(known.document.digest))) {
    return { distribution: await store.readJson<Distribution>(known.distribution.digest), document: known.document };
  }
  const distribution = await readFromStore(store, fileName, wheel);
  const kept: Kept = {
    fileName,
    distribution: await store.writeJson(distribution, mediaTypes.distribution),
    document: await store.writeJson(distribution.tree, mediaTypes.tree),
  };
  await store.writeRef("distributions", name, kept as unknown as Json, ref?.generation ?? 0);
  return { distribution, document: kept.document };
}

interface Kept {
  readonly fileName: string;
  /** The whole distribution, its tree included. */
  readonly distribution: Descriptor;
  /** Its tree alone, as hosts get it. */
  readonly document: Descriptor;
}

async function readFromStore(store: Store, fileName: string, wheel: Descriptor): Promise<Distribution> {
  await using blob = await store.open(wheel.digest);
  return await readWheel(fileName, wheel, blob);
}
