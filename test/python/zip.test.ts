import { randomBytes } from "node:crypto";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesSource, readMember, readZip, type ByteSource } from "../../src/python/index.ts";
import { temporaryDirectory } from "../../src/system/index.ts";
import { descriptor, extraField, longs, rawZip, zip64End, type RawEnd, type RawMember } from "./raw-zip.ts";

async function contentOf(bytes: Uint8Array): Promise<Record<string, string>> {
  const zip = await readZip(bytesSource(bytes));
  return Object.fromEntries(await Promise.all(zip.members.map(async (member) => [member.name, Buffer.from(await readMember(zip, member)).toString()] as const)));
}

describe("what a strict reader of zips accepts", () => {
  const accepted: readonly (readonly [what: string, member: RawMember, end: RawEnd])[] = [
    ["wheels Z9: a directory", { name: "a/", mode: 0o040755 }, {}],
    ["wheels Z10: a deflated member", { name: "a", content: "text", deflate: true }, {}],
    ["wheels Z4: a member with a data descriptor", { name: "a", content: "text", both: { flags: 8 }, local: { crc32: 0, size: 0, compressedSize: 0 }, behind: descriptor("text") }, {}],
    ["wheels Z4: a data descriptor without its signature", { name: "a", content: "text", both: { flags: 8 }, behind: descriptor("text").subarray(4) }, {}],
    ["wheels Z5: zip64 sizes of a small member", { name: "a", content: "text", both: { size: 0xffff_ffff, compressedSize: 0xffff_ffff, extra: extraField(1, longs(4, 4)) } }, {}],
    ["wheels Z5: a zip64 field that says the same twice", { name: "a", content: "text", local: { extra: extraField(1, longs(4, 4)) } }, {}],
    ["wheels Z5: a zip64 end record", { name: "a", content: "text" }, { zip64: zip64End }],
    ["wheels Z7: a name in UTF-8 that says so", { name: "ä/☃.py", content: "text", both: { flags: 0x800 } }, {}],
    ["wheels Z11: a member without a mode", { name: "a", content: "text", mode: 0 }, {}],
    ["wheels Z3: a comment", { name: "a", content: "text" }, { comment: Buffer.from("built with love") }],
  ];
  it.each(accepted)("%s", async (_, member, end) => {
    expect(await contentOf(rawZip([member], end))).toEqual({ [String(member.name)]: member.content ?? "" });
  });

  it("wheels Z8: one path twice with the same bytes is one member", async () => {
    const twin = { name: "a", content: "text" };
    expect(await contentOf(rawZip([twin, { name: "b" }, { ...twin, deflate: true }]))).toEqual({ a: "text", b: "" });
  });

  it("a zip without members", async () => {
    expect(await contentOf(rawZip([]))).toEqual({});
  });
});

it("gives back what Python's zipfile wrote, whatever the names, contents and ways to write", async () => {
  await using scratch = await temporaryDirectory("caisson-zip");
  const name = fc.stringMatching(/^[a-z0-9é☃ ._-]{1,12}$/).filter((text) => text !== "." && text !== "..");
  const file = fc.tuple(fc.array(name, { minLength: 1, maxLength: 3 }).map((steps) => steps.join("/")), fc.oneof(fc.string({ maxLength: 400 }), fc.nat(60_000).map((count) => "xyz".repeat(count))));
  const sample = fc.sample(fc.tuple(fc.array(file, { maxLength: 8 }), fc.boolean(), fc.boolean()), { numRuns: 60, seed: 11 });
  const cases = sample.map(([files, stream, wide]) => ({ files: Object.fromEntries(files.filter(([path], at) => files.findIndex(([other]) => other === path || other.startsWith(`${path}/`) || path.startsWith(`${other}/`)) === at)), stream, wide }));
  writeFileSync(join(scratch.path, "cases.json"), JSON.stringify(cases));
  execFileSync("python3", ["-I", "-c", WRITE_ZIPS, scratch.path]);
  const { readFile } = await import("node:fs/promises");
  for (const [at, { files }] of cases.entries()) expect(await contentOf(await readFile(join(scratch.path, `${at}.zip`)))).toEqual(files);
});

const WRITE_ZIPS = `
import json, sys, zipfile, os
class Unseekable:
    def __init__(self, f): self.f = f
    def write(self, b): return self.f.write(b)
    def flush(self): self.f.flush()
for at, case in enumerate(json.load(open(os.path.join(sys.argv[1], "cases.json")))):
    with open(os.path.join(sys.argv[1], "%d.zip" % at), "wb") as f:
        with zipfile.ZipFile(Unseekable(f) if case["stream"] else f, "w", zipfile.ZIP_DEFLATED) as z:
            for name, text in case["files"].items():
                with z.open(name, "w", force_zip64=case["wide"]) as member: member.write(text.encode())
`;

