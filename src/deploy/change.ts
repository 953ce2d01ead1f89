import type { Plan, Problem } from "../model/index.ts";
import type { Store } from "../store/index.ts";
import type { Context } from "../system/index.ts";
import { applyPlan, type ApplyOptions } from "./apply/apply.ts";
import type { Contact } from "./observe/contact.ts";
import type { HostResult } from "./apply/outcome.ts";
import type { ObservedHost } from "./observe/observed-host.ts";
import type { Values } from "./values.ts";

/** A plan, and the connections to the hosts it is for: look at it, then apply it or leave it. */
export interface Change extends AsyncDisposable {
  readonly plan: Plan;
  /** The hosts as they were found. */
  readonly hosts: readonly ObservedHost[];
  /** Hosts that did not answer, and why. */
  readonly missed: readonly { readonly host: string; readonly problem: Problem }[];
  /** How its hosts are reached. */
  readonly open: Contact["open"];
  /** Make sure that what is planned stays what it is: freezes the stack. */
  freeze(): Promise<void>;
  /** Freeze, then do it. In the order of the target's hosts, those out of reach among them. */
  apply(options?: ApplyOptions): Promise<readonly HostResult[]>;
}

export function createChange(ctx: Context, store: Store, plan: Plan, contact: Contact, freeze: () => Promise<void> = async () => undefined, values?: Values): Change {
  return {
    plan,
    hosts: contact.hosts,
    missed: contact.missed.map(({ host, problem }) => ({ host: host.name, problem })),
    open: contact.open,
    freeze,
    apply: async (options) => {
      await freeze();
      const results = await applyPlan(ctx, store, plan, contact.open, { ...options, missed: contact.missed, ...(values === undefined ? {} : { values }) });
      const missed = contact.missed.filter(({ host }) => !results.some((result) => result.host === host.name));
      const all = [...results, ...missed.map(({ host, problem }): HostResult => ({ host: host.name, outcome: "not-done", name: plan.ref?.name, to: plan.ref?.label ?? null, from: null, now: undefined, problem }))];
      const rank = new Map(contact.asked.map(({ name }, index) => [name, index]));
      return all.toSorted((a, b) => (rank.get(a.host) ?? 0) - (rank.get(b.host) ?? 0));
    },
    [Symbol.asyncDispose]: () => contact[Symbol.asyncDispose](),
  };
}
