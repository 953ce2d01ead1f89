import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { bytesSource, normalizeWheel, readMember, readWheel, readZip, streamNormalWheel } from "../../src/python/index.ts";
import { sha256, temporaryDirectory } from "../../src/system/index.ts";
import { makeWheel, readMade, type MadeWheel } from "./made-wheel.ts";

const INFO = "demo-1.0.dist-info";
const DATA = "demo-1.0.data";

async function normal(wheel: MadeWheel): Promise<Uint8Array> {
  const { fileName, bytes } = makeWheel(wheel);
  return await normalizeWheel(fileName, bytesSource(bytes));
}

/** As written in pieces. */
async function streamed(wheel: MadeWheel): Promise<Uint8Array> {
  const { fileName, bytes } = makeWheel(wheel);
  return Buffer.concat(await collect(streamNormalWheel(fileName, bytesSource(bytes), keepInMemory)));
}

/** What is put aside. */
async function keepInMemory(all: AsyncIterable<Uint8Array>): Promise<() => AsyncIterable<Uint8Array>> {
  const kept = await collect(all);
  return async function* () {
    yield* kept;
  };
}

async function collect(all: AsyncIterable<Uint8Array>): Promise<readonly Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of all) chunks.push(chunk);
  return chunks;
}

describe("a wheel made normal", () => {
  const files = { "demo/z.py": "z\n".repeat(100), "demo/é.py": "e", "demo/__pycache__/z.cpython-311.pyc": "x", [`${DATA}/scripts/run`]: "#!/bin/sh\n", "demo/empty.py": "" };
  const members = { "demo/é.py": { both: { flags: 0x800 } } };

  it("is one byte sequence, whatever order, modes, times, compression and bytecode it was built with", async () => {
    const one = await normal({ files, members });
    const rest = Object.fromEntries(Object.entries(files).filter(([path]) => !path.includes("pyc")).toReversed());
    const two = await normal({ files: rest, modes: { "demo/z.py": 0o100600 }, members: { ...members, "demo/z.py": { deflate: true } }, more: [{ name: "demo/", mode: 0o040700 }] });
    expect(Buffer.from(one).equals(two)).toBe(true);
    // The bytes themselves: they may not change with Node, zlib or the day.
    expect(sha256(one)).toBe("sha256:3313cb7482342ef4286acc70543f9f38f9fc0cc969b64c4b4c6e42611195b8f2");
  });

  it("is the same distribution, sorted, without bytecode and directories, and does not change again", async () => {
    const bytes = await normal({ files, members });
    const zip = await readZip(bytesSource(bytes));
    expect(zip.members.map(({ name }) => name)).toEqual([`${DATA}/scripts/run`, `${INFO}/METADATA`, `${INFO}/RECORD`, `${INFO}/WHEEL`, "demo/__init__.py", "demo/empty.py", "demo/z.py", "demo/é.py"]);
    expect(Buffer.from(await readMember(zip, zip.members[2]!)).toString()).not.toContain("pyc");
    const again = await readWheel("demo-1.0-py3-none-any.whl", { digest: sha256(bytes), size: bytes.length, mediaType: "" }, bytesSource(bytes));
    expect(again.tree.id).toBe((await readMade({ files, members })).tree.id);
    expect(Buffer.from(await normalizeWheel("demo-1.0-py3-none-any.whl", bytesSource(bytes))).equals(bytes)).toBe(true);
  });

  it("is the same bytes where it is written in pieces, for it does not fit into memory", async () => {
    const odd = { ...files, "demo/noise.bin": Buffer.from(Array.from({ length: 300 }, (_, at) => sha256(String(at))).join("").slice(0, 10_000), "utf8") };
    expect(Buffer.from(await streamed({ files: odd, members })).equals(await normal({ files: odd, members }))).toBe(true);
  });

  it("may have files of any size where it is written in pieces: each comes out as it went in, and in one way", async () => {
    await using scratch = await temporaryDirectory("caisson-normal");
    const large = Buffer.alloc(9 << 20, "caisson ");
    const pattern = Buffer.alloc(9 << 20);
    for (let at = 0, word = 1; at < pattern.length; at += 4) pattern.writeUInt32LE((word = (Math.imul(word, 1_664_525) + 1_013_904_223) >>> 0), at);
    const bytes = await streamed({ files: { "demo/large.txt": large, "demo/noise.bin": pattern } });
    expect(Buffer.from(await streamed({ files: { "demo/noise.bin": pattern, "demo/large.txt": large } })).equals(bytes)).toBe(true);
    const zip = await readZip(bytesSource(bytes));
    expect(zip.members.filter(({ size }) => size === large.length).map(({ name, method }) => [name, method])).toEqual([["demo/large.txt", 8], ["demo/noise.bin", 0]]);
    await readWheel("demo-1.0-py3-none-any.whl", { digest: sha256(bytes), size: bytes.length, mediaType: "" }, bytesSource(bytes));
    const path = join(scratch.path, "demo.whl");
    writeFileSync(path, bytes);
    expect(execFileSync("python3", ["-I", "-c", "import sys, zipfile\nprint(zipfile.ZipFile(sys.argv[1]).testzip())", path], { encoding: "utf8" })).toBe("None\n");
  });

  it("names no place of its build in a bill of materials", async () => {
    const bills = ["/a b/x", "/c/y"].map((place) => ({ place, files: { ...files, [`${INFO}/sboms/demo.json`]: `{"ref": "path+file://${place.replace(" ", "%20")}/src#demo", "at": "${place}/src"}` } }));
    const made = await Promise.all(bills.flatMap(({ place, files: each }) => {
      const { fileName, bytes } = makeWheel({ files: each, members });
      return [normalizeWheel(fileName, bytesSource(bytes), place), collect(streamNormalWheel(fileName, bytesSource(bytes), keepInMemory, place)).then((chunks) => Buffer.concat(chunks))];
    }));
    expect(new Set(made.map((bytes) => sha256(bytes))).size).toBe(1);
  });

  it("is read by Python's zipfile, with the first day and plain modes", async () => {
    await using scratch = await temporaryDirectory("caisson-normal");
    const path = join(scratch.path, "demo.whl");
    writeFileSync(path, await normal({ files, members, modes: { "demo/z.py": 0o100711 } }));
    const script = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\nassert z.testzip() is None\nprint(sorted({(i.date_time[:3], oct(i.external_attr >> 16), i.flag_bits & 8) for i in z.infolist()}))";
    expect(execFileSync("python3", ["-I", "-c", script, path], { encoding: "utf8" })).toBe("[((1980, 1, 1), '0o100644', 0), ((1980, 1, 1), '0o100755', 0)]\n");
  });

  it("wheels W8: is not made from a wheel whose RECORD is wrong", async () => {
    await expect(normal({ record: (right) => right.replace(",25\n", ",24\n") })).rejects.toThrow(/^W8: /);
  });
});
