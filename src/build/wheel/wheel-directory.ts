import { readFile, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { compareBytewise, type Artifact, type Descriptor, type Payload } from "../../model/index.ts";
import type { Store } from "../../store/index.ts";
import { makeDirectory, mapConcurrently, writeDurably, type Context } from "../../system/index.ts";
import { isFile } from "../known-file.ts";

/** A wheel as it lies in a directory. */
interface LaidWheel {
  readonly fileName: string;
  readonly wheel: Descriptor;
}

/** What a directory of wheels was laid out for: the key of it, written when all of it is there. */
interface Laid {
  readonly schema: "caisson.wheels/1";
  readonly packages: Readonly<Record<string, { readonly version: string; readonly wheels: readonly LaidWheel[] }>>;
}

/** Its name begins with a dot, so that pip does not look at it. */
const KEY = ".caisson-wheels.json";

/**
 * Lay out the wheels that artifacts were made of, `<directory>/<platform>/<wheel>`, for `pip --find-links`: a view of the store, which stays the truth.
 * A platform whose key says the same and whose wheels are there is left as it is. Wheels that no package has any more go; files that were put there by others stay.
 */
export async function layWheels(ctx: Context, store: Store, artifacts: readonly Artifact[], directory: string): Promise<void> {
  const platforms = new Set(artifacts.map(({ platform }) => platform));
  for (const platform of platforms) await layPlatform(ctx, store, artifacts.filter((artifact) => artifact.platform === platform), join(directory, platform));
}

async function layPlatform(ctx: Context, store: Store, artifacts: readonly Artifact[], directory: string): Promise<void> {
  const payloads = await Promise.all([...new Map(artifacts.map(({ payload }) => [payload.digest, payload])).keys()].map((digest) => store.readJson<Payload>(digest)));
  const made = payloads.flatMap(({ package: name, version, distributions }) => (distributions.length === 0 ? [] : [[name, { version, wheels: distributions.map(({ fileName, wheel }) => ({ fileName, wheel })) }] as const]));
  if (made.length === 0) return;
  const before = await readKey(directory);
  const packages = Object.fromEntries([...Object.entries(before?.packages ?? {}).filter(([name]) => !made.some(([own]) => own === name)), ...made].toSorted(([a], [b]) => compareBytewise(a, b)));
  const wheels = wheelsOf(packages);
  const missing = await filterMissing(ctx, directory, [...wheels.values()]);
  const now: Laid = { schema: "caisson.wheels/1", packages };
  const text = `${JSON.stringify(now)}\n`;
  if (missing.length === 0 && before !== undefined && `${JSON.stringify(before)}\n` === text) return;
  await makeDirectory(directory);
  for (const { fileName, wheel } of missing) await store.copyTo(wheel.digest, join(directory, fileName));
  await writeDurably(join(directory, KEY), text);
  for (const name of wheelsOf(before?.packages ?? {}).keys()) if (!wheels.has(name) && basename(name) === name) await rm(join(directory, name), { force: true });
}

/** A key that cannot be read was not written by us, or not to its end. */
async function readKey(directory: string): Promise<Laid | undefined> {
  try {
    const laid = JSON.parse(await readFile(join(directory, KEY), "utf8")) as Laid;
    return laid.schema === "caisson.wheels/1" ? laid : undefined;
  } catch {
    return undefined;
  }
}

function wheelsOf(packages: Laid["packages"]): ReadonlyMap<string, LaidWheel> {
  return new Map(Object.values(packages).flatMap(({ wheels }) => wheels.map((laid) => [laid.fileName, laid] as const)));
}

/** A wheel that was made anew has the name of the one before it, and often its length. */
async function filterMissing(ctx: Context, directory: string, wheels: readonly LaidWheel[]): Promise<readonly LaidWheel[]> {
  const found = await mapConcurrently(wheels, 8, async (laid) => ((await isFile(ctx, join(directory, laid.fileName), laid.wheel)) ? [] : [laid]));
  return found.flat();
}
