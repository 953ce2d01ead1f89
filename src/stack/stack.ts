import { setTimeout as pause } from "node:timers/promises";
import { compareBytewise, fail, mediaTypes, printStackRef, type Artifact, type Digest, type Json, type PackageName, type Stack, type StackMember, type StackRef } from "../model/index.ts";
import { compareVersions, normalizeVersion } from "../python/version/index.ts";
import { findArtifacts, listVersions, useArtifacts, type Store } from "../store/index.ts";
import { hashJson } from "../system/index.ts";
import { diffStacks, type StackDifference } from "./diff.ts";
import { compareLabels } from "./order.ts";
import { hasStack, readPage, readStack, type StackPage } from "./read.ts";

/** A stack after a change, and what the change was; nothing where it was so already. */
export interface StackUpdate {
  readonly stack: Stack;
  readonly changes: readonly StackDifference[];
}

/** A stack's identity: the digest of its document. */
export function stackDigest(stack: Stack): Digest {
  return hashJson(stack);
}

/**
 * A new stack, open: empty, or with the members of another, which it never touches again.
 * @throws CaissonError `ref-exists` · `ref-unknown` where `from` is none · `blob-missing`
 */
export async function createStack(store: Store, ref: StackRef, from?: StackRef): Promise<Stack> {
  if (await hasStack(store, ref)) taken(ref);
  const source = from === undefined ? undefined : (await readStack(store, from)).stack;
  const members = source?.members ?? [];
  await useArtifacts(store, members.flatMap(({ artifacts }) => artifacts));
  const stack: Stack = { schema: "caisson.stack/1", name: ref.name, label: ref.label, ...(source === undefined ? {} : { from: stackDigest(source) }), members };
  if ((await writePage(store, ref, stack, "open", 0)) === "moved") taken(ref);
  return stack;
}

/**
 * Put artifacts into a stack. A package's other version gives way; of the same version, artifacts for the same platform and format do.
 * @throws CaissonError `ref-unknown` · `stack-frozen` · `blob-missing` · `usage` where two versions of a package are given · `ref-moved`
 */
export async function addToStack(store: Store, ref: StackRef, artifacts: readonly Artifact[]): Promise<StackUpdate> {
  await refuseFrozen(store, ref);
  const added = groupByPackage(artifacts);
  await useArtifacts(store, artifacts);
  return await updateStack(store, ref, (members) => {
    const kept = members.filter((member) => !added.has(member.package));
    const merged = [...added.values()].map((member) => merge(members.find((old) => old.package === member.package), member));
    return [...kept, ...merged].toSorted((a, b) => compareBytewise(a.package, b.package));
  });
}

/**
 * Put a version of a package into a stack, with all artifacts that there are of it.
 * @throws CaissonError `ref-unknown` where there is no such stack, or no artifact of that version · as `addToStack`
 */
export async function addVersionToStack(store: Store, ref: StackRef, name: PackageName, version: string): Promise<StackUpdate> {
  await refuseFrozen(store, ref);
  const versions = (await listVersions(store, name)).toSorted((a, b) => compareLabels(b, a));
  const known = versions.find((candidate) => candidate === version) ?? versions.find((candidate) => isSameVersion(candidate, version));
  if (known === undefined) {
    fail({
      code: "ref-unknown",
      message: `there is no artifact of \`${name}\` ${version}`,
      hint: `${versions.length === 0 ? "no version of it is here" : `versions here: ${versions.join(", ")}`}; build it with \`caisson build ${name} --rev REV\``,
    });
  }
  return await addToStack(store, ref, await findArtifacts(store, name, known));
}

/**
 * Take packages out of a stack; one that is not in it is out already.
 * @throws CaissonError `ref-unknown` · `stack-frozen` · `ref-moved`
 */
export async function removeFromStack(store: Store, ref: StackRef, names: readonly PackageName[]): Promise<StackUpdate> {
  return await updateStack(store, ref, (members) => members.filter((member) => !names.includes(member.package)));
}

