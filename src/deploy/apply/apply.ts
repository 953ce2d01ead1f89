import { setMaxListeners } from "node:events";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { HostAddress, HostPlan, Plan, Problem } from "../../model/index.ts";
import type { Store } from "../../store/index.ts";
import { mapConcurrently, type Context } from "../../system/index.ts";
import { mayGoAhead, partAtBarrier } from "./barrier.ts";
import type { OpenHost } from "../observe/contact.ts";
import { foldNames } from "../observe/fold.ts";
import { holdAll } from "./hold.ts";
import type { HostResult } from "./outcome.ts";
import { refusal } from "./refusal.ts";
import { agentOf, askAndTell, describeWork, endHost, endUnchanged, failuresOf, problemOf, whyStopped, type Rollout } from "./rollout.ts";
import { stageHost } from "./stage-host.ts";
import { carriersOf, runSharedHooks, tellShared } from "./shared-hooks.ts";
import type { Starter } from "./starter.ts";
import { switchHost } from "./switch-host.ts";
import { openWire } from "../wire/wire.ts";
import { readPlannedValues, type Values } from "../values.ts";

export interface ApplyOptions {
  /** Starts processes where no service manager of the host does. */
  readonly starter?: Starter;
  /** What `environment` steps send; read from the plan's files where absent. */
  readonly values?: Values;
  /** Hosts that did not answer when they were asked last; each counts as failed. */
  readonly missed?: readonly { readonly host: HostAddress; readonly problem: Problem }[];
}

/**
 * Do what a plan says and nothing else: take all hosts or none, stage on all, and only then switch, the canaries first, then the others, some at a time, until more have failed than the policy allows.
 * Hooks that run once for all hosts run between the two, on one of them.
 * Never throws for what happens on a host; each has its own outcome.
 */
export async function applyPlan(ctx: Context, store: Store, plan: Plan, open: OpenHost, options: ApplyOptions = {}): Promise<readonly HostResult[]> {
  const missed = options.missed ?? [];
  const problemOfMissed = (host: HostPlan): Problem | undefined => missed.find(({ host: { via, address, root } }) => via === host.host.via && address === host.host.address && root === host.host.root)?.problem;
  await using wire = openWire(store);
  const rollout: Rollout = { ctx, wire, plan, saw: new Map(plan.hosts.map(({ host, saw }) => [host, saw.generation])), open, starter: options.starter, agents: new Map(), results: new Map(), missed: missed.filter(({ host }) => !plan.hosts.some((each) => each.host.address === host.address && each.host.root === host.root)).length, switching: new Set(), taken: false, values: (options.values ?? (await readPlannedValues(ctx, plan)))?.bytes };
  ctx.report({ type: "rollout", action: plan.action, ...(plan.ref === undefined ? {} : { ref: `${plan.ref.name}@${plan.ref.label}` }), target: plan.target, hosts: plan.hosts.map(({ host }) => host.name), policy: plan.policy });
  const over = new AbortController();
  if (options.starter === undefined) ctx.signal.addEventListener("abort", () => sayStopping(rollout), { signal: over.signal });
  try {
    const changing: HostPlan[] = [];
    for (const host of plan.hosts) {
      const problem = problemOfMissed(host);
      if (problem !== undefined) await endHost(rollout, host, { outcome: "not-done", now: undefined, problem });
      else if (host.steps.length === 0) await endHost(rollout, host, { outcome: "unchanged", now: host.from });
      else changing.push(host);
    }
    const held = await holdHosts(rollout, changing);
    await stageAndSwitch(rollout, held);
    for (const host of plan.hosts) if (!rollout.results.has(host)) await endUnchanged(rollout, host, whyStopped(rollout) ?? { code: "cancelled", message: "not begun" });
  } finally {
    over.abort();
    await Promise.all([...rollout.agents.values()].map((agent) => agent[Symbol.asyncDispose]()));
  }
  return plan.hosts.flatMap((host) => rollout.results.get(host) ?? []);
}

/** What a first Ctrl-C does, where it does not end everything at once. */
function sayStopping({ ctx, switching }: Rollout): void {
  if (switching.size > 0) ctx.report({ type: "notice", message: `stopping as soon as ${foldNames([...switching])} ${switching.size === 1 ? "is" : "are"} done; Ctrl-C again undoes ${switching.size === 1 ? "it" : "them"} now` });
}

