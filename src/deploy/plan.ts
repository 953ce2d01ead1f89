import { fail, printStackRef } from "../model/index.ts";
import type { Descriptor, Digest, HostAddress, HostPlan, HostState, PackageName, Payload, Plan, Problem, StackRef, Step, Target, Tree, TreeRef } from "../model/index.ts";
import { checkFit } from "./fit.ts";

/** A payload with the address of its document. */
export interface PayloadDocument {
  readonly document: Descriptor;
  readonly payload: Payload;
}

/** A host as it was found. */
export interface ObservedHost {
  readonly host: HostAddress;
  readonly state: HostState;
}

/** All that decides what a deploy does. */
export interface DeployRequest {
  readonly ref: StackRef;
  /** The digest of the stack's document. */
  readonly stack: Digest;
  readonly target: Target;
  /** What the target calls for: one platform, each package once. */
  readonly payloads: readonly PayloadDocument[];
  /** The trees that some host lacks (see `lackingTrees`), by the digest of their documents. */
  readonly trees: ReadonlyMap<Digest, Tree>;
  readonly hosts: readonly ObservedHost[];
  /** The caller starts the processes itself, whatever the target's service is. */
  readonly starts?: boolean;
}

export type Planned = { readonly plan: Plan } | { readonly problems: readonly Problem[] };

/** Decide what makes a stack the active release on each host: the fewest steps and bytes, nothing where it is active already. One host that does not fit spoils the whole plan. */
export function planDeploy(request: DeployRequest): Planned {
  const { ref, target } = request;
  const problems = request.hosts.flatMap(({ host, state }) => {
    const documents = payloadsFor(request, host);
    if (documents.length === 0) return [{ code: "config-invalid", message: `no role of \`${target.name}\` gives ${host.name} a package of \`${printStackRef(ref)}\``, hint: "name the host in a role, or take it out of the target" } as const];
    return [...checkRoot(ref, request.stack, host, state), ...documents.flatMap(({ payload }) => [...checkFit(host.name, state.facts, payload), ...checkHooks(payload)])];
  });
  if (problems.length > 0) return { problems };
  return { plan: { schema: "caisson.plan/1", action: "deploy", stack: request.stack, ref, target: target.name, policy: target.policy, hosts: request.hosts.map((observed) => planHost(request, observed)) } };
}

/** The trees of the payloads that at least one host has to make. */
export function lackingTrees(request: Omit<DeployRequest, "trees">): readonly Descriptor[] {
  const lacking = request.hosts.flatMap(({ host, state }) => (isStaged(request, state) ? [] : treesOf(payloadsFor(request, host)).filter(({ id }) => !state.trees.includes(id))));
  return uniqueBlobs(lacking.map(({ document }) => document));
}

/** The packages that a host gets: those that a role gives to it, and those that no role names. */
function packagesFor(target: Target, host: HostAddress, packages: readonly PackageName[]): readonly PackageName[] {
  const roles = Object.values(target.roles);
  const mine = roles.filter(({ hosts }) => hosts.includes(host.name) || (host.address !== "" && hosts.includes(host.address)));
  return packages.filter((name) => mine.some((role) => role.packages.includes(name)) || !roles.some((role) => role.packages.includes(name)));
}

/** The steps from a staged release to a confirmed one. Health over HTTP is asked only where something starts processes. */
export function switchSteps(target: Target, to: HostPlan["to"] & string, from: HostPlan["from"], payloads: readonly Payload[], starts: boolean): readonly Step[] {
  const restarts = starts || target.service.kind !== "none";
  // What nobody starts is well at once, or not at all.
  const waits = target.service.kind !== "none" || (starts && payloads.some(({ processes }) => processes.length > 0));
  const { minHealthy, healthyDeadline } = target.policy;
  const patience = waits ? { minHealthy, deadline: healthyDeadline } : { minHealthy: 0, deadline: Math.min(healthyDeadline, LOOK) };
  const checks = payloads.flatMap((payload): readonly Step[] => {
    const { health } = payload;
    if (health === undefined || (health.argv === undefined && !restarts)) return [];
    return [{ step: "check", release: to, package: payload.package, health, ...patience }];
  });
  return [
    { step: "activate", release: to, saw: from, undoAfter: SILENCE, service: target.service },
    ...(restarts ? [{ step: "restart", release: to, service: target.service } as const] : []),
    ...checks,
    { step: "confirm", release: to },
  ];
}

/** Seconds for a health check where nothing has to start first. */
const LOOK = 10;

/** Seconds without a word from us after which a host goes back by itself: three heartbeats, and some patience with a busy machine. */
const SILENCE = 20;

