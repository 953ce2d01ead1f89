import { CaissonError, type HostPlan, type Label, type Step } from "../../model/index.ts";
import { mapConcurrently } from "../../system/index.ts";
import type { Agent, Answer } from "../../transport/index.ts";
import { cancelled, orAborted } from "./abort.ts";
import { refusal } from "./refusal.ts";
import { askAndTell, describeWork, type Rollout } from "./rollout.ts";

/** Requests under way at once; enough to fill a slow line with small ones while large trees are made. Their bytes are read one after the other. */
const IN_FLIGHT = 256;

/** The same for all hosts together, none getting less than so many: what waits takes memory here. */
const IN_FLIGHT_OF_ALL = 1024;
const IN_FLIGHT_AT_LEAST = 8;

/**
 * All steps of one host that switch nothing, many under way at once; the agent takes them in order. Returns what prune removed.
 * @throws CaissonError with the first refusal · `cancelled` · `unknown-state`
 */
export async function stageHost(rollout: Rollout, agent: Agent, host: HostPlan, steps: readonly Step[], signal: AbortSignal): Promise<readonly Label[] | undefined> {
  const { ctx, wire, plan } = rollout;
  const { name } = host.host;
  const what = describeWork(plan);
  ctx.report({ type: "started", what, host: name });
  const inFlight = Math.min(IN_FLIGHT, Math.max(IN_FLIGHT_AT_LEAST, Math.floor(IN_FLIGHT_OF_ALL / Math.min(plan.hosts.length, plan.policy.maxParallel))));
  let done = 0;
  try {
    const carryOut = async (step: Step): Promise<Answer> => {
      if (signal.aborted) throw cancelled();
      if (step.step === "hook") ctx.report({ type: "step", host: name, step: step.step, result: "begun" });
      const [bytes, size] = step.step === "environment" ? [rollout.values ?? new Uint8Array(), undefined] : step.step === "receive" ? [wire.read(step), step.packed?.size ?? step.blob.size] : [];
      const answer = await askAndTell(rollout, host.host, step.step, size, () => agent.ask(step, bytes));
      if (!answer.done) throw new CaissonError([refusal(answer)]);
      ctx.report({ type: "progress", what, done: ++done, total: steps.length, host: name });
      return answer;
    };
    const all = steps.filter(({ step }) => step !== "hook");
    const work = mapConcurrently(all, inFlight, carryOut).catch(async (error: unknown) => {
      if (!isBaseUnfit(error, all)) throw error;
      done = 0;
      return await mapConcurrently(all.map(withoutBase), inFlight, carryOut);
    });
    const removed = removedBy(await orAborted(signal, work));
    // None begins before what stands before it is done.
    for (const step of steps.filter((each) => each.step === "hook")) await orAborted(signal, carryOut(step));
    return removed;
  } finally {
    ctx.report({ type: "finished", what, host: name });
  }
}

/** What was to be told by its difference to a file of the host came out wrong, or that file is not there: the same once more, told whole. */
function isBaseUnfit(error: unknown, steps: readonly Step[]): boolean {
  if (!(error instanceof CaissonError) || !["digest-mismatch", "blob-missing"].includes(error.code)) return false;
  return steps.some((step) => step.step === "receive" && step.packed?.base !== undefined);
}

function withoutBase(step: Step): Step {
  if (step.step !== "receive" || step.packed?.base === undefined) return step;
  const { packed: _, ...whole } = step;
  return whole;
}

function removedBy(answers: readonly Answer[]): readonly Label[] | undefined {
  const facts = answers.map((answer) => (answer.done ? answer.facts : undefined)).find((found) => found !== null && typeof found === "object" && "removed" in found);
  return facts === undefined ? undefined : (facts as { readonly removed: readonly Label[] }).removed;
}
