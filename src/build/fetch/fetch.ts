import { createHash, type Hash } from "node:crypto";
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { CaissonError, fail, mediaTypes, type Bytes, type Descriptor, type Digest, type Json } from "../../model/index.ts";
import { nodeHashName, type Choice, type LockedFile } from "../../python/index.ts";
import type { Store } from "../../store/index.ts";
import { hashJson, mapConcurrently, readBriefly, type Context } from "../../system/index.ts";
import { withoutCredentials } from "../source/git.ts";
import { indexClient, type Get } from "./http.ts";
import type { PackageIndex } from "./index-settings.ts";

export interface FetchRequest {
  readonly index: PackageIndex;
  /** Where relative paths of the lock start; asked for only where there are some. */
  readonly directory: () => Promise<string>;
  readonly offline: boolean;
  /** Told of each file, once, as soon as it is in the store. */
  readonly come?: (fileName: string, file: Descriptor) => void;
}

/** Connections at one time. */
const CONNECTIONS = 8;

/**
 * Have the files that were chosen from a lock in the store: those that are there already cost nothing, the others are copied or downloaded, and checked against every hash on the way. By file name.
 * @throws CaissonError `digest-mismatch` · `index-unreachable` · `blob-missing` where a file is not there, or offline
 */
export async function fetchFiles(ctx: Context, store: Store, choices: readonly Choice[], request: FetchRequest): Promise<ReadonlyMap<string, Descriptor>> {
  const files = [...new Map(choices.map(({ file }) => [file.fileName, file])).values()];
  const known = await mapConcurrently(files, 16, (file) => recall(store, file));
  for (const [at, { fileName }] of files.entries()) if (known[at] !== undefined) request.come?.(fileName, known[at]);
  const missing = files.filter((_, at) => known[at] === undefined);
  const fetched = await fetchMissing(ctx, store, missing, request);
  return new Map(files.map((file, at) => [file.fileName, known[at] ?? (fetched.get(file) as Descriptor)]));
}

async function fetchMissing(ctx: Context, store: Store, files: readonly LockedFile[], request: FetchRequest): Promise<ReadonlyMap<LockedFile, Descriptor>> {
  if (files.length === 0) return new Map();
  const what = `fetch ${files.length} ${files.length === 1 ? "file" : "files"}`;
  const sizes = files.map(({ size }) => size);
  const total = sizes.every((size) => size !== undefined) ? sizes.reduce((sum, size) => sum + size, 0) : undefined;
  let done = 0;
  const count = (bytes: number): void => {
    done += bytes;
    ctx.report({ type: "progress", what, done, unit: "bytes", ...(total === undefined ? {} : { total }) });
  };
  const get = indexClient(ctx, request.index);
  ctx.report({ type: "started", what });
  try {
    const fetched = await mapConcurrently(files, CONNECTIONS, async (file) => {
      if (ctx.signal.aborted) fail({ code: "cancelled", message: "stopped on request" });
      const kept = await fetchFile(store, get, file, request, count);
      request.come?.(file.fileName, kept);
      return [file, kept] as const;
    });
    return new Map(fetched);
  } finally {
    ctx.report({ type: "finished", what });
  }
}

/** Told of bytes that came, or (negative) that came in vain. */
type Count = (bytes: number) => void;

async function fetchFile(store: Store, get: Get, file: LockedFile, request: FetchRequest, count: Count): Promise<Descriptor> {
  const path = await lockedPath(file, request);
  if (path !== undefined) return await keep(store, file, readBriefly(path), count);
  const found = await findInLinks(store, file, request, count);
  if (found !== undefined) return found;
  const { url } = file;
  if (url === undefined) return fail({ code: "blob-missing", message: `\`${file.fileName}\` is not at \`${file.path ?? ""}\`, where the lock says it is`, hint: "put it there, or lock anew: caisson lock" });
  if (request.offline && !url.startsWith("file:")) return fail({ code: "blob-missing", message: `\`${file.fileName}\` is not in the store, and the network is not to be used`, hint: "run it once without --offline, or name a directory that has it with --find-links" });
  let came = 0;
  const countFirst = (bytes: number): void => {
    came += bytes;
    count(bytes);
  };
  try {
    return await download(store, get, file, url, countFirst);
  } catch (error) {
    if (!(error instanceof CaissonError) || error.code !== "index-unreachable") throw error;
    // Connections break; a second time is rarely bad luck.
    count(-came);
    return await download(store, get, file, url, count);
  }
}

/** A file that the lock names by its path. */
async function lockedPath({ path }: LockedFile, { directory }: FetchRequest): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const absolute = resolve(path.startsWith("/") ? "/" : await directory(), path);
  return (await sizeOf(absolute)) === undefined ? undefined : absolute;
}

