import { fail, printStackRef } from "../../model/index.ts";
import type { Descriptor, Digest, HostAddress, HostPlan, HostState, NeededException, PackageName, Payload, Plan, Problem, StackRef, Step, Target, Tree, TreeRef } from "../../model/index.ts";
import { problemsOf } from "../observe/group-problems.ts";
import type { ObservedHost } from "../observe/observed-host.ts";
import { checkFit } from "./fit.ts";
import { asTarget, checkCrossing, checkModes, checkUser, environmentSteps, maySpoilTrees, planHooks, releaseOf, withHooks, type HostHooks, type WantedEnvironment } from "./hook-steps.ts";
import { cheapest, sentBytes, type Receive, type Sending, type Sendings } from "../wire/sending.ts";
import { checkProcesses, hasOtherUnits, healthOf, unitSteps, type Place } from "./service-steps.ts";

/** A payload with the address of its document. */
export interface PayloadDocument {
  readonly document: Descriptor;
  readonly payload: Payload;
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
  /** Ways to send less than everything as it is. */
  readonly sendings?: Sendings;
  /** The caller starts the processes itself, whatever the target's service is. */
  readonly starts?: boolean;
  /** Values for programs on the hosts; undefined where nobody says what they are, and those there stay. */
  readonly environment?: WantedEnvironment;
  /** Going back across irreversible hooks is meant. */
  readonly acrossHooks?: boolean;
  /** What the release that is current is made of, as far as this store knows: how it is looked at after an undo. */
  readonly payloadsNow?: (host: ObservedHost) => readonly Payload[];
}

export type Planned = { readonly plan: Plan } | { readonly problems: readonly Problem[] };

/** Decide what makes a stack the active release on each host: the fewest steps and bytes, nothing where it is active already. One host that does not fit spoils the whole plan. */
export function planDeploy(request: DeployRequest): Planned {
  const { ref, target } = request;
  const problems = problemsOf(request.hosts, ({ host, state }) => {
    const documents = payloadsFor(request, host);
    if (documents.length === 0) return [{ code: "config-invalid", message: `no role of \`${target.name}\` gives ${host.name} a package of \`${printStackRef(ref)}\``, hint: "name the host in a role, or take it out of the target" } as const];
    return [...checkRoot(ref, request.stack, host, state), ...checkProcesses(target, { stack: ref.name }, state.facts, documents.map(({ payload }) => payload)), ...documents.flatMap(({ payload }) => [...checkFit(host.name, state.facts, payload)]), ...checkUser(target, host, state.facts), ...checkModes(host, state)];
  });
  if (request.acrossHooks !== true) problems.push(...checkCrossing(request.hosts, () => ref.label, request.stack));
  if (problems.length > 0) return { problems };
  const hooksOn = planHooks(target, ref.label, request.hosts.map((observed) => ({ ...observed, payloads: payloadsFor(request, observed.host).map(({ payload }) => payload) })));
  const hosts = request.hosts.map((observed) => planHost(request, observed, hooksOn(observed.host)));
  const exceptions = hosts.some(({ steps }) => steps.length > 0) ? exceptionsIn(request) : [];
  return { plan: { schema: "caisson.plan/1", action: "deploy", stack: request.stack, ref, target: target.name, policy: target.policy, ...(request.environment === undefined ? {} : { environment: target.environment ?? [] }), hosts, ...(exceptions.length === 0 ? {} : { exceptions }) } };
}

/** Those of all packages, each once. */
function exceptionsIn({ payloads }: DeployRequest): readonly NeededException[] {
  return [...new Map(payloads.flatMap(({ payload }) => payload.exceptions ?? []).map((each) => [`${each.wheel} ${each.rule}`, each])).values()];
}

/** The trees of the payloads that at least one host has to make. */
export function lackingTrees(request: Omit<DeployRequest, "trees" | "sendings">): readonly Descriptor[] {
  const lacking = request.hosts.flatMap(({ host, state }) => (isStaged(request, state) ? [] : treesOf(payloadsFor(request, host)).filter(({ id }) => !hasTree(state, id))));
  return uniqueBlobs(lacking.map(({ document }) => document));
}

/** The packages that a host gets: those that a role gives to it, and those that no role names. */
export function packagesFor(target: Target, host: HostAddress, packages: readonly PackageName[]): readonly PackageName[] {
  const roles = Object.values(target.roles);
  const mine = roles.filter(({ hosts }) => hosts.includes(host.name) || (host.address !== "" && hosts.includes(host.address)));
  return packages.filter((name) => mine.some((role) => role.packages.includes(name)) || !roles.some((role) => role.packages.includes(name)));
}

