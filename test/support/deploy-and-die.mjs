/**
 * One change of a host by the compiled library, in a process that kills itself right before or right after it asks the agent for one step.
 * Its only argument is JSON: {store, root, action, stack, at, moment}; `at` counts the plan's steps from 0; without it nothing kills this process from within.
 */
import { applyPlan } from "../../dist/deploy/apply/apply.js";
import { createContext, findWanted, openStore, parseLabel, prepareDeploy, prepareRollback } from "../../dist/index.js";
import { openAgent } from "../../dist/transport/agent.js";

const { store: directory, root, action, stack, at, moment, target } = JSON.parse(process.argv[2]);
const ctx = createContext({ cwd: root, env: process.env, report: () => undefined, signal: new AbortController().signal });
const store = await openStore(ctx, directory);
const change = action === "deploy" ? await prepareDeploy(ctx, store, await findWanted(ctx, store, undefined, stack), target) : await prepareRollback(ctx, store, target, parseLabel(stack.split("@")[1]));
if (at === undefined) {
  await change.apply();
  process.exit();
}
const { plan } = change;
await change[Symbol.asyncDispose]();
let asked = 0;
await applyPlan(ctx, store, plan, async (host) => {
  const agent = await openAgent(ctx, host, { by: "dying@test" });
  const ask = agent.ask.bind(agent);
  agent.ask = async (step, ...words) => {
    const mine = asked++ === at;
    if (mine && moment === "before") die();
    const answer = await ask(step, ...words);
    if (mine && moment === "after") die();
    return answer;
  };
  const askInTurn = agent.askInTurn.bind(agent);
  agent.askInTurn = (steps) => {
    const mine = at - asked;
    asked += steps.length;
    if (mine < 0 || mine >= steps.length) return askInTurn(steps);
    // Before: what stands before it has been asked and done, and nothing else has been asked.
    const answers = askInTurn(moment === "before" ? steps.slice(0, mine) : steps);
    void Promise.all(answers.slice(0, mine + 1)).then(die);
    return steps.map((_, number) => answers[number] ?? new Promise(() => undefined));
  };
  return agent;
});

function die() {
  process.kill(process.pid, "SIGKILL");
}
