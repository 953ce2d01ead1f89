import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { digestHex, fail, mediaTypes, printCanonicalJson, printKeyPath, type BlobWriter, type Bytes, type Descriptor, type Digest, type Mismatch, type Payload, type Tree } from "../model/index.ts";
import { errorCode, readWhole, sha256, treeId, type Context } from "../system/index.ts";
import { readBzip2 } from "./archive/bzip2.ts";
import { readDirectory } from "./archive/directory.ts";
import { readGzip } from "./archive/gzip.ts";
import { invalid, type Member } from "./archive/member.ts";
import { readTar } from "./archive/read-tar.ts";
import { readZip } from "./archive/read-zip.ts";
import { additionalBlobs, bundleBlobs, bundleFormatNumber } from "./bundle.ts";
import { ownDataNames, topFolder } from "./format.ts";
import { readPayload, readTree } from "./payload-shape.ts";

/**
 * Take a bundle in: any container, told by its content and not by its name. Nothing in it is believed: every blob is hashed, every tree's
 * id computed anew, every member must be one that the payload asks for. The payload is written last, after everything it refers to.
 * @throws CaissonError `bundle-invalid` · `tool-missing` for bzip2 · `cancelled` · as `write`
 */
export async function unpackBundle(ctx: Context, path: string, write: BlobWriter): Promise<{ readonly payload: Payload; readonly descriptor: Descriptor }> {
  const found = await takeMembers(ctx, await openContainer(ctx, path), write);
  checkFormat(found);
  const bytes = found.texts.get("data/payload.json") ?? Buffer.alloc(0);
  const payload = parsePayload(bytes);
  checkLabels(found, payload);
  checkBlobs(found, payload);
  checkReferences(found, payload);
  return { payload, descriptor: await write.write(bytes, { digest: sha256(bytes) }, mediaTypes.payload) };
}

interface Container {
  readonly members: AsyncIterable<Member>;
  /** Whether all members lie in one folder; in a directory they do not, since its own name may be changed freely. */
  readonly inFolder: boolean;
}

async function openContainer(ctx: Context, given: string): Promise<Container> {
  const path = resolve(ctx.cwd, given);
  const kind = await stat(path).catch((error: unknown) => invalid(errorCode(error) === "ENOENT" ? `there is no bundle \`${given}\`` : `cannot read \`${given}\``, error, "`caisson build` makes one"));
  if (kind.isDirectory()) return { members: readDirectory(path), inFolder: false };
  const file = readFile(path);
  const start = await readStart(path);
  if (start.startsWith("\u001f\u008b")) return { members: readTar(readGzip(file)), inFolder: true };
  if (start.startsWith("BZh")) return { members: readTar(readBzip2(ctx, file)), inFolder: true };
  if (start.startsWith("PK\u0003\u0004")) return { members: readZip(path), inFolder: true };
  if (start.startsWith("ustar", 257)) return { members: readTar(file), inFolder: true };
  return invalid(`\`${given}\` is not a bundle: neither tar, gzip, bzip2 nor zip`);
}

async function* readFile(path: string): Bytes {
  yield* createReadStream(path, { highWaterMark: 1 << 20 });
}

async function readStart(path: string): Promise<string> {
  await using file = await open(path, "r");
  const { buffer, bytesRead } = await file.read(Buffer.alloc(512), 0, 512, 0);
  return buffer.toString("latin1", 0, bytesRead);
}

/** What lay in the container. */
interface Found {
  readonly folder: string | undefined;
  /** The small members that are read rather than kept, by path. */
  readonly texts: ReadonlyMap<string, Buffer>;
  /** What was written, by path. */
  readonly blobs: ReadonlyMap<string, Descriptor>;
  /** The trees whose files are blobs, and not members of one. */
  readonly trees: ReadonlyMap<Digest, Tree>;
  /** Blobs that the trees' files come from, each with one tree that says so. */
  readonly sources: ReadonlyMap<Digest, string>;
  readonly paths: ReadonlySet<string>;
  /** The first member that no bundle of our format has. */
  readonly strange: string | undefined;
}

const TEXTS: readonly string[] = ["PACKAGE", "PLATFORM", "VERSION", "info.json", "data/payload.json"];
/** Ours in every bundle, and never taken from one. */
const PROGRAMS: readonly string[] = ["install.sh", "data/agent.py"];
const DIRECTORIES: readonly string[] = ["", "data", "data/blobs", "data/trees", "data/wheels"];
/** What lies in there is the payload's, or none of the bundle's. */
const DATA = "data/";
/** The most bytes of a document that is read into memory. */
const LARGEST_DOCUMENT = 256 * 2 ** 20;

