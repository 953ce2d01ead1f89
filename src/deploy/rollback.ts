import { failAll, type Label, type Target } from "../model/index.ts";
import type { Store } from "../store/index.ts";
import type { Context } from "../system/index.ts";
import type { Change } from "./change.ts";
import { decideStart } from "./plan/choose-processes.ts";
import { checkReach, contactHosts, PATIENCE } from "./observe/contact.ts";
import { readFleetPayloads } from "./plan/payloads.ts";
import type { ObservedHost } from "./observe/observed-host.ts";
import { valuesOf } from "./values.ts";

/** Plan to make an older release current again: one release back, or the one named. */
export async function prepareRollback(ctx: Context, store: Store, target: Target, to?: Label, options: { readonly acrossHooks?: boolean } = {}): Promise<Change> {
  const values = await valuesOf(ctx, target);
  const contacting = contactHosts(ctx, target.hosts, { patience: PATIENCE });
  // Heard of below, where it is waited for; the way to hosts is long, and what plans is loaded meanwhile.
  contacting.catch(() => undefined);
  const [{ planRollback }, { waysBack }, { createChange }] = await Promise.all([import("./plan/plan-rollback.ts"), import("./plan/ways-back.ts"), import("./change.ts")]);
  const contact = await contacting;
  try {
    checkReach(contact, target.policy);
    const payloadsOf = await readFleetPayloads(store, contact.hosts, waysBack(contact.hosts, to).to, target);
    const payloadsNow = await readFleetPayloads(store, contact.hosts, ({ state }) => state.current, target);
    const decided = { payloadsOf: (host: ObservedHost) => payloadsOf(host).map((payload) => decideStart(payload, values)), payloadsNow: (host: ObservedHost) => payloadsNow(host).map((payload) => decideStart(payload, values)) };
    const planned = planRollback({ target, hosts: contact.hosts, ...(to === undefined ? {} : { to }), ...decided, ...options });
    if ("problems" in planned) return failAll(planned.problems) as never;
    if (to === undefined && planned.plan.hosts.every(({ from, to: goal }) => from === goal)) ctx.report({ type: "notice", message: "what was switched to last was gone back from already; --to-release names another release" });
    return createChange(ctx, store, planned.plan, contact);
  } catch (error) {
    await contact[Symbol.asyncDispose]();
    throw error;
  }
}
