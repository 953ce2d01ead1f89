import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launcherLinks, launcherTree } from "../../src/formats/index.ts";
import { wantedStack, type Wanted } from "../../src/deploy/wanted.ts";
import { mediaTypes, type Artifact, type Digest, type Event, type Health, type Hook, type Label, type PackageName, type Payload, type Process, type Start, type Tree, type TreeEntry } from "../../src/model/index.ts";
import { addToStack, createStack, freezeStack } from "../../src/stack/index.ts";
import { openStore, type Store } from "../../src/store/index.ts";
import { createContext, removeTree, treeId, type Context } from "../../src/system/index.ts";
import { compiledAgentPath } from "./real-python.ts";

/** A place of one's own: a directory, a store in it, and a context that remembers what was reported. */
export interface Workbench extends AsyncDisposable {
  readonly directory: string;
  readonly ctx: Context;
  readonly store: Store;
  readonly events: readonly Event[];
  /** Ask what runs to stop, as Ctrl-C does. */
  stop(): void;
  /** Ask it again, as a second Ctrl-C does. */
  insist(): void;
}

export async function openWorkbench(env: Readonly<Record<string, string>> = {}, place: string = tmpdir()): Promise<Workbench> {
  const directory = await realpath(await mkdtemp(join(place, "caisson deploy ")));
  const events: Event[] = [];
  const [controller, urgent] = [new AbortController(), new AbortController()];
  const ctx = createContext({ cwd: directory, env: { PATH: compiledAgentPath(), HOME: directory, USER: "tester", ...env }, report: (event) => events.push(event), signal: controller.signal, urgent: urgent.signal });
  const store = await openStore(ctx, join(directory, "store"));
  return { directory, ctx, store, events, stop: () => controller.abort(), insist: () => urgent.abort(), [Symbol.asyncDispose]: () => removeTree(directory).then(() => rm(directory, { recursive: true, force: true })) };
}

/** What a hand-made package holds and starts. Paths begin with `bin/` (programs) or anything else (files). */
export interface HandMade {
  readonly name?: string;
  readonly version: string;
  readonly files: Readonly<Record<string, string>>;
  readonly processes?: readonly Process[];
  readonly start?: readonly Start[];
  readonly health?: Health;
  readonly hooks?: readonly Hook[];
}

const platform: Payload["platform"] = { label: "debian-12", os: { id: "debian", release: "12" }, arch: "x86_64", libc: { family: "glibc", version: "2.17" }, python: { implementation: "cpython", version: "3.11" }, evidence: "declared" };

/** A package of files as an artifact in the store: one tree for each file, so that what is unchanged in the next version is the same tree. */
export async function makeArtifact(store: Store, made: HandMade): Promise<Artifact> {
  const paths = Object.keys(made.files).toSorted();
  const parts = await Promise.all(paths.map((path) => makeTree(store, path, made.files[path] ?? "")));
  const directories = [...new Set(paths.flatMap((path) => path.split("/").slice(0, -1).map((_, depth, all) => all.slice(0, depth + 1).join("/"))))].toSorted();
  const name = (made.name ?? "hello") as PackageName;
  const launchers = launcherTree(name, made.processes ?? []);
  const launching = launchers === undefined ? [] : [{ id: launchers.id, document: await store.writeJson(launchers, mediaTypes.tree) }];
  const payload: Payload = {
    schema: "caisson.payload/1",
    package: name,
    written: name,
    kind: "files",
    version: made.version,
    platform,
    revision: { id: "0".repeat(40), time: 315532800, dirty: false },
    trees: [...launching, ...parts.map(({ id, document }) => ({ id, document }))],
    links: [...(launchers === undefined ? [] : launcherLinks(launchers)), ...directories.map((path) => ({ how: "directory", path }) as const), ...parts.map(({ id, path }) => ({ how: "hardlink", path, tree: id, to: areaPath(path) }) as const)].toSorted((a, b) => (a.path < b.path ? -1 : 1)),
    distributions: [],
    blobs: [...new Map(parts.map(({ blob }) => [blob.digest, blob])).values()],
    processes: made.processes ?? [],
    start: made.start ?? [],
    hooks: made.hooks ?? [],
    ...(made.health === undefined ? {} : { health: made.health }),
  };
  const document = await store.writeJson(payload, mediaTypes.payload);
  return {
    schema: "caisson.artifact/1", package: name, version: made.version, platform: platform.label, format: "tar.gz", fileName: `${name}-${made.version}-${platform.label}.tar.gz`,
    content: document, parts: [...payload.trees.map((tree) => tree.document), ...payload.blobs], payload: document, revision: payload.revision, provenance: await store.writeJson({}, mediaTypes.provenance),
  };
}

/** A frozen stack of hand-made packages, labelled with the first one's version. */
export async function makeStack(store: Store, ...packages: readonly HandMade[]): Promise<Wanted> {
  const [first] = packages;
  const ref = { name: (first?.name ?? "hello") as PackageName, label: (first?.version ?? "0") as Label };
  await createStack(store, ref);
  await addToStack(store, ref, await Promise.all(packages.map((made) => makeArtifact(store, made))));
  await freezeStack(store, ref);
  return await wantedStack(store, ref);
}

async function makeTree(store: Store, path: string, text: string): Promise<{ readonly path: string; readonly id: Digest; readonly document: Artifact["content"]; readonly blob: Artifact["content"] }> {
  const blob = await store.write(text);
  const entries: readonly TreeEntry[] = [{ kind: "file", path: areaPath(path), mode: path.startsWith("bin/") ? 0o755 : 0o644, digest: blob.digest, size: blob.size, source: { from: "blob", blob: blob.digest } }];
  const tree: Tree = { schema: "caisson.tree/1", id: treeId(entries), entries };
  return { path, id: tree.id, document: await store.writeJson(tree, mediaTypes.tree), blob };
}

function areaPath(path: string): string {
  return path.startsWith("bin/") ? path : `root/${path}`;
}