async function takeMembers(ctx: Context, { members, inFolder }: Container, write: BlobWriter): Promise<Found> {
  const texts = new Map<string, Buffer>();
  const blobs = new Map<string, Descriptor>();
  const sources = new Map<Digest, string>();
  const trees = new Map<Digest, Tree>();
  const paths = new Set<string>();
  let folder: string | undefined;
  let strange: string | undefined;
  for await (const member of members) {
    if (ctx.signal.aborted) fail({ code: "cancelled", message: "stopped on request" });
    const slash = inFolder ? member.path.indexOf("/") : -1;
    const top = slash < 0 ? member.path : member.path.slice(0, slash);
    const path = !inFolder ? member.path : slash < 0 ? "" : member.path.slice(slash + 1);
    if (inFolder) folder ??= top;
    if (inFolder && folder === "config.json") invalid("this is a turret's archive, and no bundle", undefined, "caisson turret start --tar FILE; what is deployed is built from a package of kind \"turret\"");
    if (inFolder && top !== folder) invalid(`the bundle has more than one folder: \`${top}\` beside \`${folder ?? ""}\``);
    if (paths.has(path)) invalid(`the bundle has the member \`${path}\` twice`);
    paths.add(path);
    const tree = /^data\/trees\/([0-9a-f]{64})\.json$/.exec(path)?.[1];
    if (member.kind === "directory" || path === "") {
      if (member.kind !== "directory" || (!DIRECTORIES.includes(path) && !mayBeAddition(path))) strange ??= member.path;
    } else if (TEXTS.includes(path)) texts.set(path, await readDocument(member));
    else if (tree !== undefined) blobs.set(path, await takeTree(await readDocument(member), `sha256:${tree}`, sources, trees, write));
    else if (/^data\/(?:wheels|blobs)\/[^/]+$/.test(path) || mayBeAddition(path)) blobs.set(path, await write.write(member.bytes, { size: member.size }, path.endsWith(".whl") ? mediaTypes.wheel : mediaTypes.bytes));
    else if (!PROGRAMS.includes(path)) strange ??= member.path;
  }
  return { folder, texts, blobs, trees, sources, paths, strange };
}

/** What build scripts left has any name that is not ours. */
function mayBeAddition(path: string): boolean {
  const [first = ""] = path.slice(DATA.length).split("/");
  return path.startsWith(DATA) && (!ownDataNames.includes(first) || path === "data/install-lines.sh");
}

async function readDocument({ path, size, bytes }: Member): Promise<Buffer> {
  if (size > LARGEST_DOCUMENT) invalid(`the bundle's \`${path}\` is too large`);
  return await readWhole(bytes);
}

async function takeTree(bytes: Buffer, id: Digest, sources: Map<Digest, string>, trees: Map<Digest, Tree>, write: BlobWriter): Promise<Descriptor> {
  const what = `tree ${digestHex(id).slice(0, 12)}`;
  const tree = parseDocument(bytes, what, readTree);
  if (tree.id !== id || treeId(tree.entries) !== id) invalid(`the bundle's ${what} is not what its name says`);
  for (const entry of tree.entries) {
    if (entry.kind === "file" && entry.source.from !== "inline") sources.set(entry.source.blob, what);
  }
  if (tree.entries.every((entry) => entry.kind === "file" && entry.source.from === "blob")) trees.set(id, tree);
  return await write.write(bytes, { digest: sha256(bytes) }, mediaTypes.tree);
}

/** One byte sequence for each value, so that a document's digest here is the one it has everywhere. */
function parseDocument<Value>(bytes: Buffer, what: string, read: (value: unknown, report: (mismatch: Mismatch) => void) => Value | undefined): Value {
  const mistakes: Mismatch[] = [];
  const value = read(parseJson(bytes, what), (mistake) => mistakes.push(mistake));
  const [first] = mistakes;
  if (first !== undefined) invalid(`the bundle's ${what} is not valid: ${first.message}${first.hint === undefined ? "" : `; ${first.hint}`}`);
  if (value === undefined || !bytes.equals(Buffer.from(printCanonicalJson(value)))) return invalid(`the bundle's ${what} is not in canonical form`);
  return value;
}

function parseJson(bytes: Buffer, what: string): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    return invalid(`the bundle's ${what} is not JSON`, error);
  }
}

