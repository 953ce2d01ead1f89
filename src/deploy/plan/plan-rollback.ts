import type { HostState, Label, PackageName, Payload, Problem, Target } from "../../model/index.ts";
import { asTarget, checkCrossing, checkModes, checkUser } from "./hook-steps.ts";
import { problemsOf } from "../observe/group-problems.ts";
import type { ObservedHost } from "../observe/observed-host.ts";
import { backSteps, payloadsOn, switchSteps, type Planned } from "./plan.ts";
import { waysBack } from "./ways-back.ts";

/** All that decides what a rollback does. */
export interface RollbackRequest {
  readonly target: Target;
  readonly hosts: readonly ObservedHost[];
  /** The release to go back to; one release back where absent, see `waysBack`. */
  readonly to?: Label;
  /** What a release is made of, as far as this store knows: its health checks. */
  readonly payloadsOf: (host: ObservedHost, release: Label) => readonly Payload[];
  /** Going back across irreversible hooks is meant. */
  readonly acrossHooks?: boolean;
  /** The same of the release that is current now: how it is looked at after an undo. */
  readonly payloadsNow?: (host: ObservedHost) => readonly Payload[];
}

/** Decide how each host goes back to a release that is still there. One host that cannot spoils the whole plan. */
export function planRollback(request: RollbackRequest): Planned {
  const { target } = request;
  const { to: wayOf, problems: apart } = waysBack(request.hosts, request.to);
  const problems = problemsOf(request.hosts, (observed) => [...checkThere(observed, wayOf(observed), request.to), ...checkUser(target, observed.host, observed.state.facts), ...checkModes(observed.host, observed.state)]);
  if (request.acrossHooks !== true) problems.push(...checkCrossing(request.hosts, wayOf, undefined));
  if (problems.length === 0) problems.push(...apart);
  if (problems.length > 0) return { problems };
  const [first] = request.hosts.flatMap((observed) => observed.state.releases.filter(({ label }) => label === wayOf(observed)));
  const hosts = request.hosts.map((observed) => {
    const { host, state } = observed;
    const to = wayOf(observed);
    const plan = { host, saw: { generation: state.generation, current: state.current }, from: state.current, to, sendBytes: 0, keptBytes: 0, restarts: [], hooks: 0, removes: [] };
    if (to === null || to === state.current) return { ...plan, steps: [] };
    const payloads = payloadsOn(target, host, request.payloadsOf(observed, to));
    const restarts = target.service.kind === "none" ? [] : payloads.flatMap(({ processes }) => processes.map(({ name }) => name));
    return { ...plan, ...backSteps(target, state.current, payloadsOn(target, host, request.payloadsNow?.(observed) ?? [])), restarts, steps: asTarget(target, switchSteps(target, { stack: nameOf(state, to), root: host.root }, to, state.current, payloads, false)) };
  });
  return { plan: { schema: "caisson.plan/1", action: "rollback", ...(first === undefined ? {} : { ref: { name: first.name, label: first.label } }), target: target.name, policy: target.policy, hosts } };
}

function nameOf(state: HostState, label: Label): PackageName {
  return state.releases.find((release) => release.label === label)?.name ?? ("" as PackageName);
}

function checkThere({ host, state }: ObservedHost, wanted: Label | null, to: Label | undefined): readonly Problem[] {
  if (state.busy !== undefined) return [{ code: "host-busy", message: `${host.name}: ${state.busy}`, hint: "wait until that has ended, then run the same command again" }];
  const byHand = wanted !== null && wanted === state.previous && !state.releases.some(({ label }) => label === wanted);
  if (byHand) return [{ code: "ref-unknown", message: `\`${wanted}\`, the release before on ${host.name}, was made by hand, and nobody knows what is in it`, hint: `build and deploy it; or let it run as it is: ln -sfn ${wanted} versions/current there, and start its processes` }];
  if (to === undefined) return wanted === null ? [{ code: "ref-unknown", message: `${host.name} has no previous release`, hint: `releases there: ${listReleases(state)}` }] : [];
  if (state.releases.some(({ label }) => label === to)) return [];
  return [{ code: "ref-unknown", message: `${host.name} has no release \`${to}\``, hint: `releases there: ${listReleases(state)}` }];
}

function listReleases(state: HostState): string {
  return state.releases.length === 0 ? "none" : state.releases.map(({ label }) => label).join(", ");
}
