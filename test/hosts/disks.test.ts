import { execFileSync } from "node:child_process";
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { lackingDisks, mountDisk } from "../support/disks.ts";
import { lacking, startHosts } from "../support/hosts.ts";

it("is full to the last byte, or but for some, and gives it back", async ({ skip }) => {
  skip(lackingDisks() !== undefined, lackingDisks());
  await using disk = await mountDisk();
  await disk.fill();
  expect(statfsSync(disk.path).bavail).toBe(0);
  expect(() => writeFileSync(join(disk.path, "file"), "x".repeat(5000))).toThrow("ENOSPC");
  await disk.release();
  await disk.fill(100_000);
  expect(() => writeFileSync(join(disk.path, "file"), "x".repeat(50_000))).not.toThrow();
  expect(() => writeFileSync(join(disk.path, "other"), "x".repeat(80_000))).toThrow("ENOSPC");
});

it("has no inode left, and still room", async ({ skip }) => {
  skip(lackingDisks() !== undefined, lackingDisks());
  await using disk = await mountDisk({ inodes: 64 });
  await disk.fillInodes();
  expect(statfsSync(disk.path).bavail).toBeGreaterThan(1000);
  expect(() => writeFileSync(join(disk.path, "file"), "")).toThrow("ENOSPC");
});

it("is read-only for a while, or for ever", async ({ skip }) => {
  skip(lackingDisks() !== undefined, lackingDisks());
  await using disk = await mountDisk();
  const write = (): void => writeFileSync(join(disk.path, "file"), "x");
  await disk.readOnly(true);
  expect(write).toThrow("EROFS");
  await disk.readOnly(false);
  expect(write).not.toThrow();
  await disk.breakDown();
  expect(write).toThrow(/EROFS|EIO/);
});

it("shows what a power cut leaves: what was synced, and not what was not", async ({ skip }) => {
  skip(lackingDisks() !== undefined, lackingDisks());
  await using disk = await mountDisk();
  const path = (name: string): string => join(disk.path, name);
  writeFileSync(path("synced.part"), "kept");
  const file = openSync(path("synced.part"), "r");
  fsyncSync(file);
  closeSync(file);
  renameSync(path("synced.part"), path("synced"));
  const directory = openSync(disk.path, "r");
  fsyncSync(directory);
  closeSync(directory);
  writeFileSync(path("not-synced"), "lost");
  await using after = await disk.afterPowerCut();
  expect(readFileSync(join(after.path, "synced"), "utf8")).toBe("kept");
  expect(existsSync(join(after.path, "not-synced"))).toBe(false);
});

it("is a host's /srv, and leaves no loop device behind", { timeout: 300_000 }, async ({ skip }) => {
  skip(lackingDisks() !== undefined, lackingDisks());
  skip(lacking("namespace") !== undefined, lacking("namespace"));
  const disk = await mountDisk();
  await using hosts = await startHosts({ kind: "namespace", hosts: { h1: { binds: { "/srv": disk.path } } } });
  const h1 = hosts.get("h1");
  expect((await h1.run("mkdir /srv/shop")).status).toBe(0);
  await disk.fill();
  expect((await h1.run("head -c 5000 /dev/zero > /srv/shop/file")).stderr).toContain("No space left on device");
  expect(existsSync(h1.outside("/srv/shop"))).toBe(true);
  const device = execFileSync("findmnt", ["-no", "SOURCE", "--mountpoint", disk.path], { encoding: "utf8" }).trim();
  await hosts[Symbol.asyncDispose]();
  await disk[Symbol.asyncDispose]();
  expect(execFileSync("losetup", ["--all"], { encoding: "utf8" })).not.toContain(`${device}:`);
});
