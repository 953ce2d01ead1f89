import { failAll, type Digest, type Plan, type Stack, type Target } from "../../model/index.ts";
import type { Store } from "../../store/index.ts";
import { decideStart } from "./choose-processes.ts";
import type { Contact } from "../observe/contact.ts";
import { learnLacking, openKnowledge } from "../wire/known-trees.ts";
import { readFleetPayloads, readPayloads, readTrees } from "./payloads.ts";
import { lackingTrees, planDeploy } from "./plan.ts";
import { readSendings } from "../wire/read-sendings.ts";
import type { Values } from "../values.ts";

/**
 * What makes a stack the active release on hosts that have been looked at.
 * @throws CaissonError with every reason why some host cannot take it
 */
export async function planStack(store: Store, { stack, digest }: { readonly stack: Stack; readonly digest: Digest }, target: Target, contact: Contact, values: Values | undefined, options: { readonly starts?: boolean; readonly acrossHooks?: boolean }): Promise<Plan> {
  const payloads = (await readPayloads(store, stack, target, contact.hosts)).map((each) => ({ ...each, payload: decideStart(each.payload, values?.byName ?? new Map()) }));
  const payloadsNow = await readFleetPayloads(store, contact.hosts, ({ state }) => (state.current === stack.label ? null : state.current), target);
  const knowledge = openKnowledge(store, target);
  const ref = { name: stack.name, label: stack.label };
  const hosts = await learnLacking(knowledge, contact, { ref, stack: digest });
  const request = { ref, stack: digest, target, payloads, hosts, payloadsNow, ...(values === undefined ? {} : { environment: values }), ...(options.starts === undefined ? {} : { starts: options.starts }), ...(options.acrossHooks === undefined ? {} : { acrossHooks: options.acrossHooks }) };
  const trees = await readTrees(store, lackingTrees(request));
  const planned = planDeploy({ ...request, trees, sendings: await readSendings(store, knowledge, { ...request, trees }) });
  return "problems" in planned ? failAll(planned.problems) as never : planned.plan;
}
