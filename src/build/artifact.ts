import { artifactOf, mediaTypes, type Artifact, type Bytes, type Content, type Descriptor, type FormatName, type Payload, type Tree, type TreeEntry } from "../model/index.ts";
import { artifactFileName, bundleFiles, packBundle, packTree, packTurret, parseFormat, wheelhouseFiles, type ArchiveName, type BundleFile } from "../formats/index.ts";
import type { Store } from "../store/index.ts";
import { mapConcurrently, treeId, type Context } from "../system/index.ts";
import type { Action } from "./action.ts";
import type { Drafts } from "./drafts.ts";
import { gather } from "./gather.ts";

/** Pack a payload in one format; what it consists of goes into the store, a file into `drafts`, and what is handed back says what they are. `count` is told of bytes that were packed. */
export async function packArtifact(ctx: Context, store: Store, payload: Payload, format: FormatName, action: Action, drafts: Drafts, count: (bytes: number) => void): Promise<Artifact> {
  const fileName = artifactFileName(payload, format);
  const [content, document, provenance] = await gather([
    storeContent(ctx, store, payload, { format, fileName, drafts, count }),
    store.writeJson(payload, mediaTypes.payload),
    store.writeJson({ schema: "caisson.provenance/1", action, revision: payload.revision, ...(action.kind === "artifact" && action.scripts !== undefined ? { hermetic: false } : {}) }, mediaTypes.provenance),
  ]);
  return artifactOf(payload, { format, fileName, content, payload: document, provenance });
}

interface Wanted {
  readonly format: FormatName;
  readonly fileName: string;
  readonly drafts: Drafts;
  readonly count: (bytes: number) => void;
}

async function storeContent(ctx: Context, store: Store, payload: Payload, { format, fileName, drafts, count }: Wanted): Promise<Content> {
  if (format === "dir") return await storeFiles(store, bundleFiles(payload, store), count);
  if (format === "wheelhouse") return await storeFiles(store, wheelhouseFiles(payload, store), count);
  if (format === "turret") return await store.write(counted(packTurret(payload, store), count), undefined, mediaTypes.tar);
  // Another bzip2 may make other bytes of the same files.
  if (format === "tar.bz2") return await store.write(counted(packBundle(ctx, payload, format, store), count), undefined, CONTENT[format]);
  const files = await storeFiles(store, bundleFiles(payload, store), count);
  const bytes = await archiveBytes(ctx, store, { format, fileName, revision: payload.revision }, files);
  return { ...(await drafts.write(fileName, counted(bytes, count))), mediaType: CONTENT[format], files };
}

/** The bytes of an artifact whose files the store keeps. */
export async function archiveBytes(ctx: Context, store: Store, { format, fileName, revision }: Pick<Artifact, "format" | "fileName" | "revision">, files: Descriptor): Promise<Bytes> {
  const folder = fileName.slice(0, -parseFormat(format).suffix.length);
  return packTree(ctx, await store.readJson<Tree>(files.digest), store, { format: format as ArchiveName, folder, time: revision.time, brief: true });
}

async function* counted(bytes: Bytes, count: (bytes: number) => void): Bytes {
  for await (const chunk of bytes) {
    count(chunk.length);
    yield chunk;
  }
}

const CONTENT: Readonly<Record<ArchiveName, string>> = {
  "tar.gz": mediaTypes.tarGz,
  "tar.bz2": mediaTypes.tarBz2,
  tar: mediaTypes.tar,
  zip: mediaTypes.zip,
};

/** The files of a bundle as the document of a tree; a directory has no other bytes. */
async function storeFiles(store: Store, files: ReturnType<typeof bundleFiles>, count: (bytes: number) => void): Promise<Descriptor> {
  const all: BundleFile[] = [];
  for await (const file of files) if (file.kind === "file") all.push(file);
  const entries = await mapConcurrently(all, WRITERS, async (file): Promise<TreeEntry> => {
    const { digest, size } = file.blob ?? (await store.write(counted(file.open(), count), undefined, mediaTypes.bytes));
    return { kind: "file", path: `root/${file.path}`, mode: file.mode, digest, size, source: { from: "blob", blob: digest } };
  });
  const tree: Tree = { schema: "caisson.tree/1", id: treeId(entries), entries };
  return await store.writeJson(tree, mediaTypes.tree);
}

/** Files that are written at one time: the disk makes them durable together. */
const WRITERS = 8;
