import type { Descriptor, Digest, Label, Packed, Payload, Tree, TreeEntry, TreeRef } from "../../model/index.ts";
import { mediaTypes } from "../../model/index.ts";
import type { Store } from "../../store/index.ts";
import { mapConcurrently } from "../../system/index.ts";
import type { Knowledge } from "./known-trees.ts";
import type { ObservedHost } from "../observe/observed-host.ts";
import { isStaged, type DeployRequest, type PayloadDocument } from "../plan/plan.ts";
import { payloadPath, treePath, type Receive, type Sending, type Sendings } from "./sending.ts";
import { openWire, type Wire } from "./wire.ts";

/** A large tree of which more than this share is new is not worth taking apart. */
const SHARE = 0.5;
/** What is larger is never told by its difference to something else; what is smaller is always looked at. */
const SMALL = 1 << 20;
/** Blobs that are packed at once. */
const PACKING = 4;

type FileEntry = Extract<TreeEntry, { readonly kind: "file" }>;

/** A tree that hosts run now, in the place of one that they lack. */
interface Former {
  readonly ref: TreeRef;
  readonly tree: Tree;
}

/** A host's current release, as far as it resembles what is to come. */
interface Base {
  readonly label: Label;
  readonly stack: Digest;
  readonly documents: readonly PayloadDocument[];
}

/**
 * Every way to bring what hosts lack to them that may take fewer bytes than to send it as it is: packed, and by what has changed since the release that is current there.
 * `request.trees` has the documents of all trees that some host lacks.
 */
export async function readSendings(store: Store, knowledge: Knowledge, request: DeployRequest): Promise<Sendings> {
  const sendings = new Map<Digest, readonly Sending[]>();
  if (request.hosts.every(({ state }) => isStaged(request, state))) return sendings;
  await using wire = openWire(store);
  const bases = await readBases(knowledge, request.hosts);
  const blobs = new Map(request.payloads.flatMap(({ payload }) => payload.blobs.map((blob) => [blob.digest, blob])));
  for (const { payload, document } of request.payloads) {
    const befores = bases.flatMap((base) => base.documents.filter((before) => before.payload.package === payload.package).map((before) => ({ base, before })));
    sendings.set(document.digest, [
      { like: [], receives: [await wire.pack(document)] },
      ...(await inTurn(befores, async ({ base, before }) => await besideRelease(store, wire, document, base, before))),
    ]);
    for (const ref of payload.trees) {
      const tree = request.trees.get(ref.document.digest);
      if (tree === undefined || sendings.has(ref.id)) continue;
      const formers = await readFormers(store, ref, payload, befores.map(({ before }) => before.payload));
      sendings.set(ref.id, [
        { like: [], receives: await mapConcurrently([ref.document, ...blobsOf(tree, blobs)], PACKING, async (blob) => await packed(wire, blob)) },
        ...(await inTurn(formers, async (former) => await fromFormer(store, wire, ref, tree, former))),
      ]);
    }
  }
  return sendings;
}

/** Each release that is current on some host, once. */
async function readBases(knowledge: Knowledge, hosts: readonly ObservedHost[]): Promise<readonly Base[]> {
  const bases = new Map<string, Base>();
  for (const observed of hosts) {
    const current = observed.state.releases.find(({ label }) => label === observed.state.current);
    if (current === undefined || bases.has(`${current.label} ${current.stack}`)) continue;
    const documents = await knowledge.documentsOf(observed, current.label);
    if (documents !== undefined) bases.set(`${current.label} ${current.stack}`, { label: current.label, stack: current.stack, documents });
  }
  return [...bases.values()];
}

async function besideRelease(store: Store, wire: Wire, document: Descriptor, { label, stack }: Base, before: PayloadDocument): Promise<readonly Sending[]> {
  if (document.size > SMALL || before.document.size > SMALL || !(await store.has(before.document.digest))) return [];
  const base: Packed["base"] = { path: payloadPath(label, before.payload.package), source: { from: "blob", blob: before.document.digest } };
  return [{ like: [], beside: { label, stack }, receives: [await wire.pack(document, undefined, base)] }];
}

