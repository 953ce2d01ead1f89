import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { fetchFiles } from "../../src/build/fetch/fetch.ts";
import type { PackageIndex } from "../../src/build/fetch/index-settings.ts";
import type { PackageName } from "../../src/model/index.ts";
import type { Choice, LockedFile } from "../../src/python/index.ts";
import { openStore, type Store } from "../../src/store/index.ts";
import { makeGround, type Ground } from "./ground.ts";
import { serveIndex, type IndexServer } from "./index-server.ts";
import { makeWheel, type Built } from "./wheelhouse.ts";

const wheels = [makeWheel("one", "1.0"), makeWheel("two", "2.0"), makeWheel("three", "3.0")];
const [one, two] = wheels as [Built, Built];

let ground: Ground;
let server: IndexServer;
let store: Store;
beforeEach(async () => {
  ground = makeGround();
  server = await serveIndex(wheels);
  store = await openStore(ground.context, join(ground.directory, "store"));
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  ground.remove();
});

function choose(built: Built, file: Partial<LockedFile> = {}): Choice {
  const url = `${server.url.replace(/simple$/, "files")}/${built.fileName}`;
  return { name: built.name as PackageName, version: "1.0", build: false, file: { fileName: built.fileName, url, hashes: { sha256: built.sha256 }, kind: "wheel", ...file } };
}

function from(more: Partial<PackageIndex> = {}, offline = false): Parameters<typeof fetchFiles>[3] {
  return { index: { url: server.url, extra: [], findLinks: [], insecureHosts: [], disabled: false, from: "a test", ...more }, directory: () => Promise.resolve(ground.directory), offline };
}

function leftInStore(): readonly string[] {
  return [...readdirSync(join(store.directory, "blobs/sha256")), ...readdirSync(join(store.directory, "tmp"))];
}

it("brings files into the store, and asks nobody the second time", async () => {
  const choices = wheels.map((wheel) => choose(wheel));
  const files = await fetchFiles(ground.context, store, choices, from());
  expect([...files]).toEqual(wheels.map(({ fileName, sha256, bytes }) => [fileName, { digest: `sha256:${sha256}`, size: bytes.length, mediaType: "application/vnd.pypa.wheel+zip" }]));
  expect(server.requests).toHaveLength(3);
  expect(await fetchFiles(ground.context, store, choices, from({}, true))).toEqual(files);
  expect(server.requests).toHaveLength(3);
  expect(ground.events.filter(({ type }) => type === "progress").at(-1)).toMatchObject({ what: "fetch 3 files", done: wheels.reduce((sum, { bytes }) => sum + bytes.length, 0) });
});

it("finds what came into the store by another way", async () => {
  await store.write(one.bytes);
  const files = await fetchFiles(ground.context, store, [choose(one)], from({}, true));
  expect(files.get(one.fileName)).toMatchObject({ digest: `sha256:${one.sha256}`, size: one.bytes.length });
});

it("wheels P12: refuses a file that is not the one in the lock, with both hashes, and keeps nothing of it", async () => {
  server.mischief.set(one.fileName, "always lie");
  await expect(fetchFiles(ground.context, store, [choose(one)], from())).rejects.toMatchObject({
    code: "digest-mismatch",
    message: expect.stringMatching(new RegExp(`^\`${one.fileName}\` is not the file that was locked: expected sha256 ${one.sha256}, found (?!${one.sha256})[0-9a-f]{64}$`)) as string,
  });
  expect(leftInStore()).toEqual([]);
});

it("wheels P12: checks every hash that is listed, and the size", async () => {
  const zeros = "0".repeat(128);
  await expect(fetchFiles(ground.context, store, [choose(one, { hashes: { sha256: one.sha256, sha512: zeros } })], from())).rejects.toMatchObject({ code: "digest-mismatch", message: expect.stringContaining(`expected sha512 ${zeros}`) as string });
  await expect(fetchFiles(ground.context, store, [choose(one, { size: one.bytes.length - 1 })], from())).rejects.toMatchObject({ code: "digest-mismatch", message: expect.stringContaining("expected size") as string });
  expect(leftInStore()).toEqual([]);
});

it.each(["cut", "error"] as const)("tries a second time after the first went wrong (%s)", async (mischief) => {
  server.mischief.set(one.fileName, [mischief]);
  const files = await fetchFiles(ground.context, store, [choose(one)], from());
  expect(files.get(one.fileName)?.size).toBe(one.bytes.length);
  expect(server.requests).toHaveLength(2);
});

it("does not ask again for what was false", async () => {
  server.mischief.set(one.fileName, ["lie"]);
  await expect(fetchFiles(ground.context, store, [choose(one)], from())).rejects.toMatchObject({ code: "digest-mismatch" });
  expect(server.requests).toHaveLength(1);
});

it("gives up on a connection that breaks twice, and keeps nothing", async () => {
  server.mischief.set(one.fileName, ["cut", "cut"]);
  await expect(fetchFiles(ground.context, store, [choose(one)], from())).rejects.toMatchObject({ code: "index-unreachable" });
  expect(leftInStore()).toEqual([]);
});

