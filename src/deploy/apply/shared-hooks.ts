import { hookName, type HostPlan } from "../../model/index.ts";
import { orAborted } from "./abort.ts";
import { partAtBarrier, runsForAll } from "./barrier.ts";
import { refusal } from "./refusal.ts";
import { agentOf, askAndTell, endUnchanged, problemOf, whyStopped, type Rollout } from "./rollout.ts";

/** Hosts that run hooks in the name of all. */
export function carriersOf({ plan }: Rollout): readonly HostPlan[] {
  return plan.hosts.filter(({ steps }) => runsForAll(steps));
}

/**
 * Run the hooks that run once for all hosts, when all that can be is staged and nothing is switched.
 * Where one fails, or the host that should run it is not staged, the rollout is barred: no host is switched by anybody who has not seen them do their work. Returns whether all have.
 */
export async function runSharedHooks(rollout: Rollout, staged: readonly HostPlan[]): Promise<boolean> {
  for (const host of carriersOf(rollout)) {
    if (whyStopped(rollout) !== undefined) return false;
    if (!staged.includes(host)) rollout.barred = `hooks that all hosts depend on have not run on ${host.host.name}`;
    if (rollout.barred !== undefined || !(await runOn(rollout, host))) return false;
  }
  return true;
}

/** Tell hosts of the hooks that others have run for all, before they are switched, and also where they will not be, since we were asked to stop. One that cannot write it down is not switched. */
export async function tellShared(rollout: Rollout, hosts: readonly HostPlan[]): Promise<void> {
  await Promise.all(hosts.map(async (host) => {
    for (const step of partAtBarrier(host.steps).shared.filter((each) => each.step === "ran")) {
      const asked = agentOf(rollout, host).then((agent) => askAndTell(rollout, host.host, step.step, undefined, () => agent.ask(step)));
      const problem = await asked.then((answer) => (answer.done ? undefined : refusal(answer)), problemOf);
      if (problem !== undefined) return await endUnchanged(rollout, host, problem);
    }
  }));
}

/** A first Ctrl-C lets a hook end, for half of its work may be worse than all. */
async function runOn(rollout: Rollout, host: HostPlan): Promise<boolean> {
  const { ctx } = rollout;
  for (const step of partAtBarrier(host.steps).shared) {
    if (step.step !== "hook") continue;
    if (whyStopped(rollout) !== undefined) return false;
    ctx.report({ type: "step", host: host.host.name, step: step.step, result: "begun" });
    const asked = agentOf(rollout, host).then((agent) => askAndTell(rollout, host.host, step.step, undefined, () => agent.ask(step)));
    const what = `hook ${hookName(step.package, step.hook)}`;
    ctx.report({ type: "started", what, host: host.host.name });
    const problem = await orAborted(ctx.urgent, asked).then((answer) => (answer.done ? undefined : refusal(answer)), problemOf);
    ctx.report({ type: "finished", what, host: host.host.name });
    if (problem === undefined) continue;
    rollout.barred = `hook \`${hookName(step.package, step.hook)}\` failed on ${host.host.name}`;
    await endUnchanged(rollout, host, problem);
    return false;
  }
  return true;
}
