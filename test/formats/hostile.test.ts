import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { packBundle, unpackBundle } from "../../src/formats/index.ts";
import { CaissonError, printCanonicalJson, type Payload } from "../../src/model/index.ts";
import { createContext, temporaryDirectory, type Context } from "../../src/system/index.ts";
import { gather, memoryBlobs, type MemoryBlobs } from "../support/memory-blobs.ts";
import { samplePayload } from "./sample-payload.ts";
import { writeBundleDirectory } from "./write-directory.ts";

const ctx: Context = createContext({ cwd: "/", env: process.env, report: () => undefined, signal: new AbortController().signal });
const folder = "Hello-1.0rc1-debian-12";

/** What unpackBundle says of a file; "taken" where it takes it. Whatever it says, nothing may be said in another code. */
async function verdict(path: string): Promise<string> {
  try {
    await unpackBundle(ctx, path, memoryBlobs());
    return "taken";
  } catch (error) {
    if (!(error instanceof CaissonError) || error.code !== "bundle-invalid") throw error;
    return error.message;
  }
}

async function verdictOf(bytes: Uint8Array): Promise<string> {
  await using scratch = await temporaryDirectory("hostile");
  writeFileSync(join(scratch.path, "b"), bytes);
  return await verdict(join(scratch.path, "b"));
}

/** A bundle as a directory, changed by `change`, and what is said of it. */
async function verdictAfter(change: (directory: string, payload: Payload) => void): Promise<string> {
  await using scratch = await temporaryDirectory("hostile");
  const blobs = memoryBlobs();
  const payload = await samplePayload(blobs);
  const path = join(scratch.path, folder);
  await writeBundleDirectory(payload, blobs, path);
  change(path, payload);
  return await verdict(path);
}

async function sampleBytes(format: "tar" | "tar.gz" | "tar.bz2" | "zip"): Promise<Buffer> {
  const blobs: MemoryBlobs = memoryBlobs();
  return await gather(packBundle(ctx, await samplePayload(blobs), format, blobs));
}

/** An archive that Python makes: `add(name, type, content)` into `t` or `z`. */
function makeArchive(kind: "tarfile" | "zipfile", body: string): Buffer {
  const open = kind === "tarfile"
    ? `import io, sys, tarfile
out = io.BytesIO(); t = tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT)
def add(name, kind=tarfile.REGTYPE, content=b"", link=""):
    i = tarfile.TarInfo(name); i.type = kind; i.size = len(content); i.linkname = link; t.addfile(i, io.BytesIO(content))`
    : `import io, sys, warnings, zipfile
warnings.simplefilter("ignore")
out = io.BytesIO(); t = zipfile.ZipFile(out, "w")
def add(name, content=b"", mode=0o100644, how=0):
    i = zipfile.ZipInfo(name); i.external_attr = mode << 16; i.create_system = 3; i.compress_type = how; t.writestr(i, content)`;
  return execFileSync("python3", ["-I", "-c", `${open}\n${body}\nt.close(); sys.stdout.buffer.write(out.getvalue())`]);
}

