import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { buildPackages, machinePlatform } from "../build/index.ts";
import { CaissonError, digestHex, fail, parseLabel, type Artifact, type Label, type Payload, type Problem, type StackRef, type Target, type Workspace } from "../model/index.ts";
import { addToStack, createStack, freezeStack, hasStack } from "../stack/index.ts";
import type { Store } from "../store/index.ts";
import { hashJson, type Context } from "../system/index.ts";
import { orAborted } from "./abort.ts";
import type { Change } from "./change.ts";
import { claimRoot } from "./claim.ts";
import { contactHosts } from "./contact.ts";
import { prepareDeploy } from "./deploy.ts";
import type { HostResult } from "./outcome.ts";
import { readPayloads, readReleasePayloads } from "./payloads.ts";
import { preparePrune } from "./prune.ts";
import { supervise, type Supervisor } from "./supervise.ts";
import { wantedStack, type Wanted } from "./wanted.ts";

/** A workspace that runs on this machine, in the foreground. */
export interface Running extends AsyncDisposable {
  /** Absolute. */
  readonly root: string;
  readonly ref: StackRef;
  readonly result: HostResult;
  readonly sendBytes: number;
  readonly keptBytes: number;
  /** Names of the processes that run; none where no package has any, or where the result is a bad one. */
  readonly processes: readonly string[];
  /** Addresses at which packages say that they are well. */
  readonly addresses: readonly string[];
  /** Look after the processes until one ends by itself, which is the problem, or until somebody asks us to stop. */
  supervise(): Promise<Problem | undefined>;
}

/** Where a workspace runs when nobody says where. */
export function defaultRoot(workspace: Workspace): string {
  return join(workspace.directory, OWN, "up");
}

/** Ours in a workspace, and none of its source. */
const OWN = ".caisson";

/**
 * Build the files as they are on disk, deploy them to a directory of this machine, and start their processes as our own children.
 * The result tells whether they are well; when not, they are stopped and what was current before is current again.
 * @throws CaissonError `host-busy` where another one runs there · whatever a build or a plan may say
 */
export async function up(ctx: Context, store: Store, workspace: Workspace, root: string = defaultRoot(workspace)): Promise<Running> {
  const place = resolve(ctx.cwd, root);
  const claim = await claimRoot(place);
  const target = targetAt(place);
  const supervisor = supervise(ctx, place, (release) => payloadsOf(ctx, store, target, release));
  const end = async (): Promise<void> => {
    await supervisor.stop();
    await claim[Symbol.asyncDispose]();
  };
  try {
    const wanted = await buildStack(ctx, store, workspace);
    await using change = await prepareDeploy(ctx, store, wanted, target, { starts: true });
    const [result = noResult()] = await change.apply({ starter: supervisor });
    const settled = result.outcome === "unchanged" ? await startUnchanged(ctx, store, target, wanted, result, supervisor) : result;
    if (settled.outcome === "done") await tidy(ctx, store, target);
    const payloads = await readPayloads(store, wanted.stack, target, change.hosts);
    return describe(ctx, place, change, settled, supervisor, payloads.map(({ payload }) => payload), end);
  } catch (error) {
    await end();
    throw error;
  }
}

function targetAt(root: string): Target {
  return {
    name: "up",
    hosts: [{ name: "local", via: "local", address: "", root }],
    roles: {},
    service: { kind: "none" },
    policy: { canary: 0, maxParallel: 1, maxFailed: 0, minHealthy: 0, healthyDeadline: 30 },
    keep: 2,
  };
}

