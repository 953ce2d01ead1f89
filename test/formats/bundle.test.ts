import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { writeGzip } from "../../src/formats/archive/gzip.ts";
import type { NewMember } from "../../src/formats/archive/member.ts";
import { writeTar } from "../../src/formats/archive/tar.ts";
import { writeZip } from "../../src/formats/archive/zip.ts";
import { artifactFileName, containers, formats, packBundle, parseFormat, unpackBundle, type ArchiveName } from "../../src/formats/index.ts";
import { digestHex, mediaTypes, printCanonicalJson, type Bytes, type Payload } from "../../src/model/index.ts";
import { openStore } from "../../src/store/index.ts";
import { createContext, ownPath, temporaryDirectory, type Context } from "../../src/system/index.ts";
import { has } from "../support/machine.ts";
import { gather, memoryBlobs, type MemoryBlobs } from "../support/memory-blobs.ts";
import { makeTwice } from "../support/make-twice.ts";
import { samplePayload } from "./sample-payload.ts";
import { writeBundleDirectory } from "./write-directory.ts";

const ctx: Context = createContext({ cwd: "/", env: process.env, report: () => undefined, signal: new AbortController().signal });
const files = containers.map(({ name }) => name).filter((name): name is ArchiveName => name !== "dir");

/** Write a bundle of that format into a directory; its path. */
async function writeBundle(payload: Payload, format: ArchiveName | "dir", blobs: MemoryBlobs, directory: string): Promise<string> {
  const path = join(directory, artifactFileName(payload, format));
  if (format === "dir") await writeBundleDirectory(payload, blobs, path);
  else writeFileSync(path, await gather(packBundle(ctx, payload, format, blobs)));
  return path;
}

async function* text(content: string): Bytes {
  yield Buffer.from(content);
}

/** Members that depend on nothing of this machine or this version. */
async function* fixedMembers(): AsyncIterable<NewMember> {
  yield { path: "top/", kind: "directory", mode: 0o755, size: 0, open: () => text("") };
  yield { path: `top/${"long/".repeat(30)}file`, kind: "file", mode: 0o755, size: 100_000, open: () => text("caisson.\n\n".repeat(10_000)) };
  yield { path: "top/ünïcode", kind: "file", mode: 0o644, size: 5, open: () => text("hello") };
}

it("row P4: has five containers of the bundle, and says which when asked for another", () => {
  expect(containers.map(({ name }) => name)).toEqual(["tar.gz", "tar.bz2", "tar", "zip", "dir"]);
  expect(formats.map(({ name }) => name)).toEqual(["tar.gz", "tar.bz2", "tar", "zip", "dir", "wheelhouse", "turret"]);
  expect(() => parseFormat("tar.xyz")).toThrow(expect.objectContaining({ code: "format-unknown", message: "unknown format `tar.xyz`", hint: "one of tar.gz, tar.bz2, tar, zip, dir, wheelhouse, turret" }) as Error);
});

it("row P3: lays a bundle out in one folder, sorted, with the files that people and install.sh look for", async () => {
  const blobs = memoryBlobs();
  const payload = await samplePayload(blobs);
  await using scratch = await temporaryDirectory("bundle test");
  const path = await writeBundle(payload, "tar.gz", blobs, scratch.path);
  const [library, loose] = payload.trees.map(({ id }) => digestHex(id));
  const other = payload.blobs.find(({ digest }) => digest !== payload.distributions[0]?.wheel.digest);
  expect(execFileSync("tar", ["tzf", path], { encoding: "utf8" }).trim().split("\n")).toEqual(
    [
      "", "PACKAGE", "PLATFORM", "VERSION", "data/", "data/agent.py", "data/blobs/", `data/blobs/${digestHex(other?.digest ?? "sha256:")}`, "data/payload.json", "data/trees/",
      ...[`data/trees/${library ?? ""}.json`, `data/trees/${loose ?? ""}.json`].toSorted(), "data/wheels/", "data/wheels/hello-1.0rc1-py3-none-any.whl", "info.json", "install.sh",
    ].map((name) => `Hello-1.0rc1-debian-12/${name}`),
  );
  execFileSync("tar", ["xzf", path], { cwd: scratch.path });
  const top = join(scratch.path, "Hello-1.0rc1-debian-12");
  expect(["PACKAGE", "VERSION", "PLATFORM"].map((name) => readFileSync(join(top, name), "utf8"))).toEqual(["Hello\n", "1.0rc1\n", "debian-12\n"]);
  expect(JSON.parse(readFileSync(join(top, "info.json"), "utf8"))).toMatchObject({ format: 1, name: "Hello", version: "1.0rc1", platform: "debian-12", ident: "Hello-1.0rc1", python: "3.11" });
  expect(readFileSync(join(top, "data/payload.json"), "utf8")).toBe(printCanonicalJson(payload));
  expect(readFileSync(join(top, "data/agent.py"))).toEqual(readFileSync(ownPath("dist/agent.py")));
  expect(statSync(join(top, "install.sh")).mode & 0o777).toBe(0o755);
  expect(statSync(join(top, "VERSION")).mtimeMs).toBe(1_700_000_001_000);
});