it.each([
  ["a link", 'add("x/", tarfile.DIRTYPE); add("x/VERSION", tarfile.SYMTYPE, link="/etc/passwd")', "the bundle has a member that is neither file nor directory: `x/VERSION`"],
  ["a hard link", 'add("x/VERSION", tarfile.LNKTYPE, link="../../etc/passwd")', "the bundle has a member that is neither file nor directory: `x/VERSION`"],
  ["a device", 'add("x/data", tarfile.CHRTYPE)', "the bundle has a member that is neither file nor directory: `x/data`"],
  ["a fifo", 'add("x/data", tarfile.FIFOTYPE)', "the bundle has a member that is neither file nor directory: `x/data`"],
  ["an absolute name", 'add("/etc/cron.d/x", content=b"x")', "the bundle has a member outside its folder: `/etc/cron.d/x`"],
  ["a name that goes up", 'add("x/../../VERSION", content=b"x")', "the bundle has a member outside its folder: `x/../../VERSION`"],
  ["a name that begins with a dot", 'add("./x/VERSION", content=b"x")', "the bundle has a member outside its folder: `./x/VERSION`"],
  ["a backslash", 'add("x/..\\\\\\\\VERSION", content=b"x")', "the bundle has a member outside its folder: `x/..\\\\VERSION`"],
  ["two folders", 'add("x/VERSION"); add("y/VERSION")', "the bundle has more than one folder: `y` beside `x`"],
  ["a turret's archive", 'add("config.json"); add("setup.py")', "this is a turret's archive, and no bundle"],
  ["a member twice", 'add("x/VERSION"); add("x/VERSION")', "the bundle has the member `VERSION` twice"],
  ["a file and a directory of one name", 'add("x/data/", tarfile.DIRTYPE); add("x/data")', "the bundle has the member `data` twice"],
  ["a strange member", 'add("x/", tarfile.DIRTYPE); add("x/setup.sh", content=b"x")', "the bundle has a member that does not belong there: `x/setup.sh`"],
  ["a strange directory", 'add("x/bin/", tarfile.DIRTYPE)', "the bundle has a member that does not belong there: `x/bin`"],
  ["a wheel in a directory of its own", 'add("x/data/wheels/a/b.whl")', "the bundle has a member that does not belong there: `x/data/wheels/a/b.whl`"],
  ["nothing but a folder", 'add("x/", tarfile.DIRTYPE)', "the bundle lacks `PACKAGE`"],
  ["a file instead of a folder", 'add("x", content=b"x")', "the bundle has a member that does not belong there: `x`"],
])("refuses a tar with %s", async (_, body, message) => {
  const tar = makeArchive("tarfile", body);
  expect(await verdictOf(tar)).toBe(message);
  expect(await verdictOf(gzipSync(tar))).toBe(message);
});

it.each([
  ["a link", 'add("x/VERSION", b"/etc/passwd", 0o120777)', "the bundle has a member that is neither file nor directory: `x/VERSION`"],
  ["a name that goes up", 'add("x/../../VERSION")', "the bundle has a member outside its folder: `x/../../VERSION`"],
  ["an absolute name", 'add("/x")', "the bundle has a member outside its folder: `/x`"],
  ["a member twice", 'add("x/VERSION"); add("x/VERSION")', "the bundle has the member `VERSION` twice"],
  ["a strange member", 'add("x/setup.sh", b"x")', "the bundle has a member that does not belong there: `x/setup.sh`"],
  ["a method of its own", 'add("x/VERSION", b"x" * 99, how=zipfile.ZIP_LZMA)', "the bundle has a member that is neither stored nor deflated: `x/VERSION`"],
])("refuses a zip with %s", async (_, body, message) => {
  expect(await verdictOf(makeArchive("zipfile", body))).toBe(message);
});

it("tells a newer bundle from a damaged one, whatever else is strange in it", async () => {
  expect(await verdictOf(makeArchive("tarfile", `add("x/VERSION"); add("x/new/", tarfile.DIRTYPE); add("x/info.json", content=b'{"format":2}')`))).toBe("the bundle has format 2, made by a newer Caisson; this one reads up to 1");
  expect(await verdictAfter((directory, payload) => writeFileSync(join(directory, "data/payload.json"), printCanonicalJson({ ...payload, schema: "caisson.payload/2" })))).toBe("the bundle's payload has version 2, made by a newer Caisson; this one reads version 1");
});

it.each(["tar", "tar.gz", "tar.bz2", "zip"] as const)("refuses a %s that is cut short, wherever", async (format) => {
  const whole = await sampleBytes(format);
  for (const share of [0.02, 0.3, 0.6, 0.9, 0.99]) expect(await verdictOf(whole.subarray(0, Math.max(600, Math.floor(whole.length * share))))).toMatch(/cut short|damaged|not a bundle/);
});

