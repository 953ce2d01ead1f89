import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, realpathSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { parseLabel, type PackageName } from "../../src/model/index.ts";
import { collect, openStore, saveArtifact, verify } from "../../src/store/index.ts";
import { addToStack, createStack, readStack } from "../../src/stack/index.ts";
import { smallArtifact, testContext } from "../support/temporary-store.ts";

const disk = realpathSync(mkdtempSync(join(tmpdir(), "caisson-disk-")));
const mounted = process.getuid?.() === 0 && spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m,nr_inodes=200", "caisson-test", disk]).status === 0;
afterAll(() => {
  if (mounted) execFileSync("umount", [disk]);
  rmSync(disk, { recursive: true });
});

const shop = { name: "shop" as PackageName, label: parseLabel("1") };

it.skipIf(!mounted)("R11: a full disk is said, keeps what was there, and is no harm once there is room (needs root and mount)", async () => {
  const ctx = testContext(disk);
  const store = await openStore(ctx, "store");
  await createStack(store, shop);
  const artifact = await smallArtifact(store, "web", "1.0");
  await saveArtifact(store, artifact);
  await addToStack(store, shop, [artifact]);
  const before = await readStack(store, shop);

  const full = { code: "disk-full", hint: expect.stringContaining("make room") };
  const big = Buffer.alloc(2_000_000, "x");
  await expect(store.write(big)).rejects.toMatchObject(full);
  await expect(store.write((async function* () {
    for (let at = 0; at < big.length; at += 100_000) yield big.subarray(at, at + 100_000);
  })())).rejects.toMatchObject(full);
  expect(readdirSync(join(disk, "store/tmp"))).toEqual([]);
  await store.write(Buffer.alloc(200_000, "y"));

  writeFileSync(join(disk, "fill"), Buffer.alloc(0));
  const room = statfsSync(disk);
  writeFileSync(join(disk, "fill"), Buffer.alloc(room.bavail * room.bsize));
  await expect(addToStack(store, shop, [{ ...artifact, version: "1.1" }])).rejects.toMatchObject(full);
  await expect(saveArtifact(store, { ...artifact, version: "1.1" })).rejects.toMatchObject(full);
  await expect(store.writeRef("locks", "key", { value: 1 }, 0)).rejects.toMatchObject(full);
  expect(readdirSync(join(disk, "store/tmp"))).toEqual([]);
  expect(await readStack(store, shop)).toEqual(before);
  expect((await verify(ctx, store, { repair: false })).problems).toEqual([]);
  expect((await collect(ctx, store, { grace: -5, dryRun: false })).removed.length).toBeGreaterThan(0);

  rmSync(join(disk, "fill"));
  await saveArtifact(store, { ...artifact, version: "1.1" });
  expect((await addToStack(store, shop, [{ ...artifact, version: "1.1" }])).changes).toEqual([{ package: "web", from: "1.0", to: "1.1" }]);
});

it.skipIf(!mounted)("R11: so also where no inode is left (needs root and mount)", async () => {
  const ctx = testContext(disk);
  const store = await openStore(ctx, "other");
  await store.write("before");
  let made = 0;
  for (; statfsSync(disk).ffree > 0; made++) writeFileSync(join(disk, `file-${made}`), "");
  await expect(store.write("after")).rejects.toMatchObject({ code: "disk-full" });
  await expect(createStack(store, shop)).rejects.toMatchObject({ code: "disk-full" });
  expect((await verify(ctx, store, { repair: false })).problems).toEqual([]);
  for (let at = 0; at < made; at++) rmSync(join(disk, `file-${at}`));
  await createStack(store, shop);
});