it("writes owner 0 and no names, whoever packs", async () => {
  const blobs = memoryBlobs();
  const payload = await samplePayload(blobs);
  const tar = await gather(packBundle(ctx, payload, "tar", blobs));
  const listing = execFileSync("tar", ["tvf", "-", "--numeric-owner"], { input: tar, encoding: "utf8", env: { ...process.env, TZ: "UTC" } }).trim().split("\n");
  expect(new Set(listing.map((line) => line.split(/\s+/)[1]))).toEqual(new Set(["0/0"]));
  expect(listing.filter((line) => !/^(drwxr-xr-x|-rw-r--r--|-rwxr-xr-x) /.test(line))).toEqual([]);
  expect(listing.filter((line) => !line.includes(" 2023-11-14 22:13 "))).toEqual([]);
});

it.each(files)("law 7: packs the same %s twice", async (format) => {
  const blobs = memoryBlobs();
  const payload = await samplePayload(blobs);
  const umask = process.umask();
  const { first, second } = await makeTwice(() => packBundle(ctx, structuredClone(payload), format, blobs), () => void process.umask(0o077));
  process.umask(umask);
  expect(second).toBe(first);
});

it("keeps the bytes it had when this test was written, wherever it runs", async () => {
  const tar = await gather(writeGzip(writeTar(fixedMembers(), 1_700_000_000)));
  expect(createHash("sha256").update(tar).digest("hex")).toBe("1e6a751a8e29e876939f28d8158e1da9c688f0c68993a58c97e7521af3d58afa");
  const zip = await gather(writeZip(fixedMembers(), 1_700_000_000));
  expect(createHash("sha256").update(zip).digest("hex")).toBe("f7064f0d9199cfda159697e30ffbbda494fbf2caeb2b85aae6ebfb0789fc136f");
});

it("row P16: is streamed into a file that sha256sum finds as we do", async () => {
  await using scratch = await temporaryDirectory("bundle test");
  const store = await openStore(ctx, join(scratch.path, "store"));
  const payload = await samplePayload(store);
  const { digest, size } = await store.write(packBundle(ctx, payload, "tar.gz", store), {}, mediaTypes.tarGz);
  const name = artifactFileName(payload, "tar.gz");
  await store.copyTo(digest, join(scratch.path, name));
  writeFileSync(join(scratch.path, `${name}.sha256`), `${digestHex(digest)}  ${name}\n`);
  expect(execFileSync("sha256sum", ["-c", `${name}.sha256`], { cwd: scratch.path, encoding: "utf8" })).toBe(`${name}: OK\n`);
  expect(statSync(join(scratch.path, name)).size).toBe(size);
});

it("comes back into a real store, where every blob of it can be read", async () => {
  await using scratch = await temporaryDirectory("bundle test");
  const blobs = memoryBlobs();
  const payload = await samplePayload(blobs);
  const path = await writeBundle(payload, "zip", blobs, scratch.path);
  const store = await openStore(ctx, join(scratch.path, "store"));
  const { descriptor } = await unpackBundle(ctx, path, store);
  expect(await store.readJson(descriptor.digest)).toEqual(payload);
  for (const [digest, bytes] of blobs.kept) expect((await gather(store.read(digest))).equals(bytes)).toBe(true);
});

it.each(["dir", ...files] as const)("comes back from %s as it was", async (name) => {
  const blobs = memoryBlobs();
  const payload = await samplePayload(blobs);
  await using scratch = await temporaryDirectory("bundle test");
  const path = await writeBundle(payload, name, blobs, scratch.path);
  const fresh = memoryBlobs();
  const { payload: read, descriptor } = await unpackBundle(ctx, path, fresh);
  expect(read).toEqual(payload);
  expect(digestHex(descriptor.digest)).toBe(createHash("sha256").update(printCanonicalJson(payload)).digest("hex"));
  expect([...fresh.kept.keys()].toSorted()).toEqual([...blobs.kept.keys(), descriptor.digest].toSorted());
});

