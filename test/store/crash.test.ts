import { existsSync } from "node:fs";
import { mkdtemp, readdir, realpath } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { CaissonError, parseLabel, type Digest, type PackageName } from "../../src/model/index.ts";
import { artifactName, collect, openStore, saveArtifact, verify, type Store } from "../../src/store/index.ts";
import { addToStack, createStack, freezeStack, readStack } from "../../src/stack/index.ts";
import { removeTree } from "../../src/system/index.ts";
import { smallArtifact, testContext } from "../support/temporary-store.ts";
import { onFaultyDisk, type Fate } from "./faulty-disk.ts";

const shop = { name: "shop" as PackageName, label: parseLabel("1") };

/** What was promised to be kept, each said right after the store said so. */
interface Promised {
  readonly blobs: Digest[];
  readonly artifacts: string[];
  readonly members: string[];
  frozen: boolean;
}

/** A store's day: made, bytes written at once and in turn, artifacts named and replaced, a stack made, filled and frozen, a cache filled, a sweep. */
async function aDay(directory: string, promised: Promised): Promise<void> {
  const ctx = testContext(directory);
  const store = await openStore(ctx, "store");
  const blobs = await Promise.all(["a", "b", "a"].map((text) => store.write(text.repeat(5000))));
  promised.blobs.push(...blobs.map(({ digest }) => digest));
  const first = await smallArtifact(store, "web", "1.0");
  const second = { ...first, content: await store.write(Readable.from([Buffer.from("built "), Buffer.from("again")])) };
  for (const artifact of [first, second]) {
    promised.blobs.push(artifact.content.digest);
    await saveArtifact(store, artifact);
    promised.artifacts.push(artifactName(artifact));
  }
  await store.writeRef("actions", "key", { output: { ...(await store.write("cached")) } }, 0);
  await createStack(store, shop);
  for (const name of ["web", "config"] as PackageName[]) {
    await addToStack(store, shop, [{ ...second, package: name }]);
    promised.members.push(name);
  }
  await freezeStack(store, shop);
  promised.frozen = true;
  await collect(ctx, store, { grace: 3600, dryRun: false });
}

/** The same once more in the same store: only the stack may be in the way, since it is there. */
async function anotherDay(directory: string, promised: Promised): Promise<void> {
  try {
    await aDay(directory, promised);
  } catch (error) {
    if (!(error instanceof CaissonError) || error.code !== "ref-exists") throw error;
  }
}

async function expectSound(directory: string, promised: Promised): Promise<void> {
  const ctx = testContext(directory);
  const store = await openStore(ctx, "store");
  expect((await verify(ctx, store, { repair: false })).problems).toEqual([]);
  for (const blob of promised.blobs) expect(await store.has(blob), "a blob that was promised").toBe(true);
  for (const name of promised.artifacts) expect(await store.readRef("artifacts", name), "an artifact that was promised").toBeDefined();
  expect(await membersOf(store)).toEqual(expect.arrayContaining(promised.members));
  expect((await store.readRef("stacks", "shop@1"))?.value).toMatchObject(promised.frozen ? { state: "frozen" } : {});
  await store.readRef("actions", "key");
}

async function membersOf(store: Store): Promise<readonly string[]> {
  if ((await store.readRef("stacks", "shop@1")) === undefined) return [];
  return (await readStack(store, shop)).stack.members.map((member) => member.package);
}

/** What a sync does is remembered by the test, so that the file system need not do it. */
const fastest = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** The same day in a directory of its own; `check` sees what is left of it. */
async function inDirectory<Result>(work: (directory: string, promised: Promised) => Promise<Result>): Promise<Result> {
  const directory = await realpath(await mkdtemp(join(fastest, "caisson-crash-")));
  try {
    return await work(directory, { blobs: [], artifacts: [], members: [], frozen: false });
  } finally {
    await removeTree(directory);
  }
}

/** How many changes a whole day asks of the disk. */
async function countCalls(): Promise<number> {
  return await inDirectory(async (directory, promised) => {
    const { calls, error } = await onFaultyDisk(directory, () => "done", () => aDay(directory, promised));
    expect(error).toBeUndefined();
    await expectSound(directory, promised);
    return calls;
  });
}

/** A sequence that looks random and is the same every time. */
function coin(seed: number): () => boolean {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state % 65_536 < 32_768;
  };
}

describe("a store that is interrupted", () => {
  it("R2, R3: killed before any change of the disk: every name reaches all it needs, and all that was promised is here", async () => {
    const calls = await countCalls();
    expect(calls).toBeGreaterThan(100);
    for (let last = 1; last <= calls; last++) {
      await inDirectory(async (directory, promised) => {
        const { died } = await onFaultyDisk(directory, (call) => (call === last ? "never" : "done"), () => aDay(directory, promised));
        // Which of two that write the same bytes at once does it is chance, and one day may ask a little less of the disk than another.
        expect(died || last > calls - 10).toBe(true);
        await expectSound(directory, promised);
      });
    }
  });

  it("R2, R3: so also when the power is cut, and all that was not synced is lost, or any part of it", async () => {
    const calls = await countCalls();
    for (let last = 1; last <= calls + 1; last++) {
      await inDirectory(async (directory, promised) => {
        const disk = await onFaultyDisk(directory, (call) => (call === last ? "never" : "done"), () => aDay(directory, promised));
        disk.cutPower(last % 2 === 0 ? () => true : coin(last));
        await expectSound(directory, promised);
        if (last % 4 !== 0) return;
        await anotherDay(directory, promised);
        await expectSound(directory, promised);
      });
    }
  });

  it("would be caught if it did not sync", async () => {
    const lost = await inDirectory(async (directory, promised) => {
      const disk = await onFaultyDisk(directory, () => "done", () => aDay(directory, promised), true);
      disk.cutPower(() => true);
      return await expectSound(directory, promised).then(() => "nothing", () => "something");
    });
    expect(lost).toBe("something");
  });

  it("R11: no space, or a disk that refuses, at any change: it says so, keeps the old state, leaves nothing half-made, and goes on when mended", async () => {
    const calls = await countCalls();
    for (let bad = 1; bad <= calls; bad++) {
      await inDirectory(async (directory, promised) => {
        const code = bad % 2 === 0 ? "ENOSPC" : "EIO";
        const refuse: Fate = (call) => (call === bad ? Object.assign(new Error(code), { code }) : "done");
        const { error } = await onFaultyDisk(directory, refuse, () => aDay(directory, promised));
        // Only what is thrown away anyway may fail unseen.
        expect(["undefined", "disk-full"]).toContain(error instanceof CaissonError ? error.code : String(error));
        await expectSound(directory, promised);
        expect(await readdir(join(directory, "store/tmp"))).toEqual([]);
        if (bad % 4 > 1) return;
        await anotherDay(directory, promised);
        await expectSound(directory, promised);
      });
    }
  });
});