/**
 * Never change a stack again. A frozen one stays as it is.
 * @throws CaissonError `ref-unknown` · `ref-moved`
 */
export async function freezeStack(store: Store, ref: StackRef): Promise<Digest> {
  return await persistently(ref, async () => {
    const { page, generation } = await readPage(store, ref);
    if (page.state === "frozen") return page.document.digest;
    const last: StackPage = { ...page, state: "frozen" };
    return (await store.writeRef("stacks", printStackRef(ref), last as unknown as Json, generation)) === "written" ? page.document.digest : undefined;
  });
}

/** Change what the stack is now, whoever else changes it meanwhile. */
async function updateStack(store: Store, ref: StackRef, change: (members: readonly StackMember[]) => readonly StackMember[]): Promise<StackUpdate> {
  return await persistently(ref, async () => {
    const { page, generation } = await readPage(store, ref);
    if (page.state === "frozen") refuse(ref);
    const before = await store.readJson<Stack>(page.document.digest);
    const stack: Stack = { ...before, members: change(before.members) };
    const changes = diffStacks(before, stack);
    return changes.length === 0 || (await writePage(store, ref, stack, "open", generation)) === "written" ? { stack, changes } : undefined;
  });
}

/** Try until nobody came between; they write in milliseconds, so two hundred tries mean that something else is wrong. */
async function persistently<Result>(ref: StackRef, attempt: () => Promise<Result | undefined>): Promise<Result> {
  for (let tries = 0; tries < 200; tries++) {
    const result = await attempt();
    if (result !== undefined) return result;
    await pause(Math.random() * Math.min(5 * (tries + 1), 100));
  }
  return fail({ code: "ref-moved", message: `stack \`${printStackRef(ref)}\` was changed by others again and again`, hint: "run the same command again" });
}

async function writePage(store: Store, ref: StackRef, stack: Stack, state: StackPage["state"], expect: number): Promise<"written" | "moved"> {
  const page: StackPage = { state, document: await store.writeJson(stack, mediaTypes.stack), packages: stack.members.length };
  return await store.writeRef("stacks", printStackRef(ref), page as unknown as Json, expect);
}

async function refuseFrozen(store: Store, ref: StackRef): Promise<void> {
  if ((await readPage(store, ref)).page.state === "frozen") refuse(ref);
}

function groupByPackage(artifacts: readonly Artifact[]): ReadonlyMap<PackageName, StackMember> {
  const members = new Map<PackageName, StackMember>();
  for (const artifact of artifacts) {
    const { package: name, version } = artifact;
    const before = members.get(name);
    if (before !== undefined && before.version !== version) fail({ code: "usage", message: `a stack holds one version of \`${name}\`, not ${before.version} and ${version}` });
    members.set(name, { package: name, version, artifacts: [...(before?.artifacts ?? []), artifact] });
  }
  return members;
}

function merge(old: StackMember | undefined, added: StackMember): StackMember {
  const artifacts = new Map<string, Artifact>();
  const kept = old?.version === added.version ? old.artifacts : [];
  for (const artifact of [...kept, ...added.artifacts]) artifacts.set(`${artifact.platform}@${artifact.format}`, artifact);
  return { ...added, artifacts: [...artifacts].toSorted(([a], [b]) => compareBytewise(a, b)).map(([, artifact]) => artifact) };
}

function isSameVersion(a: string, b: string): boolean {
  return normalizeVersion(a) !== undefined && normalizeVersion(b) !== undefined && compareVersions(a, b) === 0;
}

function taken(ref: StackRef): never {
  return fail({ code: "ref-exists", message: `stack \`${printStackRef(ref)}\` exists already`, hint: `caisson stack show ${printStackRef(ref)}, or choose another name` });
}

function refuse(ref: StackRef): never {
  return fail({ code: "stack-frozen", message: `stack \`${printStackRef(ref)}\` is frozen`, hint: `caisson stack create NAME --from ${printStackRef(ref)}` });
}
