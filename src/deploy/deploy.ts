import { failAll, printStackRef, type Plan, type Stack, type Target } from "../model/index.ts";
import type { Store } from "../store/index.ts";
import type { Context } from "../system/index.ts";
import type { Change } from "./change.ts";
import { checkReach, contactHosts, PATIENCE } from "./observe/contact.ts";
import { interpreterFrom } from "./bring-interpreter.ts";
import { findMoves } from "./plan/moved.ts";
import type { ObservedHost } from "./observe/observed-host.ts";
import { readValues } from "./values.ts";
import { freezeWanted, wantedStack, type Wanted } from "./wanted.ts";

/**
 * Look at the target's hosts and plan a deploy to them. Nothing is changed before `apply`, which freezes the stack first.
 * `starts`: the caller is the service manager. `retry`: only the hosts where the stack is not current yet. `acrossHooks`: also back across irreversible hooks. `patience`: seconds to wait for somebody else who changes a host.
 * @throws CaissonError with every reason why some host cannot take it
 */
export async function prepareDeploy(ctx: Context, store: Store, wanted: Wanted, target: Target, options: { readonly starts?: boolean; readonly retry?: boolean; readonly acrossHooks?: boolean; readonly patience?: number } = {}): Promise<Change> {
  const values = target.environment === undefined ? undefined : await readValues(ctx, target.environment);
  const { stack, digest } = wanted;
  const contacting = contactHosts(ctx, target.hosts, { bring: interpreterFrom(store, stack, target), patience: options.patience ?? PATIENCE });
  // Heard of below, where it is waited for; the way to hosts is long, and what plans is loaded meanwhile.
  contacting.catch(() => undefined);
  const [{ planStack }, { createChange }] = await Promise.all([import("./plan/plan-stack.ts"), import("./change.ts")]);
  const contact = await contacting;
  try {
    checkReach(contact, target.policy);
    const planned = await planStack(store, { stack, digest }, target, contact, values, options);
    const plan = options.retry === true ? whatIsLeft(planned) : planned;
    for (const message of adoptions(contact.hosts)) ctx.report({ type: "notice", message });
    return createChange(ctx, store, plan, contact, () => freezeAndSay(ctx, store, wanted), values);
  } catch (error) {
    await contact[Symbol.asyncDispose]();
    throw error;
  }
}

/** What stands on hosts and is none of ours, in sentences: it is kept. */
function adoptions(hosts: readonly ObservedHost[]): readonly string[] {
  return hosts.flatMap(({ host, state: { current, releases } }) => (current === null || releases.some(({ label }) => label === current) ? [] : [`${host.name}: \`versions/${current}\` was made by hand; it is left as it is, and is gone back to where this deploy fails`]));
}

/** The part of a plan that changes something. Where the stack is current already, it has been tried: no host needs to go first. */
function whatIsLeft(plan: Plan): Plan {
  const hosts = plan.hosts.filter(({ steps }) => steps.length > 0);
  return { ...plan, hosts, policy: hosts.length === plan.hosts.length ? plan.policy : { ...plan.policy, canary: 0 } };
}

/**
 * A plan that was made before and looked at since.
 * @throws CaissonError `host-changed` where a host is no longer as the plan saw it
 */
export async function preparePlan(ctx: Context, store: Store, plan: Plan): Promise<Change> {
  const stack = plan.stack !== undefined && (await store.has(plan.stack)) ? await store.readJson<Stack>(plan.stack) : undefined;
  const contacting = contactHosts(ctx, plan.hosts.map(({ host }) => host), { patience: PATIENCE, ...(stack === undefined ? {} : { bring: interpreterFrom(store, stack, {}) }) });
  contacting.catch(() => undefined);
  const { createChange } = await import("./change.ts");
  const contact = await contacting;
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
