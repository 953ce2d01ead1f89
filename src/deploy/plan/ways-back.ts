import type { HostState, Label, Problem } from "../../model/index.ts";
import type { ObservedHost } from "../observe/observed-host.ts";

/** The release that each host is to have behind a rollback: its own current one where it stays, null where there is none to go to. */
export type WaysBack = (host: ObservedHost) => Label | null;

/**
 * Where hosts go that nobody names a release for: one release back from what was switched to last, each of them, and none of them twice.
 * A host that went back already stays, so that the same rollback once more only does what is left; so does one that the last deploy never reached, where the others come back to what it has.
 */
export function waysBack(hosts: readonly ObservedHost[], to: Label | undefined): { readonly to: WaysBack; readonly problems: readonly Problem[] } {
  if (to !== undefined) return { to: () => to, problems: [] };
  const moving = hosts.filter(({ state }) => !wentBack(state));
  const goals = new Set(moving.map(({ state }) => state.previous));
  const stays = ({ state }: ObservedHost): boolean => state.current !== null && (wentBack(state) || (goals.has(state.current) && hosts.some((other) => other.state.current !== state.current)));
  const decide: WaysBack = (host) => (stays(host) ? host.state.current : host.state.previous);
  const now = new Set(hosts.map(({ state }) => state.current));
  const then = new Set(hosts.map(decide));
  if (now.size === 1 || then.size === 1 || then.has(null)) return { to: decide, problems: [] };
  const list = [...now].map((label) => `${label ?? "none"} on ${hosts.filter(({ state }) => state.current === label).map(({ host }) => host.name).join(", ")}`);
  return { to: decide, problems: [{ code: "host-changed", message: `these hosts are not one step from the same release: ${list.join("; ")}`, hint: "say which: --to-release LABEL" }] };
}

/** What was current before was staged after what is current now. */
function wentBack({ current, previous, releases }: HostState): boolean {
  const place = (wanted: Label | null): number => releases.findIndex(({ label }) => label === wanted);
  return current !== null && previous !== null && place(current) >= 0 && place(previous) > place(current);
}