it("tells a container by its content, not by its name", async () => {
  const blobs = memoryBlobs();
  const payload = await samplePayload(blobs);
  await using scratch = await temporaryDirectory("bundle test");
  for (const format of files) {
    const path = join(scratch.path, "download");
    writeFileSync(path, await gather(packBundle(ctx, payload, format, blobs)));
    expect((await unpackBundle(ctx, path, memoryBlobs())).payload).toEqual(payload);
  }
});

it("takes a bundle that tar or zip packed again from its directory", async () => {
  const blobs = memoryBlobs();
  const payload = await samplePayload(blobs);
  await using scratch = await temporaryDirectory("bundle test");
  const path = await writeBundle(payload, "dir", blobs, scratch.path);
  const folder = artifactFileName(payload, "dir");
  for (const words of [["tar", "-czf", "again", folder], ["tar", "--format=pax", "-cf", "again", folder], ["tar", "--format=gnu", "-cjf", "again", folder], ["python3", "-m", "zipfile", "-c", "again", folder]]) {
    execFileSync(words[0] ?? "", words.slice(1), { cwd: scratch.path });
    expect((await unpackBundle(ctx, join(scratch.path, "again"), memoryBlobs())).payload).toEqual(payload);
  }
  expect(readdirSync(path)).toContain("install.sh");
});

it.skipIf(!has("unzip"))("writes a zip that unzip finds sound (needs unzip)", async () => {
  const blobs = memoryBlobs();
  const payload = await samplePayload(blobs);
  await using scratch = await temporaryDirectory("bundle test");
  const path = await writeBundle(payload, "zip", blobs, scratch.path);
  expect(execFileSync("unzip", ["-t", path], { encoding: "utf8" })).toContain("No errors detected");
  execFileSync("unzip", ["-q", path], { cwd: scratch.path });
  expect(statSync(join(scratch.path, "Hello-1.0rc1-debian-12/install.sh")).mode & 0o777).toBe(0o755);
});

it("writes a zip that Python finds sound, with times of 1980 at the earliest", async () => {
  const blobs = memoryBlobs();
  const payload = { ...(await samplePayload(blobs)), revision: { id: "x", time: 0, dirty: true } };
  await using scratch = await temporaryDirectory("bundle test");
  const path = await writeBundle(payload, "zip", blobs, scratch.path);
  const script = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); print(z.testzip(), {i.date_time for i in z.infolist()}, {i.create_system for i in z.infolist()})";
  expect(execFileSync("python3", ["-c", script, path], { encoding: "utf8" }).trim()).toBe("None {(1980, 1, 1, 0, 0, 0)} {3}");
});

it("compresses with python3 where bzip2 is missing, to the same bytes, and says what is missing where both are", async () => {
  const blobs = memoryBlobs();
  const payload = await samplePayload(blobs);
  await using scratch = await temporaryDirectory("bundle test");
  const python = execFileSync("python3", ["-c", "import os, sys; print(os.path.dirname(os.path.realpath(sys.executable)))"], { encoding: "utf8" }).trim();
  const only = (directory: string): Context => createContext({ cwd: scratch.path, env: { PATH: directory }, report: () => undefined, signal: new AbortController().signal });
  const withPython = await gather(packBundle(only(python), payload, "tar.bz2", blobs));
  expect(withPython.equals(await gather(packBundle(ctx, payload, "tar.bz2", blobs)))).toBe(true);
  writeFileSync(join(scratch.path, "b"), withPython);
  expect((await unpackBundle(only(python), join(scratch.path, "b"), memoryBlobs())).payload).toEqual(payload);
  await expect(gather(packBundle(only(scratch.path), payload, "tar.bz2", blobs))).rejects.toMatchObject({ code: "tool-missing", message: "the format `tar.bz2` needs the program `bzip2`" });
});

it("stops when it is told to, packing and unpacking", async () => {
  const blobs = memoryBlobs();
  const payload = await samplePayload(blobs);
  await using scratch = await temporaryDirectory("bundle test");
  const path = await writeBundle(payload, "tar.gz", blobs, scratch.path);
  const stopped = createContext({ cwd: "/", env: {}, report: () => undefined, signal: AbortSignal.abort() });
  await expect(gather(packBundle(stopped, payload, "tar.gz", blobs))).rejects.toMatchObject({ code: "cancelled" });
  await expect(unpackBundle(stopped, path, memoryBlobs())).rejects.toMatchObject({ code: "cancelled" });
});
