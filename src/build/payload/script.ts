import { createReadStream } from "node:fs";
import { join } from "node:path";
import { compareBytewise, mediaTypes, type Package, type Tree, type TreeEntry } from "../../model/index.ts";
import { scriptLauncherText } from "../../python/index.ts";
import type { Store } from "../../store/index.ts";
import { sha256, treeId } from "../../system/index.ts";
import type { Content } from "./payload.ts";

/** A single-file script as a command, `bin/<name>`: a launcher like that of a wheel's own script, and its text as it is in `libexec/<name>/`. */
export async function readScript(store: Store, { name, written, script = "" }: Package, directory: string): Promise<Extract<Content, { readonly kind: "files" }>> {
  const blob = await store.write(createReadStream(join(directory, script)), undefined, mediaTypes.bytes);
  const launcher = scriptLauncherText(name, script);
  const entries: readonly TreeEntry[] = [
    { kind: "file", path: `bin/${written}`, mode: 0o755, digest: sha256(launcher), size: Buffer.byteLength(launcher), source: { from: "inline", text: launcher } },
    { kind: "file", path: `data/libexec/${name}/${script}`, mode: 0o644, digest: blob.digest, size: blob.size, source: { from: "blob", blob: blob.digest } },
  ];
  const sorted = entries.toSorted((a, b) => compareBytewise(a.path, b.path));
  const tree: Tree = { schema: "caisson.tree/1", id: treeId(sorted), entries: sorted };
  return { kind: "files", tree, document: await store.writeJson(tree, mediaTypes.tree), blobs: [blob] };
}
