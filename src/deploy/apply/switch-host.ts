import { hookName, type HostPlan, type Problem, type Step } from "../../model/index.ts";
import type { Agent, Answer } from "../../transport/index.ts";
import { cancelled, orAborted } from "./abort.ts";
import { checkOwn, isForeign } from "./check.ts";
import type { Ending } from "./outcome.ts";
import { refusal } from "./refusal.ts";
import { askAndTell, problemOf, type Rollout } from "./rollout.ts";
import { keptProblem, settle } from "./settle.ts";

/**
 * From `activate` to `confirm` on one host; back again when something in between goes wrong. Never throws for what happens there.
 * All steps are asked at once, each to be done only if the one before it was: a long way is gone once. Where we start processes ourselves, one after the other.
 */
export async function switchHost(rollout: Rollout, agent: Agent, host: HostPlan, steps: readonly Step[]): Promise<Ending> {
  const { ctx, starter } = rollout;
  // What is under way is safest finished; a second Ctrl-C leaves it, and so does the first where we are the service manager.
  const stop = starter === undefined ? ctx.urgent : ctx.signal;
  let switched = false;
  const asked = starter === undefined ? agent.askInTurn(steps) : [];
  // Somebody listens for as long as there is something to be told of.
  const listening = new AbortController();
  stop.addEventListener("abort", () => undefined, { signal: listening.signal });
  try {
    for (const [at, step] of steps.entries()) {
      if (stop.aborted) throw cancelled();
      // A switch or a confirmation takes no time, and its answer is worth having; all else may be left.
      const short = step.step === "activate" || step.step === "confirm";
      if (step.step === "activate") switched = true;
      const told = askAndTell(rollout, host.host, step.step, undefined, () => carryOut(rollout, agent, host.host.name, step, asked[at]));
      const answer = short ? await told : await orAborted(stop, told);
      if (answer.done) continue;
      if (!switched || step.step === "activate") return { outcome: "not-done", now: host.from, problem: refusal(answer) };
      await starter?.stop();
      return await goBack(rollout, agent, host, refusal(answer));
    }
    return { outcome: "done", now: host.to };
  } catch (error) {
    await starter?.stop();
    const problem = problemOf(error);
    // What was asked at once may be done, however far we have heard of it.
    if (!switched && asked.length === 0) return { outcome: "not-done", now: host.from, problem };
    // Our leaving is the shortest word for going back, and the only one that an agent hears while it does something.
    await agent.leave(problem.message);
    return await settle(rollout, host, problem);
  } finally {
    listening.abort();
  }
}

/** `asked`: the answer that is on its way already. */
async function carryOut({ ctx, starter }: Rollout, agent: Agent, host: string, step: Step, asked: Promise<Answer> | undefined): Promise<Answer> {
  ctx.report({ type: "step", host, step: step.step, result: "begun" });
  if (starter !== undefined && step.step === "restart") return await starter.restart(step.release);
  if (step.step !== "check" && step.step !== "hook") return await (asked ?? agent.ask(step));
  const what = step.step === "hook" ? `hook ${hookName(step.package, step.hook)}` : `check health of ${step.package}`;
  ctx.report({ type: "started", what, host });
  const answer = await (starter === undefined || step.step === "hook" ? (asked ?? agent.ask(step)) : checkOwn(agent, step, starter.failed)).finally(() => ctx.report({ type: "finished", what, host }));
  if (step.step === "check" && starter === undefined && isForeign(answer)) ctx.report({ type: "warning", host, problem: { code: "unhealthy", message: `${step.health.url ?? ""} answers well, but from a process that does not run from release \`${step.release}\``, hint: "is there a proxy in front of it, or did the old process keep running?" } });
  return answer;
}

/** Undo, and look how the release before it is now: a host that is ill both ways must end the rollout. */
async function goBack(rollout: Rollout, agent: Agent, host: HostPlan, problem: Problem): Promise<Ending> {
  const { to, from } = host;
  try {
    const answer = to === null ? undefined : await askAndTell(rollout, host.host, "undo", undefined, () => agent.ask({ step: "undo", release: to, detail: problem.message }));
    if (answer?.done === true && isKept(answer)) return { outcome: "partly-done", now: to, problem: keptProblem(host, { ...problem, message: detailOf(answer) ?? problem.message }) };
    if (answer?.done === true) return { outcome: "undone", now: from, ...(await lookBack(rollout, agent, host, problem, answer)) };
  } catch (error) {
    problemOf(error);
    // Lost meanwhile: what is true there is asked below.
  }
  await agent[Symbol.asyncDispose]();
  return await settle(rollout, host, problem);
}

async function lookBack(rollout: Rollout, agent: Agent, host: HostPlan, problem: Problem, undone: Answer & { readonly done: true }): Promise<Pick<Ending, "health" | "problem">> {
  const said = detailOf(undone);
  // The agent adds what went wrong on the way back.
  const trouble = said?.startsWith(problem.message) === true ? said.slice(problem.message.length).replace(/^; /, "") : "";
  if (trouble !== "") return { health: "unhealthy", problem: { ...problem, message: `${problem.message}; going back: ${trouble}` } };
  const checks = host.from === null || rollout.starter !== undefined ? [] : (host.back ?? []);
  for (const step of checks) {
    const answer = await orAborted(rollout.ctx.urgent, askAndTell(rollout, host.host, step.step, undefined, () => agent.ask(step))).catch((error: unknown) => void problemOf(error));
    if (answer === undefined) return { problem };
    if (!answer.done) return { health: "unhealthy", problem: { ...problem, message: `${problem.message}; ${host.from ?? ""} is unhealthy as well: ${answer.detail}` } };
  }
  return checks.length === 0 ? { problem } : { health: "healthy", problem };
}

/** The way back was closed by a hook. */
function isKept({ facts }: Answer & { readonly done: true }): boolean {
  return facts !== null && typeof facts === "object" && "kept" in facts && facts["kept"] === true;
}

function detailOf({ facts }: Answer & { readonly done: true }): string | undefined {
  return facts !== null && typeof facts === "object" && "detail" in facts && typeof facts["detail"] === "string" ? facts["detail"] : undefined;
}
