/**
 * One change of a host by the compiled library, in a process that kills itself right before or right after it asks the agent for one step.
 * Its only argument is JSON: {store, root, action, stack, at, moment}; `at` counts the plan's steps from 0.
 */
import { applyPlan } from "../../dist/deploy/apply.js";
import { createContext, findWanted, openStore, parseLabel, prepareDeploy, prepareRollback } from "../../dist/index.js";
import { openAgent } from "../../dist/transport/agent.js";

const { store: directory, root, action, stack, at, moment, target } = JSON.parse(process.argv[2]);
const ctx = createContext({ cwd: root, env: process.env, report: () => undefined, signal: new AbortController().signal });
const store = await openStore(ctx, directory);
const change = action === "deploy" ? await prepareDeploy(ctx, store, await findWanted(ctx, store, undefined, stack), target) : await prepareRollback(ctx, store, target, parseLabel(stack.split("@")[1]));
const { plan } = change;
await change[Symbol.asyncDispose]();
let asked = 0;
await applyPlan(ctx, store, plan, async (host) => {
  const agent = await openAgent(ctx, host, { by: "dying@test" });
  const ask = agent.ask.bind(agent);
  agent.ask = async (step, bytes) => {
    const mine = asked++ === at;
    if (mine && moment === "before") process.kill(process.pid, "SIGKILL");
    const answer = await ask(step, bytes);
    if (mine && moment === "after") process.kill(process.pid, "SIGKILL");
    return answer;
  };
  return agent;
});
