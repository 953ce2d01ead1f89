import { CaissonError, failAll, type ErrorCode, type HostPlan, type Label, type Plan, type Problem, type Step } from "../model/index.ts";
import type { Store } from "../store/index.ts";
import { mapConcurrently, type Context } from "../system/index.ts";
import type { Agent, Answer } from "../transport/index.ts";
import { cancelled, orAborted } from "./abort.ts";
import type { OpenHost } from "./contact.ts";
import { checkOwn, isForeign } from "./check.ts";
import { findMoves } from "./moved.ts";
import type { HostResult } from "./outcome.ts";

/** What starts and stops processes where the caller is the service manager. */
export interface Starter {
  /** Start the processes of a release, after those of another have ended. */
  restart(release: Label): Promise<Answer>;
  /** Settles when a process ends by itself. */
  readonly failed: Promise<Problem>;
  /** End what was started. */
  stop(): Promise<void>;
}

/** Requests under way at once; enough to fill a slow line, and few enough to stop soon after one fails. */
const IN_FLIGHT = 32;

/** How long a host that lost us may need to go back, in seconds. */
const SETTLING = 20;

/** Carry out one host's steps; the outcome is what was seen there, or `unknown`. */
export async function applyToHost(ctx: Context, store: Store, plan: Plan, host: HostPlan, open: OpenHost, starter: Starter | undefined): Promise<HostResult> {
  const known = { host: host.host.name, name: plan.ref?.name, to: host.to, from: host.from };
  if (host.steps.length === 0) return { ...known, outcome: "unchanged", now: host.from };
  const what = `${plan.action} ${host.to ?? ""}`.trimEnd();
  ctx.report({ type: "started", what, host: known.host });
  const activate = host.steps.findIndex(({ step }) => step === "activate");
  const before = activate < 0 ? host.steps : host.steps.slice(0, activate);
  const after = activate < 0 ? [] : host.steps.slice(activate);
  try {
    const agent = await open(host.host);
    let removed: readonly Label[] | undefined;
    try {
      failAll(findMoves(host, await agent.observe()));
      removed = removedBy(await prepare(ctx, store, agent, host, before, what));
    } catch (error) {
      await agent[Symbol.asyncDispose]();
      throw error;
    }
    if (after.length === 0) {
      await agent[Symbol.asyncDispose]();
      return { ...known, outcome: "done", now: host.from, ...(removed === undefined ? {} : { removed }) };
    }
    return { ...known, ...(await switchOver(ctx, agent, host, after, open, starter)) };
  } catch (error) {
    return { ...known, outcome: "not-done", now: host.from, problem: problemOf(error) };
  } finally {
    ctx.report({ type: "finished", what, host: known.host });
  }
}

/** All steps that switch nothing, many under way at once; the agent takes them in order. */
async function prepare(ctx: Context, store: Store, agent: Agent, host: HostPlan, steps: readonly Step[], what: string): Promise<readonly Answer[]> {
  let done = 0;
  const work = mapConcurrently(steps, IN_FLIGHT, async (step) => {
    if (ctx.signal.aborted) throw cancelled();
    const answer = await agent.ask(step, step.step === "receive" ? store.read(step.blob.digest) : undefined);
    if (!answer.done) throw new CaissonError([refusal(answer)]);
    ctx.report({ type: "progress", what, done: ++done, total: steps.length, host: host.host.name });
    return answer;
  });
  return await orAborted(ctx.signal, work);
}

type Switched = Pick<HostResult, "outcome" | "now" | "problem">;

