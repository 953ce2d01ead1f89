import type { Target } from "../model/index.ts";
import type { Store } from "../store/index.ts";
import type { Context } from "../system/index.ts";
import { createChange, type Change } from "./change.ts";
import { checkReach, contactHosts, PATIENCE } from "./observe/contact.ts";
import { planPrune } from "./plan/plan-prune.ts";

/** Plan to remove old releases, keeping the current one, the previous one and `keep` others on each host. */
export async function preparePrune(ctx: Context, store: Store, target: Target, keep: number): Promise<Change> {
  const contact = await contactHosts(ctx, target.hosts, { patience: PATIENCE });
  try {
    checkReach(contact, target.policy);
    return createChange(ctx, store, planPrune(target, contact.hosts, keep), contact);
  } catch (error) {
    await contact[Symbol.asyncDispose]();
    throw error;
  }
}
