import { joinAgent } from "../../scripts/join-agent.mjs";

/** Before any test: the agent as its modules are now, however the tests were started. */
export default function setup(): void {
  joinAgent();
}
