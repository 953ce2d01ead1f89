import { CaissonError, fail, type Label, type Payload, type Problem, type StackRef, type Target } from "../../model/index.ts";
import type { Store } from "../../store/index.ts";
import type { Context } from "../../system/index.ts";
import { orAborted } from "../apply/abort.ts";
import type { Change } from "../change.ts";
import { checkOwn } from "../apply/check.ts";
import { claimRoot } from "./claim.ts";
import { contactHosts } from "../observe/contact.ts";
import { prepareDeploy } from "../deploy.ts";
import type { HostResult } from "../apply/outcome.ts";
import { readPayloads, readReleasePayloads } from "../plan/payloads.ts";
import { preparePrune } from "../prune.ts";
import { healthOf } from "../plan/service-steps.ts";
import { supervise, type Supervisor } from "./supervise.ts";
import type { Wanted } from "../wanted.ts";

/** A stack that runs on this machine, in the foreground. */
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

/**
 * Deploy a stack to a directory of this machine and start its processes as our own children; `find` says which stack, once the place is ours.
 * The result tells whether they are well; when not, they are stopped and what was current before is current again.
 * @throws CaissonError `host-busy` where another one runs there · whatever `find` or a plan may say
 */
export async function runStack(ctx: Context, store: Store, root: string, find: () => Promise<Wanted>): Promise<Running> {
  const claim = await claimRoot(root);
  const target = targetAt(root);
  const known = new Map<Label, readonly Payload[]>();
  const supervisor = supervise(ctx, root, async (release) => known.get(release) ?? (await payloadsOf(ctx, store, target, release)));
  const end = async (): Promise<void> => {
    await supervisor.stop();
    await claim[Symbol.asyncDispose]();
  };
  try {
    const wanted = await find();
    await using change = await prepareDeploy(ctx, store, wanted, target, { starts: true });
    const payloads = (await readPayloads(store, wanted.stack, target, change.hosts)).map(({ payload }) => payload);
    known.set(wanted.stack.label, payloads);
    const [result = noResult()] = await change.apply({ starter: supervisor });
    const settled = result.outcome === "unchanged" ? await startUnchanged(ctx, target, wanted.stack.label, payloads, result, supervisor) : result;
    if (settled.outcome === "done") await tidy(ctx, store, target);
    return describe(ctx, root, change, settled, supervisor, payloads, end);
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

async function payloadsOf(ctx: Context, store: Store, target: Target, release: Label): Promise<readonly Payload[]> {
  await using contact = await contactHosts(ctx, target.hosts);
  const [observed] = contact.hosts;
  const payloads = observed === undefined ? [] : await readReleasePayloads(store, observed, release, target);
  return payloads.length > 0 ? payloads : fail({ code: "ref-unknown", message: `this store does not know what release \`${release}\` starts`, hint: "use the store that it was deployed from: --store DIR" });
}

/** What is on disk is current already: its processes are started and looked at, and nothing is switched. */
async function startUnchanged(ctx: Context, target: Target, release: Label, payloads: readonly Payload[], result: HostResult, supervisor: Supervisor): Promise<HostResult> {
  const failed = (problem: Problem): HostResult => ({ ...result, outcome: "not-done", problem });
  const started = await supervisor.restart(release);
  if (!started.done) return failed({ code: started.code, message: started.detail });
  await using contact = await contactHosts(ctx, target.hosts);
  const [observed] = contact.hosts;
  if (observed === undefined) return failed(contact.missed[0]?.problem ?? { code: "host-unreachable", message: "this machine does not answer" });
  await using agent = await contact.open(observed.host);
  try {
    for (const payload of payloads) {
      const health = healthOf(payload, target.service);
      if (health === undefined) continue;
      const name = payload.package;
      const { minHealthy, healthyDeadline: deadline } = target.policy;
      const answer = await orAborted(ctx.signal, checkOwn(agent, { step: "check", release, package: name, health, minHealthy, deadline }, supervisor.failed));
      if (!answer.done) return failed({ code: answer.code, message: answer.detail });
    }
    return result;
  } catch (error) {
    if (error instanceof CaissonError) return failed(error.problems[0]);
    throw error;
  }
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
