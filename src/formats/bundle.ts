import { readFile } from "node:fs/promises";
import { compareBytewise, digestHex, mediaTypes, printCanonicalJson, type BlobReader, type Bytes, type Descriptor, type Digest, type Interpreter, type Payload, type Tree } from "../model/index.ts";
import { ownPath, readWholeText } from "../system/index.ts";

/** One member of a bundle, relative to its top folder. */
export interface BundleFile {
  /** A directory's ends with a slash. */
  readonly path: string;
  readonly kind: "file" | "directory";
  readonly mode: 0o644 | 0o755;
  /** 0 for a directory. */
  readonly size: number;
  /** The content, from its start each time. */
  open(): Bytes;
  /** Where it is a blob: which one. */
  readonly blob?: Descriptor;
}

/** The number of the layout below; a reader refuses higher ones. */
export const bundleFormatNumber = 1;

/**
 * What a bundle holds, sorted bytewise by path; the same for every container.
 * `install.sh` and `data/agent.py` are those of this Caisson; everything else is the payload's.
 */
export async function* bundleFiles(payload: Payload, read: BlobReader): AsyncIterable<BundleFile> {
  const files = [
    textFile("PACKAGE", `${payload.written}\n`),
    textFile("PLATFORM", `${payload.platform.label}\n`),
    textFile("VERSION", `${payload.version}\n`),
    textFile("data/payload.json", printCanonicalJson(payload)),
    textFile("info.json", `${printCanonicalJson(bundleInfo(payload))}\n`),
    textFile("data/agent.py", await readFile(ownPath("dist/agent.py"))),
    textFile("install.sh", await readFile(ownPath("agent/install.sh")), 0o755),
    ...[...bundleBlobs(payload)].map(([path, blob]) => blobFile(path, blob, read)),
  ];
  files.push(...(await additionalFiles(payload, read)));
  yield* withDirectories(files);
}

/** The same, where its files were kept as a tree. */
export async function* filesOfTree({ entries }: Tree, read: BlobReader): AsyncIterable<BundleFile> {
  yield* withDirectories(entries.flatMap((entry) => (entry.kind === "file" ? [{ ...blobFile(entry.path.replace(/^root\//, ""), { digest: entry.digest, size: entry.size, mediaType: mediaTypes.bytes }, read), mode: entry.mode }] : [])));
}

function withDirectories(files: readonly BundleFile[]): readonly BundleFile[] {
  return [...files, ...directoriesOf(files)].toSorted((a, b) => compareBytewise(a.path, b.path));
}

/** What `info.json` says, for people and their scripts. */
function bundleInfo(payload: Payload): Readonly<Record<string, unknown>> {
  return {
    format: bundleFormatNumber,
    name: payload.written,
    version: payload.version,
    platform: payload.platform.label,
    ident: `${payload.written}-${payload.version}`,
    kind: payload.kind,
    python: payload.interpreter?.from === "host" ? payload.platform.python.version : undefined,
    interpreter: payload.interpreter?.from === "tree" ? broughtInterpreter(payload, payload.interpreter) : undefined,
    revision: payload.revision.id,
    time: payload.revision.time,
    distributions: payload.distributions.length === 0 ? undefined : payload.distributions.map(({ name, version }) => ({ name, version })),
    exceptions: payload.exceptions,
  };
}

/** The archive that holds the interpreter, for a system without any Python, and the program in it. */
function broughtInterpreter(payload: Payload, interpreter: Extract<Interpreter, { readonly from: "tree" }>): Readonly<Record<string, unknown>> {
  const archive = payload.blobs.find(({ mediaType }) => mediaType === mediaTypes.tar);
  return { archive: archive === undefined ? undefined : `data/blobs/${digestHex(archive.digest)}`, program: interpreter.executable.replace(/^root\//, "") };
}

/** What the package's build scripts left in DATA_DIR, where its install lines look for it. */
async function additionalFiles({ additions }: Payload, read: BlobReader): Promise<readonly BundleFile[]> {
  if (additions?.files === undefined) return [];
  const { entries } = JSON.parse(await readWholeText(read.read(additions.files.tree.document.digest))) as Tree;
  return additionalBlobs(entries).map(([path, blob, mode]) => ({ ...blobFile(path, blob, read), mode }));
}

/** The files of such a tree by their places in the bundle. */
export function additionalBlobs(entries: Tree["entries"]): readonly (readonly [path: string, blob: Descriptor, mode: BundleFile["mode"]])[] {
  return entries.flatMap((entry) => (entry.kind === "file" ? [[entry.path.replace(/^root\//, "data/"), { digest: entry.digest, size: entry.size, mediaType: mediaTypes.bytes }, entry.mode] as const] : []));
}

/** Every blob of a payload by its place in the bundle: tree documents by their tree, wheels by name, the rest by digest. What a tree of additions holds is besides. */
export function bundleBlobs(payload: Payload): ReadonlyMap<string, Descriptor> {
  const wheels = new Set<Digest>(payload.distributions.map(({ wheel }) => wheel.digest));
  const { lines, files } = payload.additions ?? {};
  return new Map([
    ...(lines === undefined ? [] : [["data/install-lines.sh", lines] as const]),
    ...[...payload.trees, ...(files === undefined ? [] : [files.tree])].map(({ id, document }) => [`data/trees/${digestHex(id)}.json`, document] as const),
    ...payload.distributions.map(({ fileName, wheel }) => [`data/wheels/${fileName}`, wheel] as const),
    ...payload.blobs.filter(({ digest }) => !wheels.has(digest)).map((blob) => [`data/blobs/${digestHex(blob.digest)}`, blob] as const),
  ]);
}

/** A file of a bundle or a wheelhouse that a blob is, byte for byte. */
export function blobFile(path: string, blob: Descriptor, read: BlobReader): BundleFile {
  return { path, kind: "file", mode: 0o644, size: blob.size, open: () => read.read(blob.digest), blob };
}

/** One that is written here. */
export function textFile(path: string, content: string | Uint8Array, mode: BundleFile["mode"] = 0o644): BundleFile {
  const bytes = Buffer.from(content);
  return { path, kind: "file", mode, size: bytes.length, open: () => once(bytes) };
}

/** The top folder itself, whose path is "", and every directory that a file lies in. */
function directoriesOf(files: readonly BundleFile[]): readonly BundleFile[] {
  const paths = new Set(["", ...files.flatMap(({ path }) => [...path.matchAll(/\//g)].map(({ index }) => path.slice(0, index + 1)))]);
  return [...paths].map((path) => ({ path, kind: "directory", mode: 0o755, size: 0, open: () => once() }));
}

async function* once(...chunks: readonly Uint8Array[]): Bytes {
  yield* chunks;
}
