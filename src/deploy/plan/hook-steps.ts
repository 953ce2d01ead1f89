import { hookName, type Digest, type HostAddress, type HostFacts, type HostState, type Label, type PackageName, type Payload, type Problem, type Release, type Step, type Target } from "../../model/index.ts";
import type { ObservedHost } from "../observe/observed-host.ts";

/** A host of a deploy, and the payloads that it gets. */
export interface HookedHost extends ObservedHost {
  readonly payloads: readonly Payload[];
}

/** What hooks add to one host's steps. Each list is in the order in which it is run. */
export interface HostHooks {
  readonly stage: readonly Step[];
  /** First word of those that another host runs for all, then those that this one does: no host is switched before that. */
  readonly before: readonly Step[];
  readonly after: readonly Step[];
  /** Names of hooks behind which there is no way back for this host. */
  readonly irreversible: readonly string[];
}

/**
 * Which hooks run where, for a deploy of one release to several hosts: on each, or on the first that is changed and has the package; not where, or after, they have done their work for this release.
 * What one host does for all is told to the others that have the package, so that any of them knows should that one be out of reach later.
 * The first function decides it for the fleet, the one that it returns tells it of one host.
 */
export function planHooks(target: Target, release: Label, hosts: readonly HookedHost[]): (host: HostAddress) => HostHooks {
  const done = new Map(hosts.map(({ host, state }) => [host, new Set(releaseOf(state, release)?.ran ?? [])]));
  const doneAnywhere = new Set([...done.values()].flatMap((names) => [...names]));
  const all = hosts.flatMap((each) => hooksOf(each.payloads).map((found) => ({ ...found, host: each.host, changes: isChanged(each.state, release) })));
  const carriers = new Map<string, HostAddress>();
  for (const { name, hook, host, changes } of all) if (hook.once === "stack" && changes && !carriers.has(name)) carriers.set(name, host);
  const runsOn = (host: HostAddress, { name, hook }: Found): boolean => (hook.once === "stack" ? carriers.get(name) === host && !doneAnywhere.has(name) : done.get(host)?.has(name) !== true);
  const knows = (name: string): HostAddress | undefined => hosts.find(({ host }) => done.get(host)?.has(name) === true)?.host ?? carriers.get(name);
  return (host) => {
    const state = hosts.find((each) => each.host === host)?.state;
    const isCurrent = state?.current === release;
    // What is current has had its hooks; one that was kept has not come to those at its end.
    const mine = all.filter((found) => found.host === host && (!isCurrent || (found.hook.at === "after-activate" && releaseOf(state, release)?.state === "kept")));
    const steps = (at: Found["hook"]["at"], once?: Found["hook"]["once"]): readonly Step[] => mine.filter((found) => found.hook.at === at && (once === undefined || found.hook.once === once) && runsOn(host, found)).map(({ hook, owner }) => ({ step: "hook", release, package: owner, hook, ...asUser(target) }));
    const foreign = mine.filter(({ name, hook }) => hook.once === "stack" && hook.at !== "after-activate" && done.get(host)?.has(name) !== true && knows(name) !== host);
    const told = foreign.map(({ name, hook, owner }): Step => ({ step: "ran", release, package: owner, hook, host: knows(name)?.name ?? "" }));
    // Those at work after this host's own switch say so themselves when they begin.
    const closing = all.filter((found) => !found.hook.reversible && (found.hook.once === "stack" ? found.hook.at !== "after-activate" || !runsOn(host, found) : found.host === host && found.hook.at !== "after-activate"));
    return { stage: [...steps("stage", "stack"), ...steps("stage", "host")], before: [...told, ...steps("before-activate", "stack"), ...steps("before-activate", "host")], after: steps("after-activate"), irreversible: [...new Set(closing.map(({ name }) => name))].toSorted() };
  };
}

interface Found {
  readonly name: string;
  readonly owner: PackageName;
  readonly hook: Payload["hooks"][number];
}

function hooksOf(payloads: readonly Payload[]): readonly Found[] {
  return payloads.flatMap(({ package: owner, hooks }) => hooks.filter(({ at }) => at !== "remove").map((hook) => ({ name: hookName(owner, hook), owner, hook })));
}

function isChanged(state: HostState, release: Label): boolean {
  return state.current !== release || releaseOf(state, release)?.state === "kept";
}