/** One of the same name in a directory of files, whoever it was locked from: the hashes decide, and a file that is another one counts for nothing. */
async function findInLinks(store: Store, file: LockedFile, { index }: FetchRequest, count: Count): Promise<Descriptor | undefined> {
  for (const place of index.findLinks.filter((link) => link.startsWith("/"))) {
    const path = resolve(place, file.fileName);
    const size = await sizeOf(path);
    if (size === undefined || (file.size !== undefined && file.size !== size)) continue;
    let came = 0;
    const countHere = (bytes: number): void => {
      came += bytes;
      count(bytes);
    };
    try {
      return await keep(store, file, readBriefly(path), countHere);
    } catch (error) {
      if (!(error instanceof CaissonError) || error.code !== "digest-mismatch") throw error;
      count(-came);
    }
  }
  return undefined;
}

/** Undefined for what is no file. */
async function sizeOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() === true ? found.size : undefined;
}

async function download(store: Store, get: Get, file: LockedFile, url: string, count: Count): Promise<Descriptor> {
  const { status, body } = await get(url);
  if (status !== 200) fail({ code: "index-unreachable", message: `the index answered ${status} for \`${file.fileName}\``, hint: `is it still there? ${withoutCredentials(url)}` });
  return await keep(store, file, body, count);
}

/** Into the store, unless a hash or the length is wrong: then nothing of it stays. */
async function keep(store: Store, file: LockedFile, bytes: Bytes, count: Count): Promise<Descriptor> {
  const kept = await store.write(checked(file, bytes, count), undefined, file.kind === "wheel" ? mediaTypes.wheel : mediaTypes.sdist);
  const name = knownName(file);
  const before = await store.readRef("locks", name);
  await store.writeRef("locks", name, { file: kept } as unknown as Json, before?.generation ?? 0);
  return kept;
}

async function* checked(file: LockedFile, bytes: Bytes, count: Count): Bytes {
  const hashes = openHashes(file);
  let size = 0;
  for await (const chunk of bytes) {
    for (const { hash } of hashes) hash.update(chunk);
    size += chunk.length;
    count(chunk.length);
    if (file.size !== undefined && size > file.size) break;
    yield chunk;
  }
  if (file.size !== undefined && size < file.size) fail({ code: "index-unreachable", message: `\`${file.fileName}\` came with ${size} of ${file.size} bytes`, hint: "run the same command again" });
  if (file.size !== undefined && size > file.size) refuse(file, "size", String(file.size), `${size} or more`);
  for (const { algorithm, expected, hash } of hashes) {
    const found = hash.digest("hex");
    if (found !== expected) refuse(file, algorithm, expected, found);
  }
}

function refuse({ fileName, url, path }: LockedFile, what: string, expected: string, found: string): never {
  return fail({ code: "digest-mismatch", message: `\`${fileName}\` is not the file that was locked: expected ${what} ${expected}, found ${found}`, hint: `somebody changed it since at ${withoutCredentials(url ?? path ?? "its place")}; ask its owner, or lock anew: caisson lock` });
}

interface OpenHash {
  readonly algorithm: string;
  readonly expected: string;
  readonly hash: Hash;
}

/** One for each hash that we can compute; the lock's reader saw to it that at least one of them is secure. */
function openHashes({ fileName, hashes }: LockedFile): readonly OpenHash[] {
  const open = Object.entries(hashes).flatMap(([algorithm, expected]) => {
    const name = nodeHashName(algorithm);
    return name === undefined ? [] : [{ algorithm, expected, hash: createHash(name) }];
  });
  if (open.length === 0) fail({ code: "digest-mismatch", message: `none of the hashes of \`${fileName}\` can be checked here: ${Object.keys(hashes).join(", ")}` });
  return open;
}

/** Found by the lock's own hashes: sha256 need not be among them. */
async function recall(store: Store, file: LockedFile): Promise<Descriptor | undefined> {
  const ref = await store.readRef("locks", knownName(file));
  const known = (ref?.value as { readonly file?: Descriptor } | undefined)?.file;
  if (known !== undefined && (await store.has(known.digest))) return known;
  const { sha256 } = file.hashes;
  const digest: Digest | undefined = sha256 === undefined ? undefined : `sha256:${sha256}`;
  if (digest === undefined || !(await store.has(digest))) return undefined;
  await using blob = await store.open(digest);
  return { digest, size: blob.size, mediaType: file.kind === "wheel" ? mediaTypes.wheel : mediaTypes.sdist };
}

function knownName({ hashes, size }: LockedFile): string {
  return `file-${hashJson({ hashes, size: size ?? null }).slice("sha256:".length)}`;
}