/** From `activate` to `confirm`; back again when something in between goes wrong. */
async function switchOver(ctx: Context, agent: Agent, host: HostPlan, steps: readonly Step[], open: OpenHost, starter: Starter | undefined): Promise<Switched> {
  let switched = false;
  try {
    for (const step of steps) {
      if (ctx.signal.aborted) throw cancelled();
      // A switch or a confirmation takes no time, and its answer is worth having; all else may be left.
      const short = step.step === "activate" || step.step === "confirm";
      if (step.step === "activate") switched = true;
      const asked = carryOut(ctx, agent, host.host.name, step, starter);
      const answer = short ? await asked : await orAborted(ctx.signal, asked);
      if (answer.done) continue;
      if (step.step === "activate") return { outcome: "not-done", now: host.from, problem: refusal(answer) };
      await starter?.stop();
      return await goBack(agent, host, refusal(answer), open);
    }
    return { outcome: "done", now: host.to };
  } catch (error) {
    await starter?.stop();
    if (!switched) return { outcome: "not-done", now: host.from, problem: problemOf(error) };
    // Our leaving is the shortest word for going back, and the only one that an agent hears while it does something.
    await agent.leave(problemOf(error).message);
    return await settle(host, problemOf(error), open);
  } finally {
    await agent[Symbol.asyncDispose]();
  }
}

async function carryOut(ctx: Context, agent: Agent, host: string, step: Step, starter: Starter | undefined): Promise<Answer> {
  if (starter !== undefined && step.step === "restart") return await starter.restart(step.release);
  if (step.step !== "check") return await agent.ask(step);
  const what = `check health of ${step.package}`;
  ctx.report({ type: "started", what, host });
  const answer = await (starter === undefined ? agent.ask(step) : checkOwn(agent, step, starter.failed)).finally(() => ctx.report({ type: "finished", what, host }));
  if (starter === undefined && isForeign(answer)) ctx.report({ type: "warning", host, problem: { code: "unhealthy", message: `${step.health.url ?? ""} answers well, but from a process that does not run from release \`${step.release}\``, hint: "is there a proxy in front of it, or did the old process keep running?" } });
  return answer;
}

async function goBack(agent: Agent, host: HostPlan, problem: Problem, open: OpenHost): Promise<Switched> {
  try {
    const answer = host.to === null ? undefined : await agent.ask({ step: "undo", release: host.to, detail: problem.message });
    if (answer?.done === true) return { outcome: "undone", now: host.from, problem };
  } catch {
    // Lost meanwhile: what is true there is asked below.
  }
  await agent[Symbol.asyncDispose]();
  return await settle(host, problem, open);
}

/** Contact was lost after the switch began. The agent goes back by itself; a new contact tells what is true now. */
async function settle(host: HostPlan, problem: Problem, open: OpenHost): Promise<Switched> {
  const deadline = Date.now() + SETTLING * 1000;
  try {
    await using agent = await open(host.host);
    for (;;) {
      const state = await agent.observe();
      const release = state.releases.find(({ label }) => label === host.to);
      if (state.current !== host.to) return { outcome: "undone", now: state.current, problem };
      if (release?.state === "active") return { outcome: "done", now: host.to };
      if (Date.now() > deadline) break;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  } catch {
    // Out of reach: that is the answer.
  }
  return { outcome: "unknown", now: undefined, problem: { ...problem, code: "unknown-state" } };
}

function removedBy(answers: readonly Answer[]): readonly Label[] | undefined {
  const facts = answers.map((answer) => (answer.done ? answer.facts : undefined)).find((found) => found !== null && typeof found === "object" && "removed" in found);
  return facts === undefined ? undefined : ((facts as { readonly removed: readonly Label[] }).removed);
}

function refusal({ code, detail }: Answer & { readonly done: false }): Problem {
  const hint = HINTS[code];
  return { code, message: detail, ...(hint === undefined ? {} : { hint }) };
}

/** What to try after what a host refuses; the others say it in their details. */
const HINTS: Readonly<Partial<Record<ErrorCode, string>>> = {
  "disk-full": "make room there (caisson prune removes old releases), then run the same command again",
  "host-busy": "wait until that has ended, then run the same command again",
  permission: "check the owner and the mode of the target's root",
};

function problemOf(error: unknown): Problem {
  if (error instanceof CaissonError) return error.problems[0];
  throw error;
}