it("refuses a zip or gives the same content, wherever one byte is changed", async () => {
  const honest = rawZip([{ name: "a.py", content: "print('hello')\n".repeat(20), deflate: true }, { name: "b/", mode: 0o040755 }, { name: "b/c.txt", content: "stored" }]);
  const content = await contentOf(honest);
  const outcomes = await Promise.all(
    Array.from(honest, async (_, at) => {
      const changed = Buffer.from(honest);
      changed[at] = (changed[at] ?? 0) ^ 0x11;
      return await contentOf(changed).then(
        // Names are what they are; everything else must be as it was.
        (read) => (JSON.stringify(Object.values(read)) === JSON.stringify(Object.values(content)) ? "unseen" : `byte ${at} changes what is read`),
        (error: unknown) => (/^CaissonError: Z\d+: /.test(String(error)) ? "refused" : `byte ${at}: ${String(error)}`),
      );
    }),
  );
  expect(outcomes.filter((outcome) => outcome !== "unseen" && outcome !== "refused")).toEqual([]);
  // Versions, times, attributes and the directory's own name may change; no byte of content may.
  expect(outcomes.filter((outcome) => outcome === "unseen").length).toBeLessThan(honest.length / 2);
});

it("streams a member that is larger than what it keeps in memory, and reads the source in few large pieces", async () => {
  const large = Buffer.concat([randomBytes(3 << 20), Buffer.alloc(20 << 20, "abcdefgh")]);
  const small = Array.from({ length: 500 }, (_, at) => ({ name: `small/${at}`, content: `text ${at}`, deflate: true }));
  const bytes = rawZip([...small, { name: "large", data: deflateRawSync(large), content: large, both: { method: 8 } }, { name: "stored", content: large }]);
  const reads: number[] = [];
  const source: ByteSource = { size: bytes.length, read: async (offset, length) => (reads.push(length), bytes.subarray(offset, offset + length)) };
  const zip = await readZip(source);
  const chunks: Record<string, Uint8Array[]> = {};
  for (const member of zip.members) for await (const chunk of zip.open(member)) (chunks[member.name] ??= []).push(chunk);
  expect(zip.members.filter((member) => Buffer.concat(chunks[member.name] ?? []).length !== member.size)).toEqual([]);
  expect(Buffer.concat(chunks["large"] ?? []).equals(large)).toBe(true);
  expect(Math.max(...["large", "stored"].flatMap((name) => (chunks[name] ?? []).map((chunk) => chunk.length)))).toBeLessThanOrEqual(1 << 20);
  expect(reads.length).toBeLessThan(40);
  expect(Math.max(...reads)).toBeLessThanOrEqual(1 << 20);
});

it("wheels Z6: a large member with a wrong CRC never gives its last chunk", async () => {
  const large = Buffer.alloc(20 << 20, "abcdefgh");
  const zip = await readZip(bytesSource(rawZip([{ name: "large", content: large, deflate: true, both: { crc32: 1 } }])));
  let seen = 0;
  const reading = (async () => {
    for await (const chunk of zip.open(zip.members[0]!)) seen += chunk.length;
  })();
  await expect(reading).rejects.toThrow(/^Z6: /);
  expect(seen).toBeLessThan(large.length);
});

/** A directory entry whose numbers all stand in its zip64 field. */
function wideEntry(offset: number, size: number): NonNullable<RawMember["central"]> {
  return { offset: 0xffff_ffff, size: 0xffff_ffff, compressedSize: 0xffff_ffff, extra: extraField(1, longs(size, size, offset)) };
}

it("wheels Z5: finds a member beyond 4 GB, without reading what lies before it", async () => {
  const far = 5_000_000_000;
  const content = "far away";
  const nearLocal = rawZip([{ name: "near", data: Buffer.alloc(0), local: { crc32: 0, size: 0xffff_ffff, compressedSize: 0xffff_ffff, extra: extraField(1, longs(far - 54, far - 54)) } }]).subarray(0, 54);
  const tail = rawZip([{ name: "far", content, central: wideEntry(far, content.length) }, { name: "near", hidden: "from-body", central: { ...wideEntry(0, far - 54), crc32: 0 } }], {
    zip64: (start, size, count) => zip64End(start + far, size, count),
    start: 0xffff_ffff,
  });
  const reads: number[] = [];
  const source: ByteSource = {
    size: far + tail.length,
    read: async (offset, length) => {
      reads.push(length);
      const bytes = Buffer.alloc(length);
      nearLocal.copy(bytes, 0, Math.min(offset, 54));
      if (offset + length > far) tail.copy(bytes, Math.max(0, far - offset), Math.max(0, offset - far));
      return bytes;
    },
  };
  const zip = await readZip(source);
  expect(zip.members.map(({ name, size }) => [name, size])).toEqual([["near", far - 54], ["far", content.length]]);
  expect(Buffer.from(await readMember(zip, zip.members[1]!)).toString()).toBe(content);
  expect(Math.max(...reads)).toBeLessThan(1 << 20);
});