it.each(["tar", "tar.gz", "zip"] as const)("takes nothing else in from a %s in which any one bit is changed", async (format) => {
  const blobs = memoryBlobs();
  const whole = await gather(packBundle(ctx, await samplePayload(blobs), format, blobs));
  await using scratch = await temporaryDirectory("hostile");
  const path = join(scratch.path, "b");
  const outcomes = { refused: 0, same: 0, other: 0 };
  // A prime step, so that every place of a header and a block is met.
  for (let at = 0; at < whole.length; at += 131) {
    const damaged = Buffer.from(whole);
    damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
    writeFileSync(path, damaged);
    const taken = memoryBlobs();
    try {
      await unpackBundle(ctx, path, taken);
      outcomes[[...blobs.kept.keys()].every((digest) => taken.kept.has(digest)) ? "same" : "other"]++;
    } catch (error) {
      if (!(error instanceof CaissonError) || error.code !== "bundle-invalid") throw error;
      outcomes.refused++;
    }
  }
  expect(outcomes.other).toBe(0);
  expect(outcomes.refused).toBeGreaterThan(30);
});

it("refuses bytes after the end of a tar, and bytes between the members of a zip", async () => {
  const tar = await sampleBytes("tar");
  expect(await verdictOf(Buffer.concat([tar, Buffer.alloc(512, 1)]))).toBe("the bundle goes on after its end");
  expect(await verdictOf(Buffer.concat([tar, Buffer.alloc(8192)]))).toBe("taken");
  const zip = await sampleBytes("zip");
  expect(await verdictOf(Buffer.concat([zip.subarray(0, 4), zip]))).toMatch(/not where its end says/);
  expect(await verdictOf(Buffer.concat([zip, Buffer.from("x")]))).toMatch(/cut short, or no plain zip/);
});

it("refuses a zip whose member grows beyond what it announced", async () => {
  const zip = makeArchive("zipfile", 'add("x/VERSION", b"0" * 100000, how=zipfile.ZIP_DEFLATED)');
  for (const signature of ["PK\u0003\u0004", "PK\u0001\u0002"]) zip.writeUInt32LE(10, zip.indexOf(signature, 0, "latin1") + (signature.includes("\u0003") ? 22 : 24));
  expect(await verdictOf(zip)).toBe("the bundle has a member that contradicts itself: `x/VERSION`");
});

it("refuses what is no archive, and what is not there", async () => {
  await using scratch = await temporaryDirectory("hostile");
  writeFileSync(join(scratch.path, "text"), "hello\n");
  expect(await verdict(join(scratch.path, "text"))).toMatch(/^`.*\/text` is not a bundle: neither tar, gzip, bzip2 nor zip$/);
  expect(await verdict(join(scratch.path, "nothing"))).toMatch(/^there is no bundle `.*\/nothing`$/);
  mkdirSync(join(scratch.path, "empty"));
  expect(await verdict(join(scratch.path, "empty"))).toBe("the bundle lacks `PACKAGE`");
});

it("refuses a directory with a link in it", async () => {
  expect(await verdictAfter((directory) => symlinkSync("/etc/passwd", join(directory, "data/blobs/x")))).toBe("the bundle has a member that is neither file nor directory: `data/blobs/x`");
});

function changeTree(change: (text: string) => string): (directory: string, payload: Payload) => void {
  return (directory, payload) => {
    const path = join(directory, "data/trees", `${payload.trees[0]?.id.slice("sha256:".length) ?? ""}.json`);
    writeFileSync(path, change(readFileSync(path, "utf8")));
  };
}

