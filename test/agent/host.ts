import { createHash } from "node:crypto";
import { mkdtempSync, realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { mediaTypes, printCanonicalJson, type Bytes, type Descriptor, type Digest, type HostAddress, type HostState, type Label, type Link, type Payload, type Service, type Step, type Tree, type TreeEntry } from "../../src/model/index.ts";
import { createContext, removeTree, treeId, type Context } from "../../src/system/index.ts";
import { openAgent, type Agent, type Answer } from "../../src/transport/index.ts";
import { compiledAgentPath } from "../support/real-python.ts";
import { defaultPythonMinor } from "../support/machine.ts";

/** A directory of our own with a root that does not exist yet; removed at the end. */
export interface TestHost extends AsyncDisposable {
  readonly address: HostAddress;
  readonly root: string;
  readonly directory: string;
  open(env?: Readonly<Record<string, string>>): Promise<Agent>;
}

export function makeHost(): TestHost {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "caisson agent ")));
  const root = join(directory, "srv", "shop");
  const address: HostAddress = { name: "h1", via: "local", address: "", root };
  return {
    address, root, directory,
    open: (env = {}) => openAgent(context(env), address, { by: "tester@here" }),
    [Symbol.asyncDispose]: () => removeTree(directory),
  };
}

export function context(env: Readonly<Record<string, string>> = {}): Context {
  return createContext({ cwd: "/", env: { ...process.env, PATH: compiledAgentPath(), ...env }, report: () => undefined, signal: new AbortController().signal });
}

export interface Blob {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

export function blob(content: string | Uint8Array, mediaType = "application/octet-stream"): Blob {
  const bytes = Buffer.from(content);
  return { bytes, descriptor: { digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}`, size: bytes.length, mediaType } };
}

export function json(value: unknown, mediaType: string): Blob {
  return blob(printCanonicalJson(value), mediaType);
}

/** A file of a tree whose bytes stand in the document. */
export function file(path: string, text: string, mode: 0o644 | 0o755 = 0o644): TreeEntry {
  const { digest, size } = blob(text).descriptor;
  return { kind: "file", path, mode, digest, size, source: { from: "inline", text } };
}

export interface MadeTree {
  readonly id: Digest;
  readonly document: Blob;
}

export function tree(...entries: readonly TreeEntry[]): MadeTree {
  const id = treeId(entries);
  const value: Tree = { schema: "caisson.tree/1", id, entries };
  return { id, document: json(value, mediaTypes.tree) };
}

const platform: Payload["platform"] = {
  label: "here", os: { id: "debian", release: "12" }, arch: process.arch === "arm64" ? "aarch64" : "x86_64", libc: { family: "glibc", version: "2.0" },
  python: { implementation: "cpython", version: "3.11" }, evidence: "ran",
};

/** A payload of kind `files`, or of kind python where `over` brings an interpreter. */
export function payload(name: string, trees: readonly MadeTree[], links: readonly Link[], over: Partial<Payload> = {}): Blob {
  const value: Payload = {
    schema: "caisson.payload/1", package: name as Payload["package"], written: name, kind: "files", version: "1.0", platform,
    revision: { id: "0".repeat(40), time: 315532800, dirty: false }, trees: trees.map(({ id, document }) => ({ id, document: document.descriptor })),
    links, distributions: [], blobs: [], processes: [], start: [], hooks: [], ...over,
  };
  return json(value, mediaTypes.payload);
}

/** A Python package for this machine's Python: its script `hello` lies in the first tree; `site` says what lies in its site-packages, and in which tree. */
export function pythonPayload(trees: readonly [MadeTree, ...MadeTree[]], site: Readonly<Record<string, MadeTree>>, over: Partial<Payload> = {}): Blob {
  const minor = defaultPythonMinor();
  const packages = `lib/python${minor}/site-packages`;
  return payload("hello", trees, [
    { how: "directory", path: "bin" },
    { how: "hardlink", path: "bin/hello", tree: trees[0].id, to: "bin/hello" },
    ...["lib", `lib/python${minor}`, packages].map((path) => ({ how: "directory", path }) as const),
    ...Object.entries(site).map(([name, { id }]) => ({ how: "symlink", path: `${packages}/${name}`, tree: id, to: `site/${name}` }) as const),
    { how: "render", path: "pyvenv.cfg", template: "pyvenv.cfg", mode: 0o644 },
  ], { kind: "python", platform: { ...platform, python: { implementation: "cpython", version: minor as `${number}.${number}` } }, interpreter: { from: "host", version: minor }, ...over });
}

export { platform };

/** A stack of one `files` package whose file says which release it is of. */
export interface TestStack {
  readonly label: Label;
  readonly steps: readonly (readonly [Step, Uint8Array?])[];
}

export function stack(label: string, over: { readonly name?: string; readonly text?: string; readonly trees?: readonly MadeTree[]; readonly payload?: Blob } = {}): TestStack {
  const trees = over.trees ?? [tree(file("root/release.txt", over.text ?? `this is ${label}\n`), file("root/run", "#!/bin/sh\ncat \"${0%/*}/../release.txt\"\n", 0o755))];
  const made = over.payload ?? payload("config", trees, [
    { how: "directory", path: "bin" },
    { how: "hardlink", path: "bin/run", tree: (trees[0] as MadeTree).id, to: "root/run" },
    { how: "symlink", path: "release.txt", tree: (trees[0] as MadeTree).id, to: "root/release.txt" },
  ]);
  const digest = blob(`stack ${label} ${over.text ?? ""}`).descriptor.digest;
  return {
    label: label as Label,
    steps: [
      ...trees.flatMap(({ id, document }): readonly (readonly [Step, Uint8Array?])[] => [[{ step: "receive", blob: document.descriptor }, document.bytes], [{ step: "tree", id, document: document.descriptor }]]),
      [{ step: "receive", blob: made.descriptor }, made.bytes],
      [{ step: "stage", release: label as Label, stack: { name: (over.name ?? "shop") as never, digest }, payloads: [made.descriptor] }],
    ],
  };
}

export async function* stream(bytes: Uint8Array, piece: number = 65_536): Bytes {
  for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece);
}

/** Ask for everything at once, as deploy does. */
export async function askAll(agent: Agent, steps: readonly (readonly [Step, Uint8Array?])[]): Promise<readonly Answer[]> {
  return await Promise.all(steps.map(([step, bytes]) => agent.ask(step, bytes === undefined ? undefined : stream(bytes))));
}

export async function stage(agent: Agent, wanted: TestStack): Promise<void> {
  for (const answer of await askAll(agent, wanted.steps)) expect(answer).toMatchObject({ done: true });
}

const noService: Service = { kind: "none" };

export function activation(release: Label, saw: Label | null, service: Service = noService): Step {
  return { step: "activate", release, saw, undoAfter: 15, service };
}

/** Stage, activate and confirm; the release is the host's when this is done. */
export async function install(agent: Agent, wanted: TestStack, service: Service = noService): Promise<HostState> {
  const { current } = await agent.observe();
  await stage(agent, wanted);
  expect(await agent.ask(activation(wanted.label, current, service))).toMatchObject({ done: true });
  expect(await agent.ask({ step: "confirm", release: wanted.label })).toMatchObject({ done: true });
  return await agent.observe();
}