it("takes a file that ends too early for a broken connection where its length is known, and for a false one where not", async () => {
  server.mischief.set(one.fileName, ["short", "short"]);
  await expect(fetchFiles(ground.context, store, [choose(one, { size: one.bytes.length })], from())).rejects.toMatchObject({ code: "index-unreachable", message: expect.stringContaining(` of ${one.bytes.length} bytes`) as string });
  server.mischief.set(one.fileName, ["short"]);
  await expect(fetchFiles(ground.context, store, [choose(one)], from())).rejects.toMatchObject({ code: "digest-mismatch" });
  expect(leftInStore()).toEqual([]);
});

it("does not wait for ever for a server that went silent", async () => {
  server.mischief.set(one.fileName, ["stall", "stall"]);
  await expect(fetchFiles(ground.with({ UV_HTTP_TIMEOUT: "0.3" }), store, [choose(one)], from())).rejects.toMatchObject({ code: "index-unreachable" });
});

it("says what it cannot reach", async () => {
  const gone = choose(one, { url: "http://127.0.0.1:1/files/one.whl" });
  await expect(fetchFiles(ground.context, store, [gone], from())).rejects.toMatchObject({ code: "index-unreachable", message: "cannot reach `127.0.0.1:1`" });
});

it("row P15: says offline what it would have to fetch", async () => {
  await expect(fetchFiles(ground.context, store, [choose(one)], from({}, true))).rejects.toMatchObject({ code: "blob-missing", message: `\`${one.fileName}\` is not in the store, and the network is not to be used` });
});

it("row P15: takes a file from a directory of files, whoever it was locked from, unless its bytes are others", async () => {
  const links = join(ground.directory, "wheels");
  ground.write({ [`wheels/${two.fileName}`]: "something else" });
  writeFileSync(join(links, one.fileName), one.bytes);
  const files = await fetchFiles(ground.context, store, [choose(one)], from({ findLinks: [links] }, true));
  expect(files.get(one.fileName)?.digest).toBe(`sha256:${one.sha256}`);
  await expect(fetchFiles(ground.context, store, [choose(two)], from({ findLinks: [links] }, true))).rejects.toMatchObject({ code: "blob-missing" });
  expect(server.requests).toEqual([]);
});

it("wheels P13: takes a relative path from the lock's own directory", async () => {
  ground.write({ "vendor/keep": "" });
  writeFileSync(join(ground.directory, "vendor", one.fileName), one.bytes);
  const { url: _, ...file } = choose(one, { path: `vendor/${one.fileName}` }).file;
  const files = await fetchFiles(ground.context, store, [{ ...choose(one), file }], from());
  expect(files.get(one.fileName)?.digest).toBe(`sha256:${one.sha256}`);
  const { url: __, ...absent } = choose(two, { path: `vendor/${two.fileName}` }).file;
  await expect(fetchFiles(ground.context, store, [{ ...choose(two), file: absent }], from())).rejects.toMatchObject({ code: "blob-missing" });
});

it("takes a sha512 alone, and knows the file by it the second time", async () => {
  const { createHash } = await import("node:crypto");
  const hashes = { sha512: createHash("sha512").update(one.bytes).digest("hex") };
  const first = await fetchFiles(ground.context, store, [choose(one, { hashes })], from());
  expect(first.get(one.fileName)?.digest).toBe(`sha256:${one.sha256}`);
  expect(await fetchFiles(ground.context, store, [choose(one, { hashes })], from({}, true))).toEqual(first);
});

it("brings the index's password, or netrc's, and shows it to nobody", async () => {
  await server[Symbol.asyncDispose]();
  server = await serveIndex(wheels, { login: "ann:s3 cret" });
  const withPassword = server.url.replace("://", "://ann:s3%20cret@");
  expect((await fetchFiles(ground.context, store, [choose(one)], from({ url: withPassword }))).size).toBe(1);
  ground.write({ ".home/.netrc": 'machine example.com login x password y\nmachine 127.0.0.1\n  login ann\n  password "s3 cret"\n' });
  expect((await fetchFiles(ground.context, store, [choose(two)], from())).size).toBe(1);
  const refused = (await fetchFiles(ground.with({ NETRC: "/dev/null" }), store, [choose(wheels[2] as Built)], from()).catch((error: unknown) => error)) as Error;
  expect(refused).toMatchObject({ code: "index-unreachable", message: `the index answered 401 for \`${wheels[2]?.fileName ?? ""}\`` });
  expect(JSON.stringify([refused, ground.events])).not.toContain("cret");
});

it("stops at once when told to", async () => {
  server.mischief.set(one.fileName, ["stall"]);
  const stop = new AbortController();
  const fetched = fetchFiles({ ...ground.context, signal: stop.signal }, store, [choose(one)], from());
  setTimeout(() => stop.abort(), 100);
  await expect(fetched).rejects.toMatchObject({ code: "cancelled" });
  expect(existsSync(join(store.directory, "blobs/sha256", one.sha256))).toBe(false);
});
