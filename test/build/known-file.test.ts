import { readdirSync, readFileSync, renameSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { isFile } from "../../src/build/known-file.ts";
import { sha256 } from "../../src/system/index.ts";
import { makeGround, type Ground } from "./ground.ts";

const LARGE = Buffer.alloc(5 << 20, "caisson ");
const wanted = { digest: sha256(LARGE), size: LARGE.length };

let ground: Ground;
let path: string;
beforeEach(() => {
  ground = makeGround();
  path = join(ground.directory, "bundle.tar.gz");
  writeFileSync(path, LARGE);
});
afterEach(() => ground.remove());

function notes(): readonly string[] {
  const directory = join(ground.directory, ".home/cache/caisson/known-files");
  try {
    return readdirSync(directory).map((name) => join(directory, name));
  } catch {
    return [];
  }
}

/** Until the file's last change is older than a tick of the file system's clock. */
async function settle(): Promise<void> {
  while (Date.now() - statSync(path).ctimeMs < 100) await setTimeout(10);
}

it("knows a large file by its inode once it was hashed, and reads it no more", async () => {
  await settle();
  expect(await isFile(ground.context, path, wanted)).toBe(true);
  const [note = ""] = notes();
  // A note about other bytes shows who is believed: nobody who reads the file would say so.
  const lie = { digest: sha256("other"), size: LARGE.length };
  writeFileSync(note, readFileSync(note, "utf8").replace(wanted.digest, lie.digest));
  expect(await isFile(ground.context, path, lie)).toBe(true);
  expect(await isFile(ground.context, path, wanted)).toBe(true);
  expect(await isFile(ground.context, path, lie)).toBe(false);
});

it("sees a change of one byte, also when the times are set back", async () => {
  await settle();
  expect(await isFile(ground.context, path, wanted)).toBe(true);
  const { atime, mtime } = statSync(path);
  const changed = Buffer.from(LARGE);
  changed[LARGE.length >> 1] = 0;
  writeFileSync(path, changed);
  utimesSync(path, atime, mtime);
  expect(await isFile(ground.context, path, wanted)).toBe(false);
});

it("sees another file in its place, of the same size and times", async () => {
  await settle();
  expect(await isFile(ground.context, path, wanted)).toBe(true);
  const { atime, mtime } = statSync(path);
  writeFileSync(`${path}.new`, Buffer.alloc(LARGE.length));
  utimesSync(`${path}.new`, atime, mtime);
  renameSync(`${path}.new`, path);
  expect(await isFile(ground.context, path, wanted)).toBe(false);
});

it("notes nothing of a file that changed a moment ago, of a small one, or where it cannot", async () => {
  const soon = new Date(Date.now() + 60_000);
  utimesSync(path, soon, soon);
  expect(await isFile(ground.context, path, wanted)).toBe(true);
  // On a slow machine it has settled meanwhile.
  const before = Date.now() - statSync(path).ctimeMs < 100 ? 0 : 1;
  expect(notes().length).toBeLessThanOrEqual(before);
  writeFileSync(join(ground.directory, "small"), "small");
  expect(await isFile(ground.context, join(ground.directory, "small"), { digest: sha256("small"), size: 5 })).toBe(true);
  await settle();
  writeFileSync(join(ground.directory, "file"), "");
  expect(await isFile(ground.with({ XDG_CACHE_HOME: join(ground.directory, "file") }), path, wanted)).toBe(true);
  expect(notes().length).toBeLessThanOrEqual(before);
});
