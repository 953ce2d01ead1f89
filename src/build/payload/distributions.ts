import { digestHex, mediaTypes, type Descriptor, type Distribution, type Json, type Tree } from "../../model/index.ts";
import { readWheel, ruleSetVersion } from "../../python/index.ts";
import type { Store } from "../../store/index.ts";
import type { InstalledDistribution } from "./payload.ts";
import type { WheelReaders } from "./readers.ts";

/**
 * What a wheel in the store is, read once for each rule set: kept as a blob, found under the wheel's digest.
 * A wheel that is `excused` from rules is kept under another name: an exception is nobody's verdict but that of who made it.
 * @throws CaissonError `wheel-invalid` · `blob-missing` · `digest-mismatch`
 */
export async function readDistribution(store: Store, fileName: string, wheel: Descriptor, { read }: Pick<WheelReaders, "read"> = { read: readWheel }, excused: readonly string[] = []): Promise<InstalledDistribution> {
  const name = [`${digestHex(wheel.digest)}@${ruleSetVersion}`, ...excused.toSorted()].join("-");
  const ref = await store.readRef("distributions", name);
  const known = ref?.value as unknown as Kept | undefined;
  // The same bytes under another name are read anew: a name says for which systems a wheel is.
  if (known?.fileName === fileName && (await store.has(known.distribution.digest)) && (await store.has(known.document.digest))) {
    const [facts, tree] = await Promise.all([store.readJson<Omit<Distribution, "tree">>(known.distribution.digest), store.readJson<Tree>(known.document.digest)]);
    return { distribution: { ...facts, tree }, document: known.document };
  }
  const distribution = await readFromStore(store, fileName, wheel, read, excused);
  const { tree, ...facts } = distribution;
  const [kept, document] = await Promise.all([store.writeJson(facts, mediaTypes.distribution), store.writeJson(tree, mediaTypes.tree)]);
  await store.writeRef("distributions", name, { fileName, distribution: kept, document } satisfies Kept as unknown as Json, ref?.generation ?? 0);
  return { distribution, document };
}

interface Kept {
  readonly fileName: string;
  /** The distribution without its tree. */
  readonly distribution: Descriptor;
  /** Its tree, as hosts get it. */
  readonly document: Descriptor;
}

async function readFromStore(store: Store, fileName: string, wheel: Descriptor, read: WheelReaders["read"], excused: readonly string[]): Promise<Distribution> {
  await using blob = await store.open(wheel.digest);
  return await read(fileName, wheel, blob, excused);
}
