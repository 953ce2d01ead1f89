import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { CaissonError, type HostPlan, type HostState, type Problem } from "../../model/index.ts";
import type { OpenHost } from "../observe/contact.ts";
import type { Ending } from "./outcome.ts";
import type { Rollout } from "./rollout.ts";

/** How long a host that lost us may need to go back, and a line to come back, in seconds. */
const SETTLING = 25;

/** Seconds between two attempts to reach a host, at first; twice as long after each. */
const AGAIN = 1;

/**
 * Contact was lost after the switch began. The agent there goes back by itself; a new contact tells what is true now, from the journal.
 * `unknown` where nobody answers in time, or what answers is not settled by then.
 */
export async function settle({ ctx, open }: Pick<Rollout, "ctx" | "open">, host: HostPlan, problem: Problem): Promise<Ending> {
  const about = { what: "ask what became of the switch", host: host.host.name };
  ctx.report({ type: "started", ...about });
  try {
    return await askAgain(host, problem, open);
  } finally {
    ctx.report({ type: "finished", ...about });
  }
}

async function askAgain(host: HostPlan, problem: Problem, open: OpenHost): Promise<Ending> {
  const deadline = performance.now() + SETTLING * 1000;
  for (let pause = AGAIN; ; pause *= 2) {
    const ending = await ask(host, problem, open, deadline).catch((error: unknown) => {
      if (error instanceof CaissonError) return undefined;
      throw error;
    });
    if (ending !== undefined) return ending;
    if (performance.now() + pause * 1000 > deadline) return { outcome: "unknown", now: undefined, problem: { ...problem, code: "unknown-state" } };
    await sleep(pause * 1000);
  }
}

/** Look until what is there is settled; undefined where that takes too long. */
async function ask(host: HostPlan, problem: Problem, open: OpenHost, deadline: number): Promise<Ending | undefined> {
  await using agent = await open(host.host);
  for (;;) {
    const ending = judge(host, problem, await agent.observe({ journal: 1 }));
    if (ending !== undefined || performance.now() > deadline) return ending;
    await sleep(250);
  }
}

/** What a host's own words say became of its switch; undefined while that is not settled. */
function judge(host: HostPlan, problem: Problem, state: HostState): Ending | undefined {
  const { to, from } = host;
  if (state.current !== to) return { outcome: "undone", now: state.current, problem };
  const now = state.releases.find(({ label }) => label === to)?.state;
  if (now === "kept") return { outcome: "partly-done", now: to, problem: keptProblem(host, problem) };
  if (now !== "active") return undefined;
  // Where only values of the environment were to change, the journal's last word tells which are in force.
  const last = state.journal?.at(-1)?.event;
  return from === to && (last === "undone" || last === "recovered") ? { outcome: "undone", now: to, problem } : { outcome: "done", now: to };
}

/** Neither well nor taken back: what there is to do. */
export function keptProblem({ from }: HostPlan, problem: Problem): Problem {
  return { ...problem, hint: `mend it and deploy again; or go back all the same, where ${from ?? "the release before it"} works with what the hooks have done: caisson rollback --across-hooks` };
}
