import { artifactOf, mediaTypes, type Artifact, type Descriptor, type FormatName, type Payload, type Tree, type TreeEntry } from "../model/index.ts";
import { artifactFileName, bundleFiles, packBundle, packTurret, wheelhouseFiles, type ArchiveName } from "../formats/index.ts";
import type { Store } from "../store/index.ts";
import { treeId, type Context } from "../system/index.ts";
import type { Action } from "./action.ts";

/** Pack a payload in one format; its bytes go into the store, and what is handed back says what they are. */
export async function packArtifact(ctx: Context, store: Store, payload: Payload, format: FormatName, action: Action): Promise<Artifact> {
  const content = await storeContent(ctx, store, payload, format);
  return artifactOf(payload, {
    format,
    fileName: artifactFileName(payload, format),
    content,
    payload: await store.writeJson(payload, mediaTypes.payload),
    provenance: await store.writeJson({ schema: "caisson.provenance/1", action, revision: payload.revision }, mediaTypes.provenance),
  });
}

async function storeContent(ctx: Context, store: Store, payload: Payload, format: FormatName): Promise<Descriptor> {
  if (format === "dir") return await storeDirectory(store, bundleFiles(payload, store));
  if (format === "wheelhouse") return await storeDirectory(store, wheelhouseFiles(payload, store));
  if (format === "turret") return await store.write(packTurret(payload, store), undefined, mediaTypes.tar);
  return await store.write(packBundle(ctx, payload, format, store), undefined, CONTENT[format]);
}

const CONTENT: Readonly<Record<ArchiveName, string>> = {
  "tar.gz": mediaTypes.tarGz,
  "tar.bz2": mediaTypes.tarBz2,
  tar: mediaTypes.tar,
  zip: mediaTypes.zip,
};

/** A directory has no bytes of its own: its content is the document of the tree that it is. */
async function storeDirectory(store: Store, files: ReturnType<typeof bundleFiles>): Promise<Descriptor> {
  const entries: TreeEntry[] = [];
  for await (const file of files) {
    if (file.kind !== "file") continue;
    const { digest, size } = file.blob ?? (await store.write(file.open(), undefined, mediaTypes.bytes));
    entries.push({ kind: "file", path: `root/${file.path}`, mode: file.mode, digest, size, source: { from: "blob", blob: digest } });
  }
  const tree: Tree = { schema: "caisson.tree/1", id: treeId(entries), entries };
  return await store.writeJson(tree, mediaTypes.tree);
}
