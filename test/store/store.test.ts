import { chmod, lstat, mkdir, readdir, readFile, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { digestHex, mediaTypes, type Digest } from "../../src/model/index.ts";
import { defaultStoreDirectory, openStore } from "../../src/store/index.ts";
import { sha256 } from "../../src/system/index.ts";
import { temporaryStore } from "../support/temporary-store.ts";

const HELLO = sha256("hello");

async function text(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

async function* stream(...parts: readonly string[]): AsyncIterable<Uint8Array> {
  for (const part of parts) yield Buffer.from(part);
}

async function* broken(): AsyncIterable<Uint8Array> {
  yield Buffer.from("hel");
  throw new Error("line lost");
}

function pathOf(directory: string, blob: Digest): string {
  return join(directory, "store/blobs/sha256", digestHex(blob));
}

/** What a bad disk does. */
async function damage(path: string, bytes: string): Promise<void> {
  await chmod(path, 0o644);
  await writeFile(path, bytes);
}

describe("bytes", () => {
  it("keeps bytes under their digest, read-only, and gives them back", async () => {
    await using place = await temporaryStore();
    const blob = await place.store.write("hello", undefined, mediaTypes.wheel);
    expect(blob).toEqual({ digest: HELLO, size: 5, mediaType: mediaTypes.wheel });
    expect(await text(place.store.read(HELLO))).toBe("hello");
    expect((await lstat(pathOf(place.directory, HELLO))).mode & 0o777).toBe(0o444);
    expect(await place.store.has(HELLO)).toBe(true);
    expect(await place.store.has(sha256("other"))).toBe(false);
  });

  it("takes streams, texts and arrays for the same bytes", async () => {
    await using place = await temporaryStore();
    const big = "x".repeat(3_000_001);
    const blobs = [await place.store.write(big), await place.store.write(Buffer.from(big)), await place.store.write(stream(big.slice(0, 10), big.slice(10, 2_000_000), big.slice(2_000_000)))];
    expect(new Set(blobs.map(({ digest }) => digest))).toEqual(new Set([sha256(big)]));
    expect(await text(place.store.read(sha256(big)))).toBe(big);
    expect(await readdir(join(place.directory, "store/blobs/sha256"))).toHaveLength(1);
    expect(await text(place.store.read((await place.store.write("")).digest))).toBe("");
  });

  it("R1: leaves nothing behind when bytes are not what was expected", async () => {
    await using place = await temporaryStore();
    const wrong = { digest: sha256("other") };
    await expect(place.store.write("hello", wrong)).rejects.toMatchObject({ code: "digest-mismatch" });
    await expect(place.store.write(stream("hel", "lo"), wrong)).rejects.toMatchObject({ code: "digest-mismatch" });
    await expect(place.store.write(stream("hel", "lo"), { size: 4 })).rejects.toMatchObject({ code: "digest-mismatch", message: "expected 4 bytes, got more" });
    await expect(place.store.write("hello", { size: 6 })).rejects.toMatchObject({ code: "digest-mismatch", message: "expected 6 bytes, got 5" });
    expect(await readdir(join(place.directory, "store/tmp"))).toEqual([]);
    expect(await place.store.has(HELLO)).toBe(false);
  });

  it("leaves nothing behind when a stream breaks off", async () => {
    await using place = await temporaryStore();
    await expect(place.store.write(broken())).rejects.toThrow("line lost");
    expect(await readdir(join(place.directory, "store/tmp"))).toEqual([]);
  });

  it("R5: does not believe a file because it has the right name; writing heals it", async () => {
    await using place = await temporaryStore();
    await place.store.write("hello");
    for (const rotten of ["jello", "hello, and more", ""]) {
      await damage(pathOf(place.directory, HELLO), rotten);
      await expect(text(place.store.read(HELLO))).rejects.toMatchObject({ code: "digest-mismatch" });
      await expect(place.store.open(HELLO)).rejects.toMatchObject({ code: "digest-mismatch" });
      await expect(place.store.copyTo(HELLO, join(place.directory, "copy"))).rejects.toMatchObject({ code: "digest-mismatch" });
      expect(await readdir(place.directory)).toEqual(["store"]);
      await place.store.write(rotten === "" ? stream("hello") : "hello");
      expect(await text(place.store.read(HELLO))).toBe("hello");
    }
  });

  it("gives no last chunk of a blob that is damaged", async () => {
    await using place = await temporaryStore();
    const big = "x".repeat(1_000_000);
    const { digest } = await place.store.write(big);
    await damage(pathOf(place.directory, digest), `${big.slice(1)}y`);
    let got = 0;
    await expect((async () => {
      for await (const chunk of place.store.read(digest)) got += chunk.length;
    })()).rejects.toMatchObject({ code: "digest-mismatch" });
    expect(got).toBeLessThan(big.length);
  });

  it("says what is missing", async () => {
    await using place = await temporaryStore();
    await expect(text(place.store.read(HELLO))).rejects.toMatchObject({ code: "blob-missing", message: `the store lacks \`${HELLO}\`` });
    await expect(place.store.open(HELLO)).rejects.toMatchObject({ code: "blob-missing" });
    await expect(place.store.copyTo(HELLO, join(place.directory, "copy"))).rejects.toMatchObject({ code: "blob-missing" });
  });

  it("R6: a reader keeps what it has opened, whatever happens to the name", async () => {
    await using place = await temporaryStore();
    await place.store.write("hello");
    await using blob = await place.store.open(HELLO);
    await rm(pathOf(place.directory, HELLO));
    expect(Buffer.from(await blob.read(1, 3)).toString()).toBe("ell");
    expect(Buffer.from(await blob.read(3, 100)).toString()).toBe("lo");
    expect(blob.size).toBe(5);
  });

  it("R14: makes paths of digests only, and follows no link", async () => {
    await using place = await temporaryStore();
    for (const name of ["../../../etc/passwd", "sha256:../../refs", `sha256:${"A".repeat(64)}`, `sha256:${"0".repeat(63)}`]) {
      await expect(text(place.store.read(name as Digest))).rejects.toMatchObject({ code: "digest-mismatch" });
      await expect(place.store.has(name as Digest)).rejects.toMatchObject({ code: "digest-mismatch" });
    }
    await writeFile(join(place.directory, "outside"), "hello");
    await symlink(join(place.directory, "outside"), pathOf(place.directory, HELLO));
    await expect(text(place.store.read(HELLO))).rejects.toThrow("ELOOP");
    await place.store.write("hello");
    expect((await lstat(pathOf(place.directory, HELLO))).isFile()).toBe(true);
  });

  it("hands out copies that are their owner's: another inode, the mode that was asked for", async () => {
    await using place = await temporaryStore();
    await place.store.write("hello");
    const copy = join(place.directory, "copy");
    await writeFile(copy, "something older");
    await place.store.copyTo(HELLO, copy, 0o755);
    expect(await readFile(copy, "utf8")).toBe("hello");
    const [ours, theirs] = [await lstat(pathOf(place.directory, HELLO)), await lstat(copy)];
    expect(theirs.ino).not.toBe(ours.ino);
    expect(theirs.mode & 0o777).toBe(0o755);
  });

  it("takes a file in and leaves it where it is", async () => {
    await using place = await temporaryStore();
    const path = join(place.directory, "file");
    await writeFile(path, "hello");
    expect(await place.store.adopt(path, { digest: HELLO, size: 5 }, mediaTypes.zip)).toEqual({ digest: HELLO, size: 5, mediaType: mediaTypes.zip });
    expect(await readFile(path, "utf8")).toBe("hello");
  });

  it("writes values as canonical JSON and reads them", async () => {
    await using place = await temporaryStore();
    const blob = await place.store.writeJson({ b: [1, "ü"], a: undefined, A: null }, mediaTypes.payload);
    expect(await text(place.store.read(blob.digest))).toBe('{"A":null,"b":[1,"ü"]}');
    expect(await place.store.readJson(blob.digest)).toEqual({ A: null, b: [1, "ü"] });
  });
});

describe("a store's directory", () => {
  it("is made where it is missing, and found again", async () => {
    await using place = await temporaryStore();
    const directory = join(place.directory, "deep/er");
    await (await openStore(place.ctx, "deep/er")).write("hello");
    const again = await openStore(place.ctx, directory);
    expect(again.directory).toBe(directory);
    expect(await text(again.read(HELLO))).toBe("hello");
  });

  it("R12: what dead writers left is removed; what living ones write, or wrote just now, is not", async () => {
    await using place = await temporaryStore();
    const temporary = join(place.directory, "store/tmp");
    const old = Date.now() / 1000 - 7200;
    const dead = 2 ** 22 + 1;
    for (const [name, time] of [[`${dead}-old`, old], [`${dead}-young`, old + 7000], [`${process.pid}-ours`, old], ["stray", old]] as const) {
      await writeFile(join(temporary, name), "half");
      await utimes(join(temporary, name), time, time);
    }
    await openStore(place.ctx, "store");
    expect((await readdir(temporary)).toSorted()).toEqual([`${dead}-young`, `${process.pid}-ours`].toSorted());
  });

  it.skipIf(process.getuid?.() === 0)("says so when it may not be written (needs a user that is not root)", async () => {
    await using place = await temporaryStore();
    await mkdir(join(place.directory, "locked"), { mode: 0o500 });
    await expect(openStore(place.ctx, "locked/store")).rejects.toMatchObject({ code: "permission" });
  });

  it("lies where CAISSON_STORE says, else in the user's data", () => {
    expect(defaultStoreDirectory({ CAISSON_STORE: "/s", HOME: "/h" })).toBe("/s");
    expect(defaultStoreDirectory({ XDG_DATA_HOME: "/d", HOME: "/h" })).toBe("/d/caisson/store");
    expect(defaultStoreDirectory({ XDG_DATA_HOME: "relative", HOME: "/h" })).toBe("/h/.local/share/caisson/store");
    expect(() => defaultStoreDirectory({})).toThrow("neither CAISSON_STORE nor HOME");
  });
});
