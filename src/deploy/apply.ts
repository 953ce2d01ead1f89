import { mapConcurrently, type Context } from "../system/index.ts";
import type { HostPlan, Plan, Problem } from "../model/index.ts";
import type { Store } from "../store/index.ts";
import { applyToHost, type Starter } from "./apply-host.ts";
import type { OpenHost } from "./contact.ts";
import type { HostResult } from "./outcome.ts";

export interface ApplyOptions {
  /** Starts processes where no service manager of the host does. */
  readonly starter?: Starter;
}

/**
 * Do what a plan says and nothing else: the canaries first, then the others, some at a time, until more have failed than the policy allows.
 * Never throws for what happens on a host; each has its own outcome.
 */
export async function applyPlan(ctx: Context, store: Store, plan: Plan, open: OpenHost, options: ApplyOptions = {}): Promise<readonly HostResult[]> {
  const { canary, maxParallel, maxFailed } = plan.policy;
  const failed: HostResult[] = [];
  const work = async (host: HostPlan): Promise<HostResult> => {
    const stopped = failed.length > maxFailed ? stoppedBecause(failed) : undefined;
    const result = stopped === undefined ? await applyToHost(ctx, store, plan, host, open, options.starter) : notBegun(plan, host, stopped);
    if (!["done", "unchanged"].includes(result.outcome)) failed.push(result);
    return result;
  };
  const first = await mapConcurrently(plan.hosts.slice(0, canary), maxParallel, work);
  return [...first, ...(await mapConcurrently(plan.hosts.slice(canary), maxParallel, work))];
}

function stoppedBecause(failed: readonly HostResult[]): Problem {
  return { code: "cancelled", message: `not begun: ${failed.map(({ host, outcome }) => `${host} is ${outcome}`).join(", ")}` };
}

function notBegun(plan: Plan, host: HostPlan, problem: Problem): HostResult {
  if (host.steps.length === 0) return { host: host.host.name, outcome: "unchanged", name: plan.ref?.name, to: host.to, from: host.from, now: host.from };
  return { host: host.host.name, outcome: "not-done", name: plan.ref?.name, to: host.to, from: host.from, now: host.from, problem };
}
