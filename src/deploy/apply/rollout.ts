import { CaissonError, type HostAddress, type HostPlan, type HostStep, type Plan, type Problem } from "../../model/index.ts";
import type { Context } from "../../system/index.ts";
import type { Agent, Answer } from "../../transport/index.ts";
import type { OpenHost } from "../observe/contact.ts";
import { foldNames } from "../observe/fold.ts";
import { isFailed, type Ending, type HostResult } from "./outcome.ts";
import type { Starter } from "./starter.ts";
import type { Wire } from "../wire/wire.ts";

/** A plan that is being carried out: what is connected, and what has come of each host so far. */
export interface Rollout {
  readonly ctx: Context;
  /** The generation at which each host was seen. */
  readonly saw: ReadonlyMap<HostAddress, number>;
  /** What all hosts get bytes by. */
  readonly wire: Wire;
  readonly plan: Plan;
  readonly open: OpenHost;
  readonly starter: Starter | undefined;
  readonly agents: Map<HostPlan, Agent>;
  readonly results: Map<HostPlan, HostResult>;
  /** Names of the hosts that are between `activate` and `confirm`. */
  readonly switching: Set<string>;
  /** Out of reach, and no part of the plan. */
  readonly missed: number;
  /** Somebody else has a host: nothing may be switched any more. */
  taken: boolean;
  /** Why no host may be switched: a hook that all depend on has not done its work. */
  barred?: string;
  /** What `environment` steps send. */
  readonly values: Uint8Array | undefined;
}

/** What the rollout does to hosts, in the words of the command: `deploy shop@126`. */
export function describeWork({ action, ref }: Plan): string {
  return ref === undefined ? action : `${action} ${ref.name}@${ref.label}`;
}

/** The agent of a host, opened once and kept until the host has its result. */
export async function agentOf(rollout: Rollout, host: HostPlan): Promise<Agent> {
  const known = rollout.agents.get(host);
  if (known !== undefined) return known;
  const agent = await rollout.open(host.host);
  rollout.agents.set(host, agent);
  return agent;
}

/** Say what came of a host, and let it go. */
export async function endHost(rollout: Rollout, host: HostPlan, ending: Ending): Promise<void> {
  const { ctx, plan, agents, results } = rollout;
  results.set(host, { ...knownOf(plan, host), ...ending });
  ctx.report({ type: "host", host: host.host.name, outcome: ending.outcome, ...(ending.problem === undefined ? {} : { problem: ending.problem }) });
  const agent = agents.get(host);
  agents.delete(host);
  await agent?.[Symbol.asyncDispose]();
}

/** Nothing was changed on this host. */
export async function endUnchanged(rollout: Rollout, host: HostPlan, problem: Problem): Promise<void> {
  await endHost(rollout, host, { outcome: "not-done", now: host.from, problem });
}

function knownOf(plan: Plan, host: HostPlan): Pick<HostResult, "host" | "name" | "to" | "from"> {
  return { host: host.host.name, name: plan.ref?.name, to: host.to, from: host.from };
}

/** Hosts that are not as wanted, in the order in which that became known. Those that were never begun do not count. */
export function failuresOf({ results }: Rollout): readonly HostResult[] {
  return [...results.values()].filter((result) => isFailed(result) && result.problem?.code !== "cancelled");
}

/** Why no further host may be begun: more have failed than the policy allows, one is ill both ways, somebody else is at work, or we were asked to stop. */
export function whyStopped(rollout: Rollout): Problem | undefined {
  const failed = failuresOf(rollout);
  if (rollout.barred !== undefined) return { code: "cancelled", message: `not begun: ${rollout.barred}` };
  const ill = failed.some(({ health }) => health === "unhealthy");
  if (rollout.taken || ill || failed.length + rollout.missed > rollout.plan.policy.maxFailed) return { code: "cancelled", message: `not begun: ${describeFailures(rollout, failed)}` };
  return rollout.ctx.signal.aborted ? { code: "cancelled", message: "not begun: stopped on request" } : undefined;
}

function describeFailures({ missed }: Rollout, failed: readonly HostResult[]): string {
  const words = (["undone", "partly-done", "not-done", "unknown"] as const).flatMap((outcome) => {
    const hosts = failed.filter((result) => result.outcome === outcome).map(({ host }) => host);
    return hosts.length === 0 ? [] : [`${foldNames(hosts)} ${hosts.length === 1 ? "is" : "are"} ${outcome}`];
  });
  return [...words, ...(missed === 0 ? [] : [`${missed} ${missed === 1 ? "host is" : "hosts are"} out of reach`])].join(", ");
}

/** Ask a host for something, and tell whoever looks on how it began and ended. */
export async function askAndTell(rollout: Rollout, host: HostAddress, step: HostStep, bytes: number | undefined, ask: () => Promise<Answer>): Promise<Answer> {
  const saw = rollout.saw.get(host);
  const about = { type: "step", host: host.name, step, ...(saw === undefined ? {} : { generation: saw + 1 }), ...(bytes === undefined ? {} : { bytes }) } as const;
  const { report } = rollout.ctx;
  try {
    const answer = await ask();
    report({ ...about, result: answer.done ? (answer.changed ? "done" : "unchanged") : "refused", ...(answer.done ? {} : { problem: { code: answer.code, message: answer.detail } }) });
    return answer;
  } catch (error) {
    report({ ...about, result: "lost", problem: problemOf(error) });
    throw error;
  }
}

/** @throws what is none of our errors */
export function problemOf(error: unknown): Problem {
  if (error instanceof CaissonError) return error.problems[0];
  throw error;
}
