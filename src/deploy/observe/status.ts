import { CaissonError, type HostAddress, type JournalEntry, type Label, type Payload, type Target } from "../../model/index.ts";
import type { Store } from "../../store/index.ts";
import type { Context } from "../../system/index.ts";
import type { Agent, Running } from "../../transport/index.ts";
import { findClaim } from "../run/claim.ts";
import { decideStart } from "../plan/choose-processes.ts";
import { contactHosts, type Contact } from "./contact.ts";
import type { HostStatus } from "../apply/outcome.ts";
import type { ObservedHost } from "./observed-host.ts";
import { readReleasePayloads } from "../plan/payloads.ts";
import { healthOf } from "../plan/service-steps.ts";
import { valuesOf } from "../values.ts";

/** Seconds that a health check may take here: a look, not a trial. */
const LOOK = 5;

/** Lines of a journal in which the last switch is to be found. */
const LINES = 20;

/** Ask every host of a target what it runs and how that is. Changes nothing. */
export async function readStatus(ctx: Context, store: Store, target: Target): Promise<readonly HostStatus[]> {
  const values = await valuesOf(ctx, target);
  await using contact = await contactHosts(ctx, target.hosts, { journal: LINES });
  const found = await Promise.all(contact.hosts.map(async (observed) => await statusOf(store, target, values, contact, observed).catch((error: unknown): HostStatus => {
    // One that is lost while it is asked hides no other.
    if (error instanceof CaissonError) return { host: observed.host.name, previous: null, health: "unchecked", problem: error.problems[0] };
    throw error;
  })));
  const missed = contact.missed.map(({ host, problem }): HostStatus => ({ host: host.name, previous: null, health: "unchecked", problem }));
  return inOrder(target.hosts, [...found, ...missed]);
}

async function statusOf(store: Store, target: Target, values: ReadonlyMap<string, string>, contact: Contact, observed: ObservedHost): Promise<HostStatus> {
  const { host, state } = observed;
  const current = state.releases.find(({ label }) => label === state.current);
  const undid = undoneBy(state.recovered ?? state.journal?.at(-1));
  const wanted = state.recovered?.to ?? state.journal?.findLast(({ event }) => SWITCHES.has(event))?.to;
  const base = { host: host.name, previous: state.previous, ...(typeof wanted === "string" ? { wanted } : {}), ...(undid === undefined ? {} : { undid }) };
  if (current === undefined) return { ...base, health: "unchecked" };
  const payloads = (await readReleasePayloads(store, observed, state.current, target)).map((payload) => decideStart(payload, values));
  // An address is worth asking only where something starts processes: a service, or `up` in another terminal.
  const starts = target.service.kind !== "none" || (host.via === "local" && (await findClaim(host.root)) !== undefined);
  await using agent = await contact.open(host);
  const [running, health] = await Promise.all([agent.running(target.service), checkHealth(agent, target, current.label, payloads, starts)]);
  const drift = findDrift(current.label, running);
  return { ...base, current, health, running: running.processes, ...(drift.length === 0 ? {} : { drift }) };
}

const SWITCHES: ReadonlySet<JournalEntry["event"]> = new Set(["activated", "confirmed", "undone", "recovered"]);

function undoneBy(last: Pick<JournalEntry, "to" | "detail"> & { readonly event?: JournalEntry["event"] } | undefined): HostStatus["undid"] {
  if (last === undefined || last.to === null || last.detail === undefined) return undefined;
  return last.event === undefined || last.event === "undone" || last.event === "recovered" ? { label: last.to, detail: last.detail } : undefined;
}

/** Where what runs is not what is current, in phrases. A process of nobody's service may be of any release. */
function findDrift(current: Label, { processes, drift }: Running): readonly string[] {
  const others = processes.filter(({ process, release }) => process !== undefined && release !== null && release !== current);
  return [...others.map(({ process, release }) => `${process ?? ""} runs ${release ?? ""}`), ...drift.map((unit) => `${unit} is changed`)];
}

async function checkHealth(agent: Agent, { service }: Target, release: Label, payloads: readonly Payload[], starts: boolean): Promise<HostStatus["health"]> {
  const asked = payloads.flatMap((payload) => {
    const health = healthOf(payload, service);
    return health === undefined || (health.argv === undefined && !starts) ? [] : [{ step: "check", release, package: payload.package, health, minHealthy: 0, deadline: LOOK, ...(service.kind === "systemd" ? { service } : {}) } as const];
  });
  if (asked.length === 0) return "unchecked";
  for (const step of asked) if (!(await agent.ask(step)).done) return "unhealthy";
  return "healthy";
}

function inOrder(hosts: readonly HostAddress[], statuses: readonly HostStatus[]): readonly HostStatus[] {
  const rank = new Map(hosts.map(({ name }, index) => [name, index]));
  return statuses.toSorted((a, b) => (rank.get(a.host) ?? 0) - (rank.get(b.host) ?? 0));
}