it("refuses a blob, a wheel or a tree that is not what the payload says", async () => {
  const wheel = "data/wheels/hello-1.0rc1-py3-none-any.whl";
  expect(await verdictAfter((directory) => writeFileSync(join(directory, wheel), "another wheel here"))).toBe(`the bundle's \`${wheel}\` is damaged: its SHA-256 is not the one in the payload`);
  expect(await verdictAfter((directory) => truncateSync(join(directory, wheel), 3))).toMatch(/is damaged/);
  expect(await verdictAfter((directory) => writeFileSync(join(directory, "data/wheels/b-1-py3-none-any.whl"), "x"))).toBe("the bundle has a member that does not belong there: `data/wheels/b-1-py3-none-any.whl`");
  expect(await verdictAfter(changeTree((text) => text.replace('"mode":493', '"mode":420')))).toMatch(/^the bundle's tree [0-9a-f]{12} is not what its name says$/);
  expect(await verdictAfter(changeTree((text) => text.replace('"mode":493', '"mode":2541')))).toMatch(/mode is `2541`; expected one of the modes 0644, 0755$/);
  expect(await verdictAfter(changeTree((text) => text.replace("bin/hello", "../bin/hello")))).toMatch(/expected a path below site, bin, data, include or root$/);
  expect(await verdictAfter(changeTree((text) => `${text}\n`))).toMatch(/is not in canonical form$/);
  expect(await verdictAfter(changeTree(() => "{"))).toMatch(/is not JSON$/);
  // The source of a file is no part of a tree's id, so another one passes that check; not the document's digest.
  expect(await verdictAfter(changeTree((text) => text.replace('"member":"hello/__init__.py"', '"member":"other/__init__.py"')))).toMatch(/is damaged: its SHA-256/);
});

/** A bundle with another payload, and what is said of it. */
function changed(change: (payload: Payload) => unknown): Promise<string> {
  return verdictAfter((directory, payload) => writeFileSync(join(directory, "data/payload.json"), printCanonicalJson(change(payload))));
}

it("refuses a payload whose parts do not fit together", async () => {
  expect(await changed((payload) => ({ ...payload, version: "2.0" }))).toBe("the bundle's VERSION does not say `2.0`, as its payload does");
  expect(await changed((payload) => ({ ...payload, version: "../2.0" }))).toBe("the bundle's payload is not valid: version is `../2.0`; expected a file name");
  expect(await changed((payload) => ({ ...payload, surprise: 1 }))).toMatch(/unknown key `surprise`/);
  expect(await changed((payload) => ({ ...payload, links: undefined }))).toMatch(/`links` is missing/);
  expect(await changed((payload) => ({ ...payload, links: [{ how: "symlink", path: "/etc", tree: payload.trees[0]?.id, to: "bin" }] }))).toMatch(/links\[0\]\.path is `\/etc`; expected a plain relative path/);
  expect(await changed((payload) => ({ ...payload, links: [{ how: "device", path: "etc" }] }))).toMatch(/links\[0\]\.how is `device`; expected one of `directory`/);
  expect(await changed((payload) => ({ ...payload, distributions: payload.distributions.map((one) => ({ ...one, fileName: "../../x.whl" })) }))).toMatch(/fileName is `\.\.\/\.\.\/x\.whl`; expected a file name/);
  expect(await changed((payload) => ({ ...payload, distributions: payload.distributions.map((one) => ({ ...one, tree: `sha256:${"0".repeat(64)}` })) }))).toBe("the bundle's payload uses a tree that it does not list: trees.000000000000");
  expect(await changed((payload) => ({ ...payload, blobs: payload.blobs.filter(({ digest }) => digest !== payload.distributions[0]?.wheel.digest) }))).toMatch(/comes from a blob that the payload does not list/);
  expect(await changed((payload) => ({ ...payload, trees: payload.trees.slice(0, 1) }))).toMatch(/does not belong there: `data\/trees\//);
});

it("refuses a tar in another folder than its payload's, and takes a directory under any name", async () => {
  await using scratch = await temporaryDirectory("hostile");
  const blobs = memoryBlobs();
  await writeBundleDirectory(await samplePayload(blobs), blobs, join(scratch.path, "renamed"));
  expect(await verdict(join(scratch.path, "renamed"))).toBe("taken");
  execFileSync("tar", ["-cf", "b.tar", "renamed"], { cwd: scratch.path });
  expect(await verdict(join(scratch.path, "b.tar"))).toBe("the bundle's folder is `renamed`, and its payload is `Hello-1.0rc1-debian-12`");
});
