import { failAll, printStackRef, type Plan, type Target } from "../model/index.ts";
import type { Store } from "../store/index.ts";
import type { Context } from "../system/index.ts";
import { createChange, type Change } from "./change.ts";
import { checkReach, contactHosts } from "./contact.ts";
import { findMoves } from "./moved.ts";
import { readFleetPayloads, readPayloads, readTrees } from "./payloads.ts";
import { lackingTrees, planDeploy } from "./plan.ts";
import { freezeWanted, wantedStack, type Wanted } from "./wanted.ts";

/**
 * Look at the target's hosts and plan a deploy to them. Nothing is changed before `apply`, which freezes the stack first.
 * `starts`: the caller is the service manager.
 * @throws CaissonError with every reason why some host cannot take it
 */
export async function prepareDeploy(ctx: Context, store: Store, wanted: Wanted, target: Target, options: { readonly starts?: boolean } = {}): Promise<Change> {
  const contact = await contactHosts(ctx, target.hosts);
  try {
    checkReach(contact, target.policy);
    const { stack, digest } = wanted;
    const payloads = await readPayloads(store, stack, target, contact.hosts);
    const payloadsNow = await readFleetPayloads(store, contact.hosts, ({ state }) => (state.current === stack.label ? null : state.current), target);
    const request = { ref: { name: stack.name, label: stack.label }, stack: digest, target, payloads, hosts: contact.hosts, payloadsNow, ...options };
    const planned = planDeploy({ ...request, trees: await readTrees(store, lackingTrees(request)) });
    if ("problems" in planned) return failAll(planned.problems) as never;
    return createChange(ctx, store, planned.plan, contact, () => freezeAndSay(ctx, store, wanted));
  } catch (error) {
    await contact[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * A plan that was made before and looked at since.
 * @throws CaissonError `host-changed` where a host is no longer as the plan saw it
 */
export async function preparePlan(ctx: Context, store: Store, plan: Plan): Promise<Change> {
  const contact = await contactHosts(ctx, plan.hosts.map(({ host }) => host));
  try {
    checkReach(contact, plan.policy);
    const states = new Map(contact.hosts.map(({ host, state }) => [`${host.address} ${host.root}`, state]));
    failAll(plan.hosts.flatMap((each) => {
      const state = states.get(`${each.host.address} ${each.host.root}`);
      return state === undefined ? [] : findMoves(each, state).map((problem) => ({ ...problem, message: `${each.host.name}: ${problem.message}` }));
    }));
    return createChange(ctx, store, plan, contact, async () => {
      if (plan.ref !== undefined && plan.action === "deploy") await freezeAndSay(ctx, store, await wantedStack(store, plan.ref));
    });
  } catch (error) {
    await contact[Symbol.asyncDispose]();
    throw error;
  }
}

/** Freezing cannot be taken back, so it is said. */
async function freezeAndSay(ctx: Context, store: Store, wanted: Wanted): Promise<void> {
  const name = printStackRef(wanted.stack);
  if (await freezeWanted(store, wanted)) ctx.report({ type: "notice", message: `deploy ${name} (froze ${name})` });
}
