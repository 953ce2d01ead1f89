import { hostname, userInfo } from "node:os";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { CaissonError, fail, failAll, type HostAddress, type HostState, type Policy, type Problem } from "../../model/index.ts";
import { mapConcurrently, type Context } from "../../system/index.ts";
import { openAgent, openWays, type Agent, type BringInterpreter, type Verification } from "../../transport/index.ts";
import { groupProblems } from "./group-problems.ts";
import type { ObservedHost } from "./observed-host.ts";

/** How hosts are reached: the agent there, opened anew or still open from planning. */
export type OpenHost = (host: HostAddress) => Promise<Agent>;

/** Hosts as they were found, with the connections that found them. */
export interface Contact extends AsyncDisposable {
  readonly hosts: readonly ObservedHost[];
  /** All that were asked, in the order of the target. */
  readonly asked: readonly HostAddress[];
  /** Hosts that did not answer. */
  readonly missed: readonly { readonly host: HostAddress; readonly problem: Problem }[];
  /** Ask a host that answered once more, for its trees too. @throws CaissonError `unknown-state` */
  readonly look: (host: HostAddress) => Promise<HostState>;
  /** Have a host that answered read every file of its releases again. @throws CaissonError `host-unfit` · `permission` · `unknown-state` */
  readonly verify: (host: HostAddress) => Promise<Verification>;
  /** The connection that is there, once; a new one after that. */
  readonly open: OpenHost;
}

/** What is asked of hosts besides what they are like. */
export interface ContactOptions {
  /** So many of the last lines of each one's journal. */
  readonly journal?: number;
  /** An interpreter for those that have none. */
  readonly bring?: BringInterpreter;
  /** Seconds to wait for somebody else who changes a host; not at all where absent. */
  readonly patience?: number;
}

/** Connections opened at once. */
const STARTING = 32;

/** Milliseconds between two looks at a host that somebody else changes. */
const GLANCE = 250;

/** Seconds that whoever wants to change hosts waits for another who does: an agent whose caller is gone needs moments to go back and to tidy up, and one whose line fell silent ends as soon as ours would have been given up. */
export const PATIENCE = 10;

/** Ask every host what it is like. One connection for each host, kept for the work that follows. */
export async function contactHosts(ctx: Context, hosts: readonly HostAddress[], { journal, bring, patience = 0 }: ContactOptions = {}): Promise<Contact> {
  // Also when we are asked to stop, a host must be told, and asked what is true there.
  const calm = { ...ctx, signal: new AbortController().signal };
  const by = whoAsks(ctx);
  const ways = await openWays(calm, hosts, bring);
  const held = new Map<HostAddress, Agent>();
  const release = async (): Promise<void> => {
    const agents = [...held.values()];
    held.clear();
    await Promise.all(agents.map((agent) => agent[Symbol.asyncDispose]()));
    await ways[Symbol.asyncDispose]();
  };
  const answers = await mapConcurrently(hosts, STARTING, async (host) => {
    try {
      ctx.report({ type: "step", host: host.name, step: "connect", result: "begun" });
      const began = ctx.now();
      const agent = await openAgent(calm, host, { by, transport: ways.to(host), ...(journal === undefined ? {} : { journal }) });
      held.set(host, agent);
      const state = await agent.observe(journal === undefined ? {} : { journal });
      const skew = skewOf(state.clock, began, ctx.now());
      ctx.report({ type: "step", host: host.name, step: "connect", result: "done", generation: state.generation, ...(skew === 0 ? {} : { skew }) });
      return { host, state: await untilFree(ctx, agent, host, state, patience), skew };
    } catch (error) {
      if (!(error instanceof CaissonError)) throw error;
      const [problem] = error.problems;
      ctx.report({ type: "step", host: host.name, step: "connect", result: "refused", problem });
      return { host, problem };
    }
  }).catch(async (error: unknown) => {
    // By now nobody opens any more.
    await release();
    throw error;
  });
  const heldFor = (host: HostAddress): Agent => held.get(host) ?? fail({ code: "unknown-state", message: `the connection to \`${host.name}\` is no longer ours` });
  return {
    asked: hosts,
    hosts: answers.flatMap(({ host, state, skew = 0 }) => (state === undefined ? [] : [{ host, state, ...(skew === 0 ? {} : { skew }) }])),
    missed: answers.flatMap(({ host, problem }) => (problem === undefined ? [] : [{ host, problem }])),
    look: async (host) => await heldFor(host).observe({ trees: true }),
    verify: async (host) => await heldFor(host).verify({ releases: true }),
    open: async (host) => {
      const [known, agent] = [...held].find(([{ via, address, root }]) => via === host.via && address === host.address && root === host.root) ?? [];
      if (known === undefined || agent === undefined) return await openAgent(calm, host, { by, transport: ways.to(host) });
      held.delete(known);
      return agent;
    },
    [Symbol.asyncDispose]: release,
  };
}

/** The host as it is when nobody else changes it any more, or when waiting for that has taken too long. */
async function untilFree(ctx: Context, agent: Agent, { name }: HostAddress, found: HostState, patience: number): Promise<HostState> {
  if (found.busy === undefined || patience === 0) return found;
  ctx.report({ type: "notice", message: `${name}: ${found.busy}; waiting for ${patience} s at most` });
  let state = found;
  for (const deadline = performance.now() + patience * 1000; state.busy !== undefined && performance.now() < deadline && !ctx.signal.aborted; state = await agent.observe()) await sleep(GLANCE);
  return state;
}

/** `user@machine`, for a host's journal. */
export function whoAsks({ env }: Context): string {
  return `${env["USER"] ?? env["LOGNAME"] ?? userInfo().username}@${hostname()}`;
}

/** How far a host's clock, read somewhere between two moments of ours, is ahead of ours (or behind, below 0) at least; in seconds, which is as exact as anybody needs it. */
function skewOf(clock: number | undefined, before: number, after: number): number {
  if (clock === undefined) return 0;
  // Our own seconds are whole ones, rounded down.
  return Math.round(clock > after + 1 ? clock - after - 1 : clock < before ? clock - before : 0);
}

/** @throws CaissonError with the problem of each host out of reach, where those are more than the policy lets fail */
export function checkReach(contact: Contact, policy: Policy): void {
  if (contact.missed.length <= policy.maxFailed && contact.hosts.length > 0) return;
  // Where there is only one host, nobody asks which.
  if (contact.asked.length === 1) failAll(contact.missed.map(({ problem }) => problem));
  const problems = groupProblems(contact.missed.map(({ host, problem }) => ({ host: host.name, problem })), "unnamed").map(({ problem }) => problem);
  const { length } = contact.missed;
  const without = `nothing was changed; to go on without ${length === 1 ? "it" : "them"}: max_failed = ${length} in the target's rollout`;
  failAll(contact.hosts.length === 0 ? problems : problems.map((problem, at) => (at === problems.length - 1 ? { ...problem, hint: [...(problem.hint === undefined ? [] : [problem.hint]), without].join("; ") } : problem)));
}
