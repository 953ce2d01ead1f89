import type { Descriptor, Digest, Health, HostAddress, HostFacts, HostState, Label, PackageName, Payload, Policy, Process, Target, Tree } from "../../src/model/index.ts";
import type { PayloadDocument } from "../../src/deploy/plan/plan.ts";

/** `sha256:aaaa...`: a digest that a reader can tell from others. */
export function digest(letter: string): Digest {
  return `sha256:${letter.repeat(64)}`;
}

export function blob(letter: string, size: number): Descriptor {
  return { digest: digest(letter), size, mediaType: "application/octet-stream" };
}

const policy: Policy = { canary: 1, maxParallel: 4, maxFailed: 0, minHealthy: 10, healthyDeadline: 60 };

const platform: Payload["platform"] = {
  label: "debian-12",
  os: { id: "debian", release: "12" },
  arch: "x86_64",
  libc: { family: "glibc", version: "2.36" },
  python: { implementation: "cpython", version: "3.11" },
  evidence: "ran",
};

export const facts: HostFacts = { os: { id: "debian", release: "12" }, arch: "x86_64", libc: { family: "glibc", version: "2.36" }, python: "3.11.2", pythons: { "3.11": "/usr/bin/python3.11" }, freeBytes: 1e9, freeInodes: 1e6, privileges: "user" };

export function host(name: string): HostAddress {
  return { name, via: "local", address: "", root: `/srv/${name}` };
}

export function emptyHost(name: string): HostState {
  return { host: name, generation: 0, current: null, previous: null, releases: [], treesDigest: digest("0"), trees: [], facts };
}

export function target(change: Partial<Target> = {}): Target {
  return { name: "production", hosts: [host("h1"), host("h2")], roles: {}, service: { kind: "none" }, policy, keep: 5, ...change };
}

interface Sample {
  readonly name: string;
  readonly version: string;
  /** Each by single hex digits: the id, the digest of its document (10 bytes), and the blob that its one file comes from. */
  readonly trees: readonly { readonly id: string; readonly document: string; readonly blob: string; readonly size: number }[];
  readonly document: string;
  readonly health?: Health;
  readonly processes?: readonly Process[];
  readonly interpreter?: string;
}

/** A payload of kind `python` whose trees have one file each. */
export function payloadOf(sample: Sample): { readonly document: PayloadDocument; readonly trees: readonly (readonly [Digest, Tree])[] } {
  const payload: Payload = {
    schema: "caisson.payload/1",
    package: sample.name as PackageName,
    written: sample.name,
    kind: "python",
    version: sample.version,
    platform,
    revision: { id: "0".repeat(40), time: 0, dirty: false },
    trees: sample.trees.map(({ id, document }) => ({ id: digest(id), document: blob(document, 10) })),
    links: [],
    interpreter: { from: "host", version: sample.interpreter ?? "3.11" },
    distributions: [],
    blobs: sample.trees.map((tree) => blob(tree.blob, tree.size)),
    processes: sample.processes ?? [],
    start: [],
    hooks: [],
    ...(sample.health === undefined ? {} : { health: sample.health }),
  };
  const trees = sample.trees.map((tree): readonly [Digest, Tree] => [
    digest(tree.document),
    { schema: "caisson.tree/1", id: digest(tree.id), entries: [{ kind: "file", path: `site/${tree.id}.py`, mode: 0o644, digest: digest(tree.blob), size: 1, source: { from: "member", blob: digest(tree.blob), member: `${tree.id}.py` } }] },
  ]);
  return { document: { document: blob(sample.document, 100), payload }, trees };
}

export function label(text: string): Label {
  return text as Label;
}

export function packageName(text: string): PackageName {
  return text as PackageName;
}