/** The steps from a staged release to a confirmed one. Health over HTTP is asked only where something starts processes. */
export function switchSteps(target: Target, place: Place, to: HostPlan["to"] & string, from: HostPlan["from"], payloads: readonly Payload[], starts: boolean): readonly Step[] {
  const restarts = starts || target.service.kind !== "none";
  // What nobody starts is well at once, or not at all.
  const waits = target.service.kind !== "none" || (starts && payloads.some(({ processes }) => processes.length > 0));
  const { minHealthy, healthyDeadline } = target.policy;
  const patience = waits ? { minHealthy, deadline: healthyDeadline } : { minHealthy: 0, deadline: Math.min(healthyDeadline, LOOK) };
  const checks = checkSteps(target, to, payloads, restarts, patience);
  return [
    ...unitSteps(target, place, to, payloads),
    { step: "activate", release: to, saw: from, undoAfter: SILENCE, service: target.service },
    ...(restarts ? [{ step: "restart", release: to, service: target.service, ...(target.service.kind === "systemd" ? { deadline: healthyDeadline } : {}) } as const] : []),
    ...checks,
    { step: "confirm", release: to },
  ];
}

/** How the release that is current now is looked at, should a host go back to it: nothing where nobody can tell. */
export function backSteps(target: Target, from: HostPlan["from"], payloads: readonly Payload[]): Pick<HostPlan, "back"> {
  if (from === null) return {};
  const restarts = target.service.kind !== "none";
  const back = checkSteps(target, from, payloads, restarts, { minHealthy: 0, deadline: restarts ? target.policy.healthyDeadline : Math.min(target.policy.healthyDeadline, LOOK) });
  return back.length === 0 ? {} : { back };
}

function checkSteps({ service }: Target, release: HostPlan["to"] & string, payloads: readonly Payload[], restarts: boolean, patience: { readonly minHealthy: number; readonly deadline: number }): readonly Step[] {
  return payloads.flatMap((payload): readonly Step[] => {
    const health = healthOf(payload, service);
    if (health === undefined || (health.argv === undefined && !restarts)) return [];
    return [{ step: "check", release, package: payload.package, health, ...patience, ...(service.kind === "systemd" ? { service } : {}) }];
  });
}

/** The payloads of the packages that a host gets. */
export function payloadsOn(target: Target, host: HostAddress, payloads: readonly Payload[]): readonly Payload[] {
  const mine = packagesFor(target, host, payloads.map((payload) => payload.package));
  return payloads.filter((payload) => mine.includes(payload.package));
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
  if (same === undefined && state.current === ref.label) return [{ code: "host-unfit", message: `\`versions/${ref.label}\` below \`${host.root}\` on ${host.name} was made by hand, and is current`, hint: `give it another name there, then deploy: mv versions/${ref.label} versions/${ref.label}-by-hand && ln -sfn ${ref.label}-by-hand versions/current` }];
  const wait = "wait until that has ended, then run the same command again";
  if (state.busy !== undefined) return [{ code: "host-busy", message: `${host.name}: ${state.busy}`, hint: wait }];
  if (same?.state === "unconfirmed") return [{ code: "host-busy", message: `${host.name} is being switched to \`${printStackRef(ref)}\` by somebody else`, hint: wait }];
  return [];
}

function planHost(request: DeployRequest, { host, state }: ObservedHost, hooks: HostHooks): HostPlan {
  const { ref, target } = request;
  const documents = payloadsFor(request, host);
  const payloads = documents.map(({ payload }) => payload);
  const plan = { host, saw: { generation: state.generation, current: state.current }, from: state.current, to: ref.label, hooks: 0, removes: [] };
  const whole = total([...uniqueBlobs(payloads.flatMap(({ blobs }) => blobs)), ...treesOf(documents).map(({ document }) => document), ...documents.map(({ document }) => document)]);
  const values = environmentSteps(request.environment, state, payloads.map((payload) => payload.package));
  const isKept = releaseOf(state, ref.label)?.state === "kept";
  const place = { stack: ref.name, root: host.root };
  const otherUnits = request.starts !== true && hasOtherUnits(target, place, state, ref.label, payloads);
  if (state.current === ref.label && values.length === 0 && !isKept && !otherUnits) return { ...plan, steps: [], sendBytes: 0, keptBytes: whole, restarts: [] };
  const making = isStaged(request, state) ? [] : stageSteps(request, documents, state);
  const receives = making.filter((step) => step.step === "receive");
  const sendBytes = sentBytes(receives);
  const starts = request.starts === true;
  const restarts = starts || target.service.kind !== "none" ? payloads.flatMap(({ processes }) => processes.filter(({ schedule }) => schedule === undefined).map(({ name }) => name)) : [];
  const back = starts ? {} : backSteps(target, state.current, payloadsOn(target, host, request.payloadsNow?.({ host, state }) ?? []));
  const switching = withHooks(switchSteps(target, place, ref.label, state.current, payloads, starts), hooks, maySpoilTrees(target, state.facts, hooks));
  // What is current but not confirmed lacks only that; other values or units for it need a switch of their own.
  const needed = state.current === ref.label && values.length === 0 && !otherUnits ? switching.filter(({ step }) => step !== "activate") : switching;
  const steps = asTarget(target, [...making, ...values, ...hooks.stage, ...needed]);
  return { ...plan, ...back, steps, sendBytes, keptBytes: Math.max(0, whole - total(receives.map(({ blob }) => blob))), restarts, hooks: steps.filter(({ step }) => step === "hook").length };
}