/** Wheels are archives: nobody need look into them to know that they are packed. */
async function packed(wire: Wire, blob: Descriptor): Promise<Receive> {
  return blob.mediaType === mediaTypes.wheel ? { step: "receive", blob } : await wire.pack(blob);
}

/** The trees that hosts have in the place of one that they lack: of the same distribution, or, where a package has none, those that its new version has no more. */
async function readFormers(store: Store, ref: TreeRef, payload: Payload, befores: readonly Payload[]): Promise<readonly Former[]> {
  const name = payload.distributions.find(({ tree }) => tree === ref.id)?.name;
  const kept = new Set(payload.trees.map(({ id }) => id));
  const refs = befores.flatMap((before) => {
    const trees = before.trees.filter(({ id }) => !kept.has(id));
    return trees.filter(({ id }) => before.distributions.find(({ tree }) => tree === id)?.name === name);
  });
  const formers: Former[] = [];
  for (const each of new Map(refs.map((found) => [found.id, found])).values()) if (await store.has(each.document.digest)) formers.push({ ref: each, tree: await store.readJson<Tree>(each.document.digest) });
  return formers;
}

/** A tree by those of its files that the former one has not, each of them by its difference to the file that stood in its place. */
async function fromFormer(store: Store, wire: Wire, ref: TreeRef, tree: Tree, former: Former): Promise<readonly Sending[]> {
  const there = new Map(filesOf(former.tree).map((file) => [file.digest, file]));
  const lacking = [...new Map(filesOf(tree).filter((file) => !there.has(file.digest) && file.source.from !== "inline").map((file) => [file.digest, file])).values()];
  if (sizeOf(lacking) > Math.max(SMALL, sizeOf(filesOf(tree)) * SHARE)) return [];
  // Our own copy of what hosts have may be swept away; theirs then helps nobody to tell a difference.
  const ours = new Map(await inTurn([...sourceBlobs(former.tree)], async (digest) => [[digest, await store.has(digest)] as const]));
  const places = new Map(filesOf(former.tree).map((file) => [placeOf(file), file]));
  const receives = await mapConcurrently(lacking, PACKING, async (file) => {
    const before = places.get(placeOf(file));
    const base = before === undefined || before.size > SMALL || before.source.from === "inline" || ours.get(before.source.blob) !== true ? undefined : { path: treePath(former.ref.id, before.path), source: before.source };
    const source = file.source.from === "member" ? file.source : undefined;
    return await wire.pack({ digest: file.digest, size: file.size, mediaType: mediaTypes.bytes }, source, base);
  });
  const document = await wire.pack(ref.document, undefined, { path: treePath(former.ref.id), source: { from: "blob", blob: former.ref.document.digest } });
  return [{ like: [former.ref.id], receives: [document, ...receives] }];
}

function filesOf(tree: Tree): readonly FileEntry[] {
  return tree.entries.filter((entry) => entry.kind === "file");
}

function sizeOf(files: readonly FileEntry[]): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}

/** Where a file stands, whatever the version: `hundred-1.1.dist-info/RECORD` is what `hundred-1.0.dist-info/RECORD` was. */
function placeOf({ path }: FileEntry): string {
  return path.replace(/^site\/[^/]+\.dist-info\//, "site/.dist-info/");
}

function blobsOf(tree: Tree, blobs: ReadonlyMap<Digest, Descriptor>): readonly Descriptor[] {
  return [...sourceBlobs(tree)].flatMap((digest) => blobs.get(digest) ?? []);
}

function sourceBlobs(tree: Tree): ReadonlySet<Digest> {
  return new Set(filesOf(tree).flatMap(({ source }) => (source.from === "inline" ? [] : [source.blob])));
}

async function inTurn<Item, Result>(items: readonly Item[], work: (item: Item) => Promise<readonly Result[]>): Promise<readonly Result[]> {
  const results: Result[] = [];
  for (const item of items) results.push(...(await work(item)));
  return results;
}
