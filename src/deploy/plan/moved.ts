import type { HostPlan, HostState, Problem } from "../../model/index.ts";

/** Whether somebody was on a host since its plan was made. */
export function findMoves({ saw }: HostPlan, state: HostState): readonly Problem[] {
  if (state.generation === saw.generation && state.current === saw.current) return [];
  const how = state.current === saw.current ? `${state.generation - saw.generation} changes later` : `current was ${saw.current ?? "none"} and is ${state.current ?? "none"}`;
  return [{ code: "host-changed", message: `changed since this was planned: ${how}`, hint: "plan it again" }];
}