/** Everything that the release is made of and the host lacks, each blob once, and the release itself. */
function stageSteps(request: DeployRequest, documents: readonly PayloadDocument[], state: HostState): readonly Step[] {
  const lacking = treesOf(documents).filter(({ id }) => !hasTree(state, id));
  const known = new Map(request.payloads.flatMap(({ payload }) => payload.blobs.map((blob) => [blob.digest, blob])));
  const trees = lacking.map((tree) => {
    const read = request.trees.get(tree.document.digest) ?? fail({ code: "blob-missing", message: `the document of tree \`${tree.id}\` is not in the store` });
    return { ...tree, sending: sendingOf(request, state, tree.id, [tree.document, ...blobsOf(known, read)]) };
  });
  const sent = new Set<Digest>();
  const news = (receives: readonly Receive[]): readonly Receive[] => receives.filter(({ blob }) => !sent.has(blob.digest) && sent.add(blob.digest));
  return [
    // Each tree right behind its bytes, so that it is made while those of the next are under way.
    ...trees.flatMap(({ id, document, python, sending: { like, receives } }): readonly Step[] => [...news(receives), { step: "tree", id, document, ...(python === undefined ? {} : { python }), ...(like.length === 0 ? {} : { like }) }]),
    ...documents.flatMap(({ document }) => news(sendingOf(request, state, document.digest, [document]).receives)),
    { step: "stage", release: request.ref.label, stack: { name: request.ref.name, digest: request.stack }, payloads: documents.map(({ document }) => document) },
  ];
}

/** How a tree or a payload's document gets to this host. */
function sendingOf({ sendings }: DeployRequest, state: HostState, wanted: Digest, whole: readonly Descriptor[]): Sending {
  return cheapest(state, { like: [], receives: whole.map((blob) => ({ step: "receive", blob })) }, sendings?.get(wanted) ?? []);
}

export function payloadsFor(request: Pick<DeployRequest, "payloads" | "target">, host: HostAddress): readonly PayloadDocument[] {
  const mine = packagesFor(request.target, host, request.payloads.map(({ payload }) => payload.package));
  return request.payloads.filter(({ payload }) => mine.includes(payload.package));
}

/** A host whose trees nobody knows counts as one that has none. */
function hasTree({ trees = [] }: HostState, tree: Digest): boolean {
  return trees.includes(tree);
}

export function isStaged(request: Pick<DeployRequest, "ref" | "stack">, state: HostState): boolean {
  return state.releases.some(({ label, stack }) => label === request.ref.label && stack === request.stack);
}

/** Each tree once, in the order of the first payload that has it. */
function treesOf(documents: readonly PayloadDocument[]): readonly (TreeRef & { readonly python: string | undefined })[] {
  return [...new Map(documents.flatMap(({ payload }) => payload.trees.map((tree) => [tree.id, { ...tree, python: payload.interpreter !== undefined ? payload.platform.python.version : undefined }]))).values()];
}

function blobsOf(known: ReadonlyMap<Digest, Descriptor>, tree: Tree): readonly Descriptor[] {
  const named = new Set(tree.entries.flatMap((entry) => (entry.kind === "file" && entry.source.from !== "inline" ? [entry.source.blob] : [])));
  return [...named].map((blob) => known.get(blob) ?? fail({ code: "blob-missing", message: `tree \`${tree.id}\` needs \`${blob}\`, which its payload does not name` }));
}

function uniqueBlobs(blobs: readonly Descriptor[]): readonly Descriptor[] {
  return [...new Map(blobs.map((blob) => [blob.digest, blob])).values()];
}

function total(blobs: readonly Descriptor[]): number {
  return blobs.reduce((sum, { size }) => sum + size, 0);
}