export function releaseOf({ releases }: HostState, wanted: Label | null): Release | undefined {
  return releases.find(({ label }) => label === wanted);
}

/** The steps of a switch with its hooks in their places: those before it, then units, the switch, the start, the checks, those after it, and the confirmation. */
export function withHooks(steps: readonly Step[], { before, after, irreversible }: HostHooks, compare: boolean): readonly Step[] {
  const inside = steps.flatMap((step): readonly Step[] => {
    if (step.step === "activate") return [{ ...step, ...(compare ? { compare } : {}), ...(irreversible.length === 0 ? {} : { irreversible }) }];
    return step.step === "confirm" ? [...after, step] : [step];
  });
  return [...before, ...inside];
}

/** Whether something may have written into trees, so that they are looked at before a switch: a hook of this deploy, or processes that run as root, whom no mode keeps out. */
export function maySpoilTrees({ user }: Target, { privileges }: HostFacts, hooks: HostHooks): boolean {
  return [...hooks.stage, ...hooks.before].some(({ step }) => step === "hook") || (privileges === "root" && user === undefined);
}

/** The same steps, with the target's user where programs of a package are run or given something. */
export function asTarget<Steps extends readonly Step[]>(target: Target, steps: Steps): Steps {
  return steps.map((step) => (step.step === "stage" || step.step === "check" || step.step === "prune" ? { ...step, ...asUser(target) } : step)) as unknown as Steps;
}

function asUser({ user }: Target): { readonly user?: string } {
  return user === undefined ? {} : { user };
}

/** Values for programs on hosts, as far as a plan may know them. */
export interface WantedEnvironment {
  readonly names: readonly string[];
  /** The HMAC-SHA256 of the values with a host's key, in hex. */
  digestWith(key: string): string;
}

/** What brings the values to a host for its next switch; nothing where they are in force, or nobody says what they are. */
export function environmentSteps(wanted: WantedEnvironment | undefined, { environment: known }: HostState, packages: readonly PackageName[]): readonly Step[] {
  if (wanted === undefined) return [];
  const { names } = wanted;
  const owners = names.length === 0 ? [] : packages.toSorted();
  if (known === undefined) return names.length === 0 ? [] : [{ step: "environment", packages: owners, names }];
  const same = wanted.digestWith(known.key) === known.digest && known.packages.join(" ") === owners.join(" ");
  return same ? [] : [{ step: "environment", packages: owners, names }];
}

/** What is wrong with the directories of a host's root. */
export function checkModes(host: HostAddress, { unfit }: HostState): readonly Problem[] {
  return unfit === undefined ? [] : [{ code: "permission", message: `${host.name}: ${unfit}`, hint: "nothing was written; mend that, then run the same command again" }];
}

/** Why a host cannot run programs as the target's user; systemd can, whoever deploys. Whether there is such a user is seen when the release is staged. */
export function checkUser({ user, service }: Target, { name }: HostAddress, facts: HostFacts): readonly Problem[] {
  if (user === undefined || facts.privileges === "root" || facts.account === user || service.kind === "systemd") return [];
  return [{ code: "permission", message: `only root can run processes as \`${user}\`, and on ${name} you are \`${facts.account ?? "somebody else"}\``, hint: `deploy as root, or as ${user}; or leave out the target's \`user\`` }];
}

/** Why a release may not become current again by itself: what irreversible hooks have changed since then does not fit it. */
export function checkCrossing(hosts: readonly ObservedHost[], to: (host: ObservedHost) => Label | null, stack: Digest | undefined): readonly Problem[] {
  const crossed = hosts.flatMap((host) => {
    const wanted = to(host);
    const release = wanted === host.state.current ? undefined : releaseOf(host.state, wanted);
    return release === undefined || (stack !== undefined && release.stack !== stack) ? [] : (release.across ?? []).map((name) => ({ name, label: release.label }));
  });
  const names = [...new Set(crossed.map(({ name }) => name))];
  const [first] = crossed;
  if (first === undefined) return [];
  return [{ code: "hook-failed", message: `going back to \`${first.label}\` crosses ${names.map((name) => `\`${name}\``).join(", ")}, which cannot be undone`, hint: "see to it that the older release works with what there is now, then add --across-hooks" }];
}
