import { fail, printStackRef, type Payload, type Stack, type Target, type Tree } from "../../model/index.ts";
import type { Store } from "../../store/index.ts";
import { checkFit } from "./fit.ts";
import type { ObservedHost } from "../observe/observed-host.ts";
import type { PayloadDocument } from "./plan.ts";

/**
 * The payloads of a stack on the target's platform; where it names none, on the stack's only platform, or the only one that fits all hosts.
 * @throws CaissonError `platform-unknown`
 */
export async function readPayloads(store: Store, stack: Stack, target: Target, hosts: readonly ObservedHost[]): Promise<readonly PayloadDocument[]> {
  const all = [...new Set(stack.members.flatMap(({ artifacts }) => artifacts.map(({ platform }) => platform)))].toSorted();
  const [first, ...more] = target.platform === undefined ? all : [target.platform];
  if (first === undefined) return fail({ code: "platform-unknown", message: `\`${printStackRef(stack)}\` has no artifacts`, hint: `caisson stack add ${stack.label} PACKAGE` });
  if (more.length === 0) return await readOn(store, stack, first);
  const fitting: (readonly PayloadDocument[])[] = [];
  for (const platform of all) {
    if (!stack.members.every((member) => member.artifacts.some((artifact) => artifact.platform === platform))) continue;
    const documents = await readOn(store, stack, platform);
    if (hosts.every(({ host, state }) => documents.every(({ payload }) => checkFit(host.name, state.facts, payload).length === 0))) fitting.push(documents);
  }
  const [only, ...others] = fitting;
  if (only !== undefined && others.length === 0) return only;
  return fail({ code: "platform-unknown", message: `\`${printStackRef(stack)}\` is there for ${all.join(" and ")}, and ${only === undefined ? "none" : "more than one"} fits the hosts`, hint: "give the target a `platform`" });
}

async function readOn(store: Store, stack: Stack, platform: string): Promise<readonly PayloadDocument[]> {
  const documents: PayloadDocument[] = [];
  for (const member of stack.members) {
    const artifact = member.artifacts.find((made) => made.platform === platform);
    if (artifact === undefined) fail({ code: "platform-unknown", message: `\`${member.package}\` ${member.version} has no artifact for ${platform}`, hint: `caisson build ${member.package} --platform ${platform}` });
    const payload = await store.readJson<Payload>(artifact.payload.digest);
    if (payload.additions?.lines !== undefined) fail({ code: "host-unfit", message: `\`${member.package}\` has install lines, which install.sh alone runs: a release is only what its files say`, hint: "what has to run on a host is a hook: hooks = [{ at = \"stage\", command = \"...\" }] in caisson.toml" });
    documents.push({ document: artifact.payload, payload });
  }
  return documents;
}

/** Tree documents by their digests. */
export async function readTrees(store: Store, documents: readonly { readonly digest: Tree["id"] }[]): Promise<ReadonlyMap<Tree["id"], Tree>> {
  const trees = new Map<Tree["id"], Tree>();
  for (const { digest } of documents) trees.set(digest, await store.readJson<Tree>(digest));
  return trees;
}

/** What each host's release is made of, as far as this store knows: hosts with the same release and the same facts are asked about once. */
export async function readFleetPayloads(store: Store, hosts: readonly ObservedHost[], releaseOf: (host: ObservedHost) => string | null, target: Target): Promise<(host: ObservedHost) => readonly Payload[]> {
  const known = new Map<string, readonly Payload[]>();
  const keyOf = (observed: ObservedHost): string => {
    const release = releaseOf(observed);
    const { arch, libc, python, pythons } = observed.state.facts;
    return JSON.stringify([observed.state.releases.find(({ label }) => label === release)?.stack, arch, libc, python, Object.keys(pythons)]);
  };
  for (const observed of hosts) {
    const key = keyOf(observed);
    if (!known.has(key)) known.set(key, await readReleasePayloads(store, observed, releaseOf(observed), target));
  }
  return (observed) => known.get(keyOf(observed)) ?? [];
}

/** What a release on a host is made of, as far as this store knows; empty where its stack was made elsewhere. */
export async function readReleasePayloads(store: Store, observed: ObservedHost, release: string | null, target: Target): Promise<readonly Payload[]> {
  return ((await readReleaseDocuments(store, observed, release, target)) ?? []).map(({ payload }) => payload);
}

/** The same with the addresses of the documents; undefined where its stack was made elsewhere. */
export async function readReleaseDocuments(store: Store, { state, host }: ObservedHost, release: string | null, target: Target): Promise<readonly PayloadDocument[] | undefined> {
  const digest = state.releases.find(({ label }) => label === release)?.stack;
  if (digest === undefined || !(await store.has(digest))) return undefined;
  return await readPayloads(store, await store.readJson<Stack>(digest), target, [{ host, state }]);
}
