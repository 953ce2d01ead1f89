import type { HostState, Label, Plan, Target } from "../../model/index.ts";
import { asTarget } from "./hook-steps.ts";
import type { ObservedHost } from "../observe/observed-host.ts";

/** Decide which releases each host may lose: all but the current one, the previous one and the newest `keep` of the others. The agent keeps what still runs, too. */
export function planPrune(target: Target, hosts: readonly ObservedHost[], keep: number): Plan {
  return {
    schema: "caisson.plan/1",
    action: "prune",
    target: target.name,
    policy: target.policy,
    hosts: hosts.map(({ host, state }) => {
      const removes = spareReleases(state, keep);
      // Whatever of them is kept there after all, because it runs, keeps its hooks.
      const hooks = state.releases.filter(({ label }) => removes.includes(label)).flatMap(({ label, removal = [] }) => removal.map((each) => ({ release: label, ...each })));
      return {
      host,
      saw: { generation: state.generation, current: state.current },
      from: state.current,
      to: null,
      // Also where no release goes: trees that nothing refers to any more take room as well.
      steps: asTarget(target, [{ step: "prune", keep, ...(hooks.length === 0 ? {} : { hooks }) }]),
      sendBytes: 0,
      keptBytes: 0,
      restarts: [],
      hooks: hooks.length,
      removes,
      };
    }),
  };
}

/** Releases are listed oldest first. */
function spareReleases(state: HostState, keep: number): readonly Label[] {
  const others = state.releases.map(({ label }) => label).filter((label) => label !== state.current && label !== state.previous);
  return others.slice(0, Math.max(0, others.length - keep));
}