function checkRoot(ref: StackRef, stack: Digest, host: HostAddress, state: HostState): readonly Problem[] {
  const stranger = state.releases.find(({ name }) => name !== ref.name);
  if (stranger !== undefined) return [{ code: "host-changed", message: `\`${host.root}\` on ${host.name} belongs to the stack \`${stranger.name}\``, hint: "give each stack a root of its own" }];
  const same = state.releases.find(({ label }) => label === ref.label);
  if (same !== undefined && same.stack !== stack) return [{ code: "host-changed", message: `${host.name} has another \`${printStackRef(ref)}\``, hint: `deploy it under another label: caisson stack create NAME --from ${ref.label}` }];
  if (same?.state === "unconfirmed") return [{ code: "host-busy", message: `${host.name} is being switched to \`${printStackRef(ref)}\` by somebody else`, hint: "wait for it, then run the same command again" }];
  return [];
}

/** A hook that is not run would be a release half made. */
function checkHooks({ package: name, hooks }: Payload): readonly Problem[] {
  return hooks.length === 0 ? [] : [{ code: "hook-failed", message: `\`${name}\` has hooks, and this version of Caisson runs none`, hint: "take them out, or deploy it with a newer Caisson" }];
}

function planHost(request: DeployRequest, { host, state }: ObservedHost): HostPlan {
  const { ref, target } = request;
  const documents = payloadsFor(request, host);
  const payloads = documents.map(({ payload }) => payload);
  const plan = { host, saw: { generation: state.generation, current: state.current }, from: state.current, to: ref.label, hooks: 0, removes: [] };
  const whole = total([...uniqueBlobs(payloads.flatMap(({ blobs }) => blobs)), ...treesOf(documents).map(({ document }) => document), ...documents.map(({ document }) => document)]);
  if (state.current === ref.label) return { ...plan, steps: [], sendBytes: 0, keptBytes: whole, restarts: [] };
  const making = isStaged(request, state) ? [] : stageSteps(request, documents, state);
  const sendBytes = total(making.flatMap((step) => (step.step === "receive" ? [step.blob] : [])));
  const starts = request.starts === true;
  const restarts = starts || target.service.kind !== "none" ? payloads.flatMap(({ processes }) => processes.map(({ name }) => name)) : [];
  return { ...plan, steps: [...making, ...switchSteps(target, ref.label, state.current, payloads, starts)], sendBytes, keptBytes: whole - sendBytes, restarts };
}

/** Everything that the release is made of and the host lacks, each blob once, and the release itself. */
function stageSteps(request: DeployRequest, documents: readonly PayloadDocument[], state: HostState): readonly Step[] {
  const lacking = treesOf(documents).filter(({ id }) => !state.trees.includes(id));
  const known = new Map(request.payloads.flatMap(({ payload }) => payload.blobs.map((blob) => [blob.digest, blob])));
  const blobs = lacking.flatMap(({ id, document }) => {
    const tree = request.trees.get(document.digest) ?? fail({ code: "blob-missing", message: `the document of tree \`${id}\` is not in the store` });
    return [document, ...blobsOf(tree).map((blob) => known.get(blob) ?? fail({ code: "blob-missing", message: `tree \`${id}\` needs \`${blob}\`, which its payload does not name` }))];
  });
  return [
    ...uniqueBlobs([...blobs, ...documents.map(({ document }) => document)]).map((blob): Step => ({ step: "receive", blob })),
    ...lacking.map(({ id, document, python }): Step => ({ step: "tree", id, document, ...(python === undefined ? {} : { python }) })),
    { step: "stage", release: request.ref.label, stack: { name: request.ref.name, digest: request.stack }, payloads: documents.map(({ document }) => document) },
  ];
}

function payloadsFor(request: Pick<DeployRequest, "payloads" | "target">, host: HostAddress): readonly PayloadDocument[] {
  const mine = packagesFor(request.target, host, request.payloads.map(({ payload }) => payload.package));
  return request.payloads.filter(({ payload }) => mine.includes(payload.package));
}

function isStaged(request: Pick<DeployRequest, "ref" | "stack">, state: HostState): boolean {
  return state.releases.some(({ label, stack }) => label === request.ref.label && stack === request.stack);
}

/** Each tree once, in the order of the first payload that has it. */
function treesOf(documents: readonly PayloadDocument[]): readonly (TreeRef & { readonly python: string | undefined })[] {
  return [...new Map(documents.flatMap(({ payload }) => payload.trees.map((tree) => [tree.id, { ...tree, python: payload.kind === "python" ? payload.platform.python.version : undefined }]))).values()];
}

function blobsOf(tree: Tree): readonly Digest[] {
  return [...new Set(tree.entries.flatMap((entry) => (entry.kind === "file" && entry.source.from !== "inline" ? [entry.source.blob] : [])))];
}

function uniqueBlobs(blobs: readonly Descriptor[]): readonly Descriptor[] {
  return [...new Map(blobs.map((blob) => [blob.digest, blob])).values()];
}

function total(blobs: readonly Descriptor[]): number {
  return blobs.reduce((sum, { size }) => sum + size, 0);
}
