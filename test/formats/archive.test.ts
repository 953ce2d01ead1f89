import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { expect, it } from "vitest";
import { readGzip, writeGzip } from "../../src/formats/archive/gzip.ts";
import type { NewMember } from "../../src/formats/archive/member.ts";
import { readTar } from "../../src/formats/archive/read-tar.ts";
import { writeTar } from "../../src/formats/archive/tar.ts";
import { writeZip } from "../../src/formats/archive/zip.ts";
import type { Bytes } from "../../src/model/index.ts";
import { gather } from "../support/memory-blobs.ts";

async function* stream(...chunks: readonly Uint8Array[]): Bytes {
  yield* chunks;
}

async function* members(...files: readonly (readonly [path: string, content: string])[]): AsyncIterable<NewMember> {
  for (const [path, content] of files) yield { path, kind: path.endsWith("/") ? "directory" : "file", mode: 0o644, size: Buffer.byteLength(content), open: () => stream(Buffer.from(content)) };
}

/** One file of zeros, as large as you like, that nobody has to keep. */
async function* enormous(path: string, size: number): AsyncIterable<NewMember> {
  const chunk = new Uint8Array(1 << 24);
  yield { path, kind: "file", mode: 0o644, size, open: async function* () {
    for (let left = size; left > 0; left -= chunk.length) yield chunk.subarray(0, Math.min(left, chunk.length));
  } };
}

it.each([0, 1, 65_534, 65_535, 65_536, 16 * 65_535, 16 * 65_535 + 1, 3_000_000])("writes %i bytes as a gzip that gzip finds sound", async (size) => {
  const content = createHash("shake256", { outputLength: size || 1 }).update("x").digest().subarray(0, size);
  const zipped = await gather(writeGzip(stream(content)));
  execFileSync("gzip", ["-t"], { input: zipped });
  expect(gunzipSync(zipped).equals(content)).toBe(true);
  expect((await gather(readGzip(stream(zipped)))).equals(content)).toBe(true);
  expect(zipped.length - size).toBeLessThan(32 + 5 * Math.ceil(size / 65_535));
});

it("writes the same gzip however its input is cut", async () => {
  const content = Buffer.alloc(200_000, "caisson ");
  const whole = await gather(writeGzip(stream(content)));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(200_000), { maxLength: 20 }), async (cuts) => {
      const ends = [...cuts.toSorted((a, b) => a - b), content.length];
      const pieces = ends.map((end, index) => content.subarray(ends[index - 1] ?? 0, end));
      expect((await gather(writeGzip(stream(...pieces)))).equals(whole)).toBe(true);
    }),
    { numRuns: 30 },
  );
});

it("reads what any gzip wrote, in several members too", async () => {
  expect((await gather(readGzip(stream(gzipSync("one "), gzipSync("two", { level: 9 }))))).toString()).toBe("one two");
});

it("writes names that tar and Python read: long, longer, and in any script", async () => {
  const names = ["a", `${"d/".repeat(60)}file`, `${"x".repeat(99)}/${"y".repeat(99)}`, `${"z".repeat(120)}.whl`, `${"very long directory name/".repeat(12)}f`, "naïve/файл.txt", "with space/and 'quote'", `${"e".repeat(99)}/`, `${"f".repeat(60)}/${"g".repeat(60)}/`];
  const tar = await gather(writeTar(members(...names.map((name) => [name, name.endsWith("/") ? "" : name] as const)), 1_700_000_000));
  expect(execFileSync("tar", ["tf", "-", "--quoting-style=literal"], { input: tar, encoding: "utf8" }).trimEnd().split("\n")).toEqual(names);
  const python = "import sys, io, tarfile\nfor m in tarfile.open(fileobj=io.BytesIO(sys.stdin.buffer.read())): sys.stdout.buffer.write((m.name + ('/' if m.isdir() else '') + '\\n').encode())";
  expect(execFileSync("python3", ["-I", "-c", python], { input: tar, encoding: "utf8" }).trimEnd().split("\n")).toEqual(names);
  const read: string[] = [];
  const contents: string[] = [];
  for await (const { path, kind, bytes } of readTar(stream(tar))) {
    read.push(kind === "directory" ? `${path}/` : path);
    contents.push((await gather(bytes)).toString());
  }
  expect(read).toEqual(names);
  expect(contents).toEqual(names.map((name) => (name.endsWith("/") ? "" : name)));
});

it("reads any tar in whatever chunks it comes, also where nobody reads the contents", async () => {
  const files = [["a/", ""], ["a/b", "x".repeat(1500)], ["a/c", ""], ["a/d", "y".repeat(512)]] as const;
  const tar = await gather(writeTar(members(...files), 0));
  for (const length of [1, 7, 511, 512, 513, 4096]) {
    const chunks = Array.from({ length: Math.ceil(tar.length / length) }, (_, at) => tar.subarray(at * length, (at + 1) * length));
    const found: (readonly [string, number])[] = [];
    for await (const { path, size } of readTar(stream(...chunks))) found.push([path, size]);
    expect(found).toEqual([["a", 0], ["a/b", 1500], ["a/c", 0], ["a/d", 512]]);
  }
});

it("writes a member of more than 8 GiB, which ustar alone cannot", async () => {
  const size = 9 * 2 ** 30;
  let length = 0;
  let head = Buffer.alloc(0);
  for await (const chunk of writeTar(enormous("big", size), 0)) {
    if (head.length < 2048) head = Buffer.concat([head, chunk.subarray(0, 2048)]);
    length += chunk.length;
  }
  expect(length).toBe(size + 3 * 512 + 1024);
  const python = "import sys, io, tarfile\nm = tarfile.open(fileobj=io.BytesIO(sys.stdin.buffer.read())).next(); print(m.name, m.size)";
  expect(execFileSync("python3", ["-I", "-c", python], { input: head, encoding: "utf8" }).trim()).toBe(`big ${size}`);
});

it("says that zip is too small before it has written anything", async () => {
  const chunks: number[] = [];
  const write = async (): Promise<void> => {
    for await (const chunk of writeZip(enormous("big", 2 ** 32), 0)) chunks.push(chunk.length);
  };
  await expect(write()).rejects.toMatchObject({ code: "format-unknown", hint: "build it as tar.gz" });
  expect(chunks).toEqual([]);
});

it("does not let a member be longer or shorter than it was announced", async () => {
  for (const size of [2, 4]) {
    const wrong = async function* (): AsyncIterable<NewMember> {
      yield { path: "a", kind: "file", mode: 0o644, size, open: () => stream(Buffer.from("abc")) };
    };
    await expect(gather(writeTar(wrong(), 0))).rejects.toMatchObject({ code: "digest-mismatch", message: `\`a\` has 3 bytes where ${size} were announced` });
    await expect(gather(writeZip(wrong(), 0))).rejects.toMatchObject({ code: "digest-mismatch" });
  }
});
