import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { artifactFileName, containers, packBundle, unpackBundle } from "../../src/formats/index.ts";
import { artifactOf, digestHex, mediaTypes, printCanonicalJson, type Payload, type TreeEntry } from "../../src/model/index.ts";
import { createContext, temporaryDirectory, type Context } from "../../src/system/index.ts";
import { makeTwice } from "../support/make-twice.ts";
import { gather, memoryBlobs, type MemoryBlobs } from "../support/memory-blobs.ts";
import { samplePayload, writeTree } from "./sample-payload.ts";
import { writeBundleDirectory } from "./write-directory.ts";

const ctx: Context = createContext({ cwd: "/", env: process.env, report: () => undefined, signal: new AbortController().signal });

/** The sample, with lines for install.sh and files that they find. */
async function withAdditions(blobs: MemoryBlobs, names: Readonly<Record<string, TreeEntry["kind"]>> = { "root/static files/a.css": "file", "root/tool": "file" }): Promise<Payload> {
  const lines = await blobs.write("echo hello\n", {}, mediaTypes.bytes);
  const file = await blobs.write("body {}\n", {}, mediaTypes.bytes);
  const entries = Object.entries(names).map(([path, kind]): TreeEntry => (kind === "file" ? { kind, path, mode: path.endsWith("tool") ? 0o755 : 0o644, digest: file.digest, size: file.size, source: { from: "blob", blob: file.digest } } : kind === "link" ? { kind, path, target: "x" } : { kind, path }));
  return { ...(await samplePayload(blobs)), additions: { lines, files: { tree: await writeTree(blobs, entries), blobs: [file] } } };
}

it.each(containers)("row P14: what build scripts left comes back from $name as it was", async ({ name }) => {
  const blobs = memoryBlobs();
  const payload = await withAdditions(blobs);
  await using scratch = await temporaryDirectory("additions test");
  const path = join(scratch.path, artifactFileName(payload, name));
  if (name === "dir") await writeBundleDirectory(payload, blobs, path);
  else writeFileSync(path, await gather(packBundle(ctx, payload, name, blobs)));
  const fresh = memoryBlobs();
  expect((await unpackBundle(ctx, path, fresh)).payload).toEqual(payload);
  expect([...fresh.kept.keys()].filter((digest) => !blobs.kept.has(digest))).toHaveLength(1);
});

it("row P14: lies in its places with its modes, packed twice to the same bytes", async () => {
  const blobs = memoryBlobs();
  const payload = await withAdditions(blobs);
  const { first, second } = await makeTwice(() => packBundle(ctx, payload, "tar", blobs), () => undefined);
  expect(second).toBe(first);
  const listing = execFileSync("tar", ["tvf", "-"], { input: await gather(packBundle(ctx, payload, "tar", blobs)), encoding: "utf8" });
  expect(listing).toMatch(/-rw-r--r--.*\/data\/install-lines\.sh\n[^]*drwxr-xr-x.*\/data\/static files\/\n-rw-r--r--.*\/data\/static files\/a\.css\n-rwxr-xr-x.*\/data\/tool\n/);
});

it("row P14: goes along wherever the artifact goes", async () => {
  const payload = await withAdditions(memoryBlobs());
  const parts = artifactOf(payload, { format: "tar", fileName: "x", content: payload.blobs[0]!, payload: payload.blobs[0]!, provenance: payload.blobs[0]! }).parts.map(({ digest }) => digest);
  expect(parts).toEqual(expect.arrayContaining([payload.additions?.lines, payload.additions?.files?.tree.document, ...(payload.additions?.files?.blobs ?? [])].map((blob) => blob?.digest)));
});

function nothing(): void {
  // The bundle stays as it is.
}

async function verdict(change: (directory: string, payload: Payload) => void, names?: Readonly<Record<string, TreeEntry["kind"]>>): Promise<string> {
  await using scratch = await temporaryDirectory("additions test");
  const blobs = memoryBlobs();
  const payload = await withAdditions(blobs, names);
  await writeBundleDirectory(payload, blobs, scratch.path);
  change(scratch.path, payload);
  return await unpackBundle(ctx, scratch.path, memoryBlobs()).then(() => "taken", (error: unknown) => (error instanceof Error ? error.message : ""));
}

it("refuses additions that are not what the payload says, or lie where they cannot", async () => {
  expect(await verdict(nothing)).toBe("taken");
  expect(await verdict((directory) => appendFileSync(join(directory, "data/tool"), "x"))).toBe("the bundle's `data/tool` is damaged: its SHA-256 is not the one in the payload");
  expect(await verdict((directory) => appendFileSync(join(directory, "data/install-lines.sh"), "rm -rf /\n"))).toMatch(/`data\/install-lines\.sh` is damaged/);
  expect(await verdict((directory) => writeFileSync(join(directory, "data/more"), "x"))).toBe("the bundle has a member that does not belong there: `data/more`");
  expect(await verdict((directory) => mkdirSync(join(directory, "data/static files/deep")))).toBe("the bundle has a member that does not belong there: `data/static files/deep`");
  expect(await verdict(nothing, { "root/wheels/x": "file" })).toMatch(/have a file where none of them can lie: `data\/wheels\/x`$/);
  expect(await verdict(nothing, { "site/x": "file" })).toBe("the bundle has a member that does not belong there: `site`");
  expect(await verdict(nothing, { "root/x": "link" })).toBe("the bundle's additions are no files");
  expect(await verdict((directory, payload) => writeFileSync(join(directory, "data/payload.json"), printCanonicalJson({ ...payload, additions: { ...payload.additions, files: { ...payload.additions?.files, blobs: [] } } })))).toMatch(/come from a blob that the payload does not list/);
  expect(await verdict((directory, payload) => execFileSync("rm", [join(directory, "data/trees", `${digestHex(payload.additions?.files?.tree.id ?? "sha256:")}.json`)]))).toMatch(/additions are no files|lacks `data\/trees/);
});
