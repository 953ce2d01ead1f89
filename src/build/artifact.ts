import { artifactOf, mediaTypes, type Artifact, type Bytes, type Descriptor, type FormatName, type Payload, type Tree, type TreeEntry } from "../model/index.ts";
import { artifactFileName, bundleFiles, packBundle, packTurret, wheelhouseFiles, type ArchiveName } from "../formats/index.ts";
import type { Store } from "../store/index.ts";
import { treeId, type Context } from "../system/index.ts";
import type { Action } from "./action.ts";

/** Pack a payload in one format; its bytes go into the store, and what is handed back says what they are. `count` is told of bytes that were packed. */
export async function packArtifact(ctx: Context, store: Store, payload: Payload, format: FormatName, action: Action, count: (bytes: number) => void): Promise<Artifact> {
  const content = await storeContent(ctx, store, payload, format, count);
  return artifactOf(payload, {
    format,
    fileName: artifactFileName(payload, format),
    content,
    payload: await store.writeJson(payload, mediaTypes.payload),
    provenance: await store.writeJson({ schema: "caisson.provenance/1", action, revision: payload.revision, ...(action.kind === "artifact" && action.scripts !== undefined ? { hermetic: false } : {}) }, mediaTypes.provenance),
  });
}

async function storeContent(ctx: Context, store: Store, payload: Payload, format: FormatName, count: (bytes: number) => void): Promise<Descriptor> {
  if (format === "dir") return await storeDirectory(store, bundleFiles(payload, store), count);
  if (format === "wheelhouse") return await storeDirectory(store, wheelhouseFiles(payload, store), count);
  if (format === "turret") return await store.write(counted(packTurret(payload, store), count), undefined, mediaTypes.tar);
  return await store.write(counted(packBundle(ctx, payload, format, store, { brief: true }), count), undefined, CONTENT[format]);
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

/** A directory has no bytes of its own: its content is the document of the tree that it is. */
async function storeDirectory(store: Store, files: ReturnType<typeof bundleFiles>, count: (bytes: number) => void): Promise<Descriptor> {
  const entries: TreeEntry[] = [];
  for await (const file of files) {
    if (file.kind !== "file") continue;
    const { digest, size } = file.blob ?? (await store.write(counted(file.open(), count), undefined, mediaTypes.bytes));
    entries.push({ kind: "file", path: `root/${file.path}`, mode: file.mode, digest, size, source: { from: "blob", blob: digest } });
  }
  const tree: Tree = { schema: "caisson.tree/1", id: treeId(entries), entries };
  return await store.writeJson(tree, mediaTypes.tree);
}
