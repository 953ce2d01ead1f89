import { CaissonError, type Problem, type Step } from "../../model/index.ts";
import type { Agent, Answer } from "../../transport/index.ts";

type Check = Step & { readonly step: "check" };

/**
 * Ask for the health of processes that we started ourselves. An address that somebody else answers is not well: its port was taken.
 * @throws CaissonError with the problem of a process that ends by itself meanwhile
 */
export async function checkOwn(agent: Agent, step: Check, failed: Promise<Problem>): Promise<Answer> {
  const ended = failed.then((problem) => Promise.reject(new CaissonError([problem])));
  const answer = await Promise.race([agent.ask(step), ended]);
  if (!isForeign(answer)) return answer;
  return { done: false, code: "unhealthy", detail: `${step.health.url ?? ""} is answered by a process that was not started here; its port is taken` };
}

/** The host saw who listens at the address, and it was none of the release's processes. */
export function isForeign(answer: Answer): boolean {
  const { facts } = { facts: undefined, ...answer };
  return facts !== null && typeof facts === "object" && "verified" in facts && facts["verified"] === false;
}