/** Every host's lock, before anything is changed on any. With one host nobody can be in the way of anybody: its first step takes the lock. */
async function holdHosts(rollout: Rollout, hosts: readonly HostPlan[]): Promise<readonly HostPlan[]> {
  const { ctx, plan } = rollout;
  if (hosts.length > 0) ctx.report({ type: "phase", phase: "hold", hosts: namesOf(hosts) });
  const opened = (await mapConcurrently(hosts, STARTING, async (host) => {
    if (ctx.signal.aborted) return [];
    try {
      await agentOf(rollout, host);
      return [host];
    } catch (error) {
      await endUnchanged(rollout, host, problemOf(error));
      return [];
    }
  })).flat();
  const doing = describeWork(plan);
  const locks = opened.map((host) => ({
    host,
    key: `${host.host.address} ${host.host.root}`,
    hold: async (): Promise<Problem | undefined> => {
      try {
        const answer = await askAndTell(rollout, host.host, "hold", undefined, async () => await (await agentOf(rollout, host)).hold(host.saw.generation, doing));
        return answer.done ? undefined : refusal(answer);
      } catch (error) {
        return problemOf(error);
      }
    },
    release: async (): Promise<void> => {
      await (await agentOf(rollout, host)).release().catch((error: unknown) => void problemOf(error));
    },
  }));
  const [only, ...others] = locks;
  if (only !== undefined && others.length === 0) {
    // Not waited for: whatever keeps the host from us keeps its first step from being done, too.
    void only.hold();
    return opened;
  }
  const { broken, taken } = await holdAll(locks);
  rollout.taken = taken.size > 0;
  for (const [{ host }, problem] of [...taken, ...broken]) await endUnchanged(rollout, host, problem);
  return rollout.taken ? [] : opened.filter((host) => !rollout.results.has(host));
}

/** Connections opened at once. */
const STARTING = 32;

/** Milliseconds between two looks at who is slow. */
const GLANCE = 250;

/** Stage on all, then switch. Where the policy could lose the slow ones as well, the others do not wait for them. */
async function stageAndSwitch(rollout: Rollout, hosts: readonly HostPlan[]): Promise<void> {
  const { ctx, plan } = rollout;
  const { maxParallel, maxFailed, canary } = plan.policy;
  const began = new Map<HostPlan, number>();
  const took = new Map<HostPlan, number>();
  const halt = new AbortController();
  const signal = AbortSignal.any([ctx.signal, halt.signal]);
  setMaxListeners(0, signal);
  ctx.report({ type: "phase", phase: "stage", hosts: namesOf(hosts) });
  const part = { isOver: false };
  const staging = mapConcurrently(hosts, maxParallel, async (host) => {
    if (whyStopped(rollout) !== undefined) return;
    began.set(host, performance.now());
    const isStaged = await stageOne(rollout, host, signal);
    took.set(host, performance.now() - (began.get(host) ?? 0));
    if (isStaged) staged.push(host);
    if (whyStopped(rollout) !== undefined) halt.abort();
  }).finally(() => {
    part.isOver = true;
  });
  const staged: HostPlan[] = [];
  const state = (): Parameters<typeof mayGoAhead>[0] => {
    const underWay = [...began].filter(([host]) => !took.has(host));
    const elapsed = Math.min(...underWay.map(([, since]) => performance.now() - since)) / 1000;
    return { staged: staged.length, failed: failuresOf(rollout).length + rollout.missed, underWay: underWay.length, waiting: hosts.length - began.size, elapsed, slowest: Math.max(0, ...staged.map((host) => took.get(host) ?? 0)) / 1000 };
  };
  const isAwaited = (host: HostPlan): boolean => !staged.includes(host) && !rollout.results.has(host);
  while (!part.isOver && (carriersOf(rollout).some(isAwaited) || !mayGoAhead(state(), maxFailed))) await Promise.race([staging, sleep(GLANCE, undefined, { ref: false })]);
  const inOrder = (): readonly HostPlan[] => hosts.filter((host) => staged.includes(host) && !rollout.results.has(host));
  const haveRun = await runSharedHooks(rollout, staged);
  if (haveRun) await tellShared(rollout, inOrder());
  const ready = inOrder();
  await switchAll(rollout, "canary", ready.slice(0, canary), maxParallel);
  await switchAll(rollout, "switch", ready.slice(canary), maxParallel);
  if (whyStopped(rollout) !== undefined) halt.abort();
  await staging;
  if (haveRun) await tellShared(rollout, inOrder());
  await switchAll(rollout, "switch", inOrder(), maxParallel);
}

/** True where the host has something left to do: to be switched. */
async function stageOne(rollout: Rollout, host: HostPlan, signal: AbortSignal): Promise<boolean> {
  const { staging, shared, switching } = partAtBarrier(host.steps);
  try {
    const removed = await stageHost(rollout, await agentOf(rollout, host), host, staging, signal);
    if (shared.length + switching.length > 0) return true;
    await endHost(rollout, host, { outcome: "done", now: host.from, ...(removed === undefined ? {} : { removed }) });
  } catch (error) {
    const problem = problemOf(error);
    await endUnchanged(rollout, host, problem.code === "cancelled" ? (whyStopped(rollout) ?? problem) : problem);
  }
  return false;
}

async function switchAll(rollout: Rollout, phase: "canary" | "switch", hosts: readonly HostPlan[], limit: number): Promise<void> {
  if (hosts.length === 0 || whyStopped(rollout) !== undefined) return;
  rollout.ctx.report({ type: "phase", phase, hosts: namesOf(hosts) });
  await mapConcurrently(hosts, limit, async (host) => {
    if (whyStopped(rollout) !== undefined) return;
    rollout.switching.add(host.host.name);
    const ending = await switchHost(rollout, await agentOf(rollout, host), host, partAtBarrier(host.steps).switching);
    rollout.switching.delete(host.host.name);
    await endHost(rollout, host, ending);
  });
}

function namesOf(hosts: readonly HostPlan[]): readonly string[] {
  return hosts.map(({ host }) => host.name);
}
