import { mediaTypes, type Artifact, type Descriptor, type Label, type PackageName, type Payload, type Source, type Tree, type TreeEntry } from "../../src/model/index.ts";
import { wantedStack, type Wanted } from "../../src/deploy/wanted.ts";
import { addToStack, createStack, freezeStack } from "../../src/stack/index.ts";
import type { Store } from "../../src/store/index.ts";
import { sha256, treeId } from "../../src/system/index.ts";
import { rawZip } from "../python/raw-zip.ts";

const platform: Payload["platform"] = { label: "debian-12", os: { id: "debian", release: "12" }, arch: "x86_64", libc: { family: "glibc", version: "2.17" }, python: { implementation: "cpython", version: "3.11" }, evidence: "declared" };

/** An application of 120 modules as a wheel of its own, beside 69 others that never change; its label is its version. `line` stands in one of its modules. */
export async function makeManyWheels(store: Store, version: string, line: string): Promise<Wanted> {
  const dependencies = Array.from({ length: 69 }, (_, at) => ({ name: `dependency-${at}`, version: "1.0", files: { [`dependency_${at}/__init__.py`]: `NUMBER = ${at}\n` } }));
  const modules = Array.from({ length: 120 }, (_, at) => [`application/part_${at}.py`, `"""Part ${at}."""\n\n${at === 60 ? `LINE = "${line}"\n\n` : ""}\ndef answer_${at}(question):\n    return question + ${at * 7919}\n`] as const);
  const wheels = await Promise.all([{ name: "application", version, files: Object.fromEntries(modules) }, ...dependencies].map((wheel) => makeWheel(store, wheel)));
  const payload: Payload = {
    schema: "caisson.payload/1", package: "application" as PackageName, written: "application", kind: "files", version, platform,
    revision: { id: sha256(version).slice("sha256:".length, 47), time: 315532800, dirty: false },
    trees: wheels.map(({ id, document }) => ({ id, document })).toReversed(),
    links: wheels.map(({ id, top }) => ({ how: "symlink", path: top, tree: id, to: `site/${top}` }) as const).toSorted((a, b) => (a.path < b.path ? -1 : 1)),
    distributions: wheels.map((made) => ({ name: made.name as PackageName, version: made.version, tree: made.id, fileName: made.fileName, wheel: made.wheel })),
    blobs: wheels.map(({ wheel }) => wheel).toSorted((a, b) => (a.digest < b.digest ? -1 : 1)),
    processes: [], start: [], hooks: [],
  };
  const document = await store.writeJson(payload, mediaTypes.payload);
  const artifact: Artifact = {
    schema: "caisson.artifact/1", package: payload.package, version, platform: platform.label, format: "tar.gz", fileName: `application-${version}.tar.gz`,
    content: document, parts: [...payload.trees.map((tree) => tree.document), ...payload.blobs], payload: document, revision: payload.revision, provenance: await store.writeJson({}, mediaTypes.provenance),
  };
  const ref = { name: payload.package, label: version as Label };
  await createStack(store, ref);
  await addToStack(store, ref, [artifact]);
  await freezeStack(store, ref);
  return await wantedStack(store, ref);
}

interface MadeWheel {
  readonly name: string;
  readonly version: string;
  readonly fileName: string;
  readonly top: string;
  readonly wheel: Descriptor;
  readonly id: Tree["id"];
  readonly document: Descriptor;
}

/** A wheel with a RECORD, and the tree of what it installs. */
async function makeWheel(store: Store, { name, version, files }: { readonly name: string; readonly version: string; readonly files: Readonly<Record<string, string>> }): Promise<MadeWheel> {
  const escaped = name.replaceAll("-", "_");
  const place = `${escaped}-${version}.dist-info`;
  const record = [...Object.entries(files).map(([path, text]) => `${path},sha256=${Buffer.from(sha256(text).slice("sha256:".length), "hex").toString("base64url")},${text.length}`), `${place}/RECORD,,`].join("\n");
  const members = { ...files, [`${place}/METADATA`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`, [`${place}/RECORD`]: `${record}\n` };
  const wheel = await store.write(rawZip(Object.entries(members).map(([path, content]) => ({ name: path, content, deflate: true }))), {}, mediaTypes.wheel);
  const source = (member: string): Source => ({ from: "member", blob: wheel.digest, member });
  const entries = Object.entries(members).toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([path, text]): TreeEntry => ({ kind: "file", path: `site/${path}`, mode: 0o644, digest: sha256(text), size: Buffer.byteLength(text), source: source(path) }));
  const id = treeId(entries);
  return { name, version, fileName: `${escaped}-${version}-py3-none-any.whl`, top: escaped, wheel, id, document: await store.writeJson({ schema: "caisson.tree/1", id, entries } satisfies Tree, mediaTypes.tree) };
}
