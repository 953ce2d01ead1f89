import type { BlobWriter, Descriptor, Digest, PackageName, Payload, Tree, TreeEntry } from "../../src/model/index.ts";
import { mediaTypes, printCanonicalJson } from "../../src/model/index.ts";
import { sha256, treeId } from "../../src/system/index.ts";

const platform: Payload["platform"] = {
  label: "debian-12",
  os: { id: "debian", release: "12" },
  arch: "x86_64",
  libc: { family: "glibc", version: "2.36" },
  python: { implementation: "cpython", version: "3.11" },
  evidence: "ran",
};

/** One wheel and one loose file, as a payload whose blobs lie in `write`. A bundle asks nothing of the inside of a wheel. */
export async function samplePayload(write: BlobWriter, wheelBytes: Uint8Array | string = "not really a wheel"): Promise<Payload> {
  const wheel = await write.write(wheelBytes, {}, mediaTypes.wheel);
  const loose = await write.write("key = value\n", {}, mediaTypes.bytes);
  const library = await writeTree(write, [
    { kind: "file", path: "bin/hello", mode: 0o755, digest: sha256("#!"), size: 2, source: { from: "inline", text: "#!" } },
    { kind: "file", path: "site/hello/__init__.py", mode: 0o644, digest: sha256("1"), size: 1, source: { from: "member", blob: wheel.digest, member: "hello/__init__.py" } },
  ]);
  const files = await writeTree(write, [{ kind: "file", path: "root/etc/hello.ini", mode: 0o644, digest: loose.digest, size: loose.size, source: { from: "blob", blob: loose.digest } }]);
  return {
    schema: "caisson.payload/1",
    package: "hello" as PackageName,
    written: "Hello",
    kind: "python",
    version: "1.0rc1",
    platform,
    revision: { id: "0".repeat(40), time: 1_700_000_001, dirty: false },
    trees: [library, files],
    links: [
      { how: "directory", path: "bin" },
      { how: "hardlink", path: "bin/hello", tree: library.id, to: "bin/hello" },
      { how: "symlink", path: "etc", tree: files.id, to: "root/etc" },
      { how: "render", path: "pyvenv.cfg", template: "pyvenv.cfg", mode: 0o644 },
    ],
    interpreter: { from: "host", version: "3.11" },
    distributions: [{ name: "hello" as PackageName, version: "1.0rc1", tree: library.id, fileName: "hello-1.0rc1-py3-none-any.whl", wheel }],
    blobs: [wheel, loose].toSorted((a, b) => (a.digest < b.digest ? -1 : 1)),
    processes: [{ name: "web", argv: ["hello", "--port", "$PORT"], environment: {}, requires: ["PORT"] }],
    start: [{ process: "web" }],
    hooks: [],
    health: { url: "http://127.0.0.1:8000/health" },
  };
}

/** A tree document among the blobs. */
export async function writeTree(write: BlobWriter, entries: readonly TreeEntry[]): Promise<{ readonly id: Digest; readonly document: Descriptor }> {
  const tree: Tree = { schema: "caisson.tree/1", id: treeId(entries), entries };
  return { id: tree.id, document: await write.write(printCanonicalJson(tree), {}, mediaTypes.tree) };
}