/** A newer layout is told first: what is strange or missing then is no damage. */
function checkFormat({ texts, strange, paths }: Found): void {
  const info = texts.get("info.json");
  if (info !== undefined) {
    const { format } = (parseJson(info, "info.json") ?? {}) as { readonly format?: unknown };
    if (typeof format !== "number") invalid("the bundle's info.json has no format number");
    else if (format > bundleFormatNumber) invalid(`the bundle has format ${format}, made by a newer Caisson; this one reads up to ${bundleFormatNumber}`, undefined, UPDATE);
  }
  if (info === undefined && paths.has("requirements.txt")) invalid("this is a wheelhouse, and no bundle", undefined, "pip install --no-index --find-links DIR NAME; what is deployed is a bundle: `caisson build` makes one");
  if (strange !== undefined) invalid(`the bundle has a member that does not belong there: \`${strange}\``);
  for (const path of [...TEXTS, ...PROGRAMS]) if (!paths.has(path)) invalid(`the bundle lacks \`${path}\``);
}

const UPDATE = "use that Caisson, or build the bundle with this one";

function parsePayload(bytes: Buffer): Payload {
  const schema = /"schema":"caisson\.payload\/(\d+)"/.exec(bytes.toString("utf8"))?.[1];
  if (schema !== undefined && schema !== "1") invalid(`the bundle's payload has version ${schema}, made by a newer Caisson; this one reads version 1`, undefined, UPDATE);
  return parseDocument(bytes, "payload", readPayload);
}

/** What people read of a bundle must be what it is. */
function checkLabels({ folder, texts }: Found, payload: Payload): void {
  if (folder !== undefined && folder !== topFolder(payload)) invalid(`the bundle's folder is \`${folder}\`, and its payload is \`${topFolder(payload)}\``);
  const info = parseJson(texts.get("info.json") ?? Buffer.alloc(0), "info.json") as Readonly<Record<string, unknown>>;
  const labels = [["PACKAGE", "name", payload.written], ["VERSION", "version", payload.version], ["PLATFORM", "platform", payload.platform.label]] as const;
  for (const [file, key, value] of labels) {
    if (texts.get(file)?.toString("utf8") !== `${value}\n`) invalid(`the bundle's ${file} does not say \`${value}\`, as its payload does`);
    if (info[key] !== value) invalid(`the bundle's info.json does not say \`${value}\`, as its payload does`);
  }
}

function checkBlobs({ blobs, trees, paths }: Found, payload: Payload): void {
  const expected = new Map([...bundleBlobs(payload), ...additionsIn(trees, payload).map(([path, blob]) => [path, blob] as const)]);
  for (const [path, blob] of expected) {
    const taken = blobs.get(path) ?? invalid(`the bundle lacks \`${path}\``);
    if (taken.digest !== blob.digest || taken.size !== blob.size) invalid(`the bundle's \`${path}\` is damaged: its SHA-256 is not the one in the payload`);
  }
  const parents = new Set([...expected.keys()].flatMap((path) => [...path.matchAll(/\//g)].map(({ index }) => path.slice(0, index))));
  const known = (path: string): boolean => expected.has(path) || parents.has(path) || DIRECTORIES.includes(path) || TEXTS.includes(path) || PROGRAMS.includes(path);
  for (const path of paths) if (!known(path)) invalid(`the bundle has a member that does not belong there: \`${path}\``);
}

/** What build scripts left, by its places. */
function additionsIn(trees: ReadonlyMap<Digest, Tree>, { additions }: Payload): ReturnType<typeof additionalBlobs> {
  if (additions?.files === undefined) return [];
  const { tree, blobs } = additions.files;
  const { entries } = trees.get(tree.id) ?? invalid("the bundle's additions are no files");
  const found = additionalBlobs(entries);
  const own = found.find(([path]) => !path.startsWith(DATA) || ownDataNames.includes(path.slice(DATA.length).split("/")[0] ?? ""));
  if (own !== undefined) invalid(`the bundle's additions have a file where none of them can lie: \`${own[0]}\``);
  const listed = new Set(blobs.map(({ digest }) => digest));
  if (!found.every(([, { digest }]) => listed.has(digest))) invalid("the bundle's additions come from a blob that the payload does not list");
  return found;
}

/** Trees and blobs are named in several places; a host that is sent a release must have all of them. */
function checkReferences({ sources }: Found, payload: Payload): void {
  const trees = new Set(payload.trees.map(({ id }) => id));
  const blobs = new Set([...payload.blobs, ...(payload.additions?.files?.blobs ?? [])].map(({ digest }) => digest));
  for (const [blob, tree] of sources) if (!blobs.has(blob)) invalid(`the bundle's ${tree} comes from a blob that the payload does not list: ${blob}`);
  const used = [...payload.links.flatMap((link) => ("tree" in link ? [link.tree] : [])), ...payload.distributions.map(({ tree }) => tree), ...(payload.interpreter?.from === "tree" ? [payload.interpreter.tree] : [])];
  for (const tree of used) if (!trees.has(tree)) invalid(`the bundle's payload uses a tree that it does not list: ${printKeyPath(["trees", digestHex(tree).slice(0, 12)])}`);
}
