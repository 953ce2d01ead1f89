import type { HostAddress, JournalEntry, Label, Payload, Target } from "../model/index.ts";
import type { Store } from "../store/index.ts";
import type { Context } from "../system/index.ts";
import { findClaim } from "./claim.ts";
import { contactHosts, type Contact } from "./contact.ts";
import type { HostStatus } from "./outcome.ts";
import type { ObservedHost } from "./plan.ts";
import { readReleasePayloads } from "./payloads.ts";

/** Seconds that a health check may take here: a look, not a trial. */
const LOOK = 5;

/** Ask every host of a target what it runs and how that is. Changes nothing. */
export async function readStatus(ctx: Context, store: Store, target: Target): Promise<readonly HostStatus[]> {
  await using contact = await contactHosts(ctx, target.hosts, 1);
  const found = await Promise.all(contact.hosts.map((observed) => statusOf(store, target, contact, observed)));
  const missed = contact.missed.map(({ host, problem }): HostStatus => ({ host: host.name, previous: null, health: "unchecked", problem }));
  return inOrder(target.hosts, [...found, ...missed]);
}

async function statusOf(store: Store, target: Target, contact: Contact, observed: ObservedHost): Promise<HostStatus> {
  const { host, state } = observed;
  const current = state.releases.find(({ label }) => label === state.current);
  const undid = undoneBy(state.recovered ?? state.journal?.at(-1));
  const payloads = await readReleasePayloads(store, observed, state.current, target);
  // An address is worth asking only where something starts processes: a service, or `up` in another terminal.
  const starts = target.service.kind !== "none" || (host.via === "local" && (await findClaim(host.root)) !== undefined);
  const health = current === undefined ? "unchecked" : await checkHealth(contact, host, current.label, payloads, starts);
  return { host: host.name, ...(current === undefined ? {} : { current }), previous: state.previous, health, ...(undid === undefined ? {} : { undid }) };
}

function undoneBy(last: Pick<JournalEntry, "to" | "detail"> & { readonly event?: JournalEntry["event"] } | undefined): HostStatus["undid"] {
  if (last === undefined || last.to === null || last.detail === undefined) return undefined;
  return last.event === undefined || last.event === "undone" || last.event === "recovered" ? { label: last.to, detail: last.detail } : undefined;
}

async function checkHealth(contact: Contact, host: HostAddress, release: Label, payloads: readonly Payload[], starts: boolean): Promise<HostStatus["health"]> {
  const asked = payloads.filter(({ health }) => health?.argv !== undefined || (health?.url !== undefined && starts));
  if (asked.length === 0) return "unchecked";
  await using agent = await contact.open(host);
  for (const { package: name, health = {} } of asked) {
    const answer = await agent.ask({ step: "check", release, package: name, health, minHealthy: 0, deadline: LOOK });
    if (!answer.done) return "unhealthy";
  }
  return "healthy";
}

function inOrder(hosts: readonly HostAddress[], statuses: readonly HostStatus[]): readonly HostStatus[] {
  const rank = new Map(hosts.map(({ name }, index) => [name, index]));
  return statuses.toSorted((a, b) => (rank.get(a.host) ?? 0) - (rank.get(b.host) ?? 0));
}
