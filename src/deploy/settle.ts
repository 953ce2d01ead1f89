import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { CaissonError, type HostPlan, type HostState, type Problem } from "../model/index.ts";
import type { OpenHost } from "./contact.ts";
import type { Ending } from "./outcome.ts";

/** How long a host that lost us may need to go back, and a line to come back, in seconds. */
const SETTLING = 25;

/** Seconds between two attempts to reach a host, at first; twice as long after each. */
const AGAIN = 1;

/**
 * Contact was lost after the switch began. The agent there goes back by itself; a new contact tells what is true now, from the journal.
 * `unknown` where nobody answers in time, or what answers is not settled by then.
 */
export async function settle(host: HostPlan, problem: Problem, open: OpenHost): Promise<Ending> {
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
    const ending = judge(host, problem, await agent.observe());
    if (ending !== undefined || performance.now() > deadline) return ending;
    await sleep(250);
  }
}

/** What a host's own words say became of its switch; undefined while that is not settled. */
function judge({ to }: HostPlan, problem: Problem, state: HostState): Ending | undefined {
  if (state.current !== to) return { outcome: "undone", now: state.current, problem };
  return state.releases.find(({ label }) => label === to)?.state === "active" ? { outcome: "done", now: to } : undefined;
}
