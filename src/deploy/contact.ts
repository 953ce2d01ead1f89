import { hostname, userInfo } from "node:os";
import { CaissonError, failAll, type HostAddress, type Policy, type Problem } from "../model/index.ts";
import { mapConcurrently, type Context } from "../system/index.ts";
import { openAgent, type Agent } from "../transport/index.ts";
import type { ObservedHost } from "./plan.ts";

/** How hosts are reached: the agent there, opened anew or still open from planning. */
export type OpenHost = (host: HostAddress) => Promise<Agent>;

/** Hosts as they were found, with the connections that found them. */
export interface Contact extends AsyncDisposable {
  readonly hosts: readonly ObservedHost[];
  /** All that were asked, in the order of the target. */
  readonly asked: readonly HostAddress[];
  /** Hosts that did not answer. */
  readonly missed: readonly { readonly host: HostAddress; readonly problem: Problem }[];
  /** The connection that is there, once; a new one after that. */
  readonly open: OpenHost;
}

/** Connections opened at once. */
const STARTING = 32;

/** Ask every host what it is like; `journal` wants so many of its last lines. One connection for each host, kept for the work that follows. */
export async function contactHosts(ctx: Context, hosts: readonly HostAddress[], journal?: number): Promise<Contact> {
  // Also when we are asked to stop, a host must be told, and asked what is true there.
  const calm = { ...ctx, signal: new AbortController().signal };
  const by = `${ctx.env["USER"] ?? ctx.env["LOGNAME"] ?? userInfo().username}@${hostname()}`;
  const held = new Map<HostAddress, Agent>();
  const release = async (): Promise<void> => {
    const agents = [...held.values()];
    held.clear();
    await Promise.all(agents.map((agent) => agent[Symbol.asyncDispose]()));
  };
  const answers = await mapConcurrently(hosts, STARTING, async (host) => {
    try {
      const agent = await openAgent(calm, host, { by, ...(journal === undefined ? {} : { journal }) });
      held.set(host, agent);
      return { host, state: await agent.observe(journal === undefined ? {} : { journal }) };
    } catch (error) {
      if (error instanceof CaissonError) return { host, problem: error.problems[0] };
      await release();
      throw error;
    }
  });
  return {
    hosts: answers.flatMap(({ host, state }) => (state === undefined ? [] : [{ host, state }])),
    missed: answers.flatMap(({ host, problem }) => (problem === undefined ? [] : [{ host, problem }])),
    asked: hosts,
    open: async (host) => {
      const [known, agent] = [...held].find(([{ via, address, root }]) => via === host.via && address === host.address && root === host.root) ?? [];
      if (known === undefined || agent === undefined) return await openAgent(calm, host, { by });
      held.delete(known);
      return agent;
    },
    [Symbol.asyncDispose]: release,
  };
}

/** @throws CaissonError with the problem of each host out of reach, where those are more than the policy lets fail */
export function checkReach(contact: Contact, policy: Policy): void {
  if (contact.missed.length > policy.maxFailed || contact.hosts.length === 0) failAll(contact.missed.map(({ problem }) => problem));
}
