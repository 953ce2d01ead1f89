import { CaissonError, type HostPlan, type Label, type Step } from "../model/index.ts";
import { mapConcurrently } from "../system/index.ts";
import type { Agent, Answer } from "../transport/index.ts";
import { cancelled, orAborted } from "./abort.ts";
import { refusal } from "./refusal.ts";
import { askAndTell, describeWork, type Rollout } from "./rollout.ts";

/** Requests under way at once; enough to fill a slow line, and few enough to stop soon after one fails. */
const IN_FLIGHT = 32;

/**
 * All steps of one host that switch nothing, many under way at once; the agent takes them in order. Returns what prune removed.
 * @throws CaissonError with the first refusal · `cancelled` · `unknown-state`
 */
export async function stageHost(rollout: Rollout, agent: Agent, host: HostPlan, steps: readonly Step[], signal: AbortSignal): Promise<readonly Label[] | undefined> {
  const { ctx, store, plan } = rollout;
  const { name } = host.host;
  const what = describeWork(plan);
  ctx.report({ type: "started", what, host: name });
  let done = 0;
  try {
    const work = mapConcurrently(steps, IN_FLIGHT, async (step) => {
      if (signal.aborted) throw cancelled();
      const [bytes, size] = step.step === "receive" ? [store.read(step.blob.digest), step.blob.size] : [];
      const answer = await askAndTell(rollout, host.host, step.step, size, () => agent.ask(step, bytes));
      if (!answer.done) throw new CaissonError([refusal(answer)]);
      ctx.report({ type: "progress", what, done: ++done, total: steps.length, host: name });
      return answer;
    });
    return removedBy(await orAborted(signal, work));
  } finally {
    ctx.report({ type: "finished", what, host: name });
  }
}

function removedBy(answers: readonly Answer[]): readonly Label[] | undefined {
  const facts = answers.map((answer) => (answer.done ? answer.facts : undefined)).find((found) => found !== null && typeof found === "object" && "removed" in found);
  return facts === undefined ? undefined : (facts as { readonly removed: readonly Label[] }).removed;
}