/** A frozen stack of what is on disk; the same content is the same stack. */
async function buildStack(ctx: Context, store: Store, workspace: Workspace): Promise<Wanted> {
  const own = join(workspace.directory, OWN);
  await mkdir(own, { recursive: true });
  await writeFile(join(own, ".gitignore"), "*\n");
  const results = await buildPackages(ctx, store, workspace, { platforms: [await machinePlatform(ctx)], onDisk: true, offline: false, formats: ["dir"], output: join(own, "dist") });
  const artifacts = results.flatMap((result) => result.artifacts.map(({ artifact }) => artifact));
  const ref = { name: workspace.name, label: labelOf(artifacts) };
  if (!(await hasStack(store, ref))) {
    await createStack(store, ref);
    await addToStack(store, ref, artifacts);
  }
  await freezeStack(store, ref);
  return await wantedStack(store, ref);
}

function labelOf(artifacts: readonly Artifact[]): Label {
  return parseLabel(`dev-${digestHex(hashJson(artifacts.map(({ payload }) => payload.digest).toSorted())).slice(0, 8)}`);
}

async function payloadsOf(ctx: Context, store: Store, target: Target, release: Label): Promise<readonly Payload[]> {
  await using contact = await contactHosts(ctx, target.hosts);
  const [observed] = contact.hosts;
  const payloads = observed === undefined ? [] : await readReleasePayloads(store, observed, release, target);
  return payloads.length > 0 ? payloads : fail({ code: "ref-unknown", message: `this store does not know what release \`${release}\` starts`, hint: "use the store that it was deployed from: --store DIR" });
}

/** What is on disk is current already: its processes are started and looked at, and nothing is switched. */
async function startUnchanged(ctx: Context, store: Store, target: Target, { stack }: Wanted, result: HostResult, supervisor: Supervisor): Promise<HostResult> {
  const failed = (problem: Problem): HostResult => ({ ...result, outcome: "not-done", problem });
  const started = await supervisor.restart(stack.label);
  if (!started.done) return failed({ code: started.code, message: started.detail });
  await using contact = await contactHosts(ctx, target.hosts);
  const [observed] = contact.hosts;
  if (observed === undefined) return failed(contact.missed[0]?.problem ?? { code: "host-unreachable", message: "this machine does not answer" });
  await using agent = await contact.open(observed.host);
  for (const { package: name, health } of await payloadsOf(ctx, store, target, stack.label)) {
    if (health === undefined) continue;
    const { minHealthy, healthyDeadline: deadline } = target.policy;
    const ended = supervisor.failed.then(({ code, message }) => ({ done: false, code, detail: message }) as const);
    const answer = await orAborted(ctx.signal, Promise.race([agent.ask({ step: "check", release: stack.label, package: name, health, minHealthy, deadline }), ended]));
    if (!answer.done) return failed({ code: answer.code, message: answer.detail });
  }
  return result;
}

/** A workspace that is run again and again would fill the disk; what is left over is no reason to fail. */
async function tidy(ctx: Context, store: Store, target: Target): Promise<void> {
  try {
    await using change = await preparePrune(ctx, store, target, target.keep);
    await change.apply();
  } catch (error) {
    if (!(error instanceof CaissonError)) throw error;
    ctx.report({ type: "warning", problem: error.problems[0] });
  }
}

function noResult(): HostResult {
  return { host: "local", outcome: "unknown", name: undefined, to: null, from: null, now: undefined };
}

function describe(ctx: Context, root: string, change: Change, result: HostResult, supervisor: Supervisor, payloads: readonly Payload[], end: () => Promise<void>): Running {
  const [host] = change.plan.hosts;
  return {
    root,
    ref: change.plan.ref ?? fail({ code: "ref-unknown", message: "the plan names no stack" }),
    result,
    sendBytes: host?.sendBytes ?? 0,
    keptBytes: host?.keptBytes ?? 0,
    processes: supervisor.names,
    addresses: payloads.flatMap(({ health }) => health?.url ?? []),
    supervise: async () => {
      const over = new AbortController();
      const follow = supervisor.follow(AbortSignal.any([ctx.signal, over.signal])).then(() => undefined);
      try {
        return await Promise.race([supervisor.failed, follow]);
      } finally {
        over.abort();
        await follow;
        await end();
      }
    },
    [Symbol.asyncDispose]: end,
  };
}
