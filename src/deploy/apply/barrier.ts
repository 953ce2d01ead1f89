import type { Step } from "../../model/index.ts";

/** A host's steps, parted where all hosts wait for each other: what changes nothing that runs, and what may. */
export interface Parted {
  readonly staging: readonly Step[];
  /** Hooks that run once for all hosts, and word of those that another host has run: behind the staging of all, and before any is switched. */
  readonly shared: readonly Step[];
  readonly switching: readonly Step[];
}

/** Kinds of steps that change nothing that runs; hooks say themselves when they are due. */
const STAGING: ReadonlySet<string> = new Set(["receive", "tree", "stage", "environment", "prune"]);

/** In a plan's order: what stages, with hooks at `stage`; hooks before the switch that are all hosts' affair; each host's own hooks before it, and the switch. */
export function partAtBarrier(steps: readonly Step[]): Parted {
  const staged = lengthOf(steps, (step) => STAGING.has(step.step) || (step.step === "hook" && step.hook.at === "stage"));
  const shared = staged + lengthOf(steps.slice(staged), isShared);
  return { staging: steps.slice(0, staged), shared: steps.slice(staged, shared), switching: steps.slice(shared) };
}

function isShared(step: Step): boolean {
  return step.step === "ran" || (step.step === "hook" && step.hook.at === "before-activate" && step.hook.once === "stack");
}

/** Whether all hosts depend on what this one does: it runs hooks in the name of all. */
export function runsForAll(steps: readonly Step[]): boolean {
  return steps.some((step) => step.step === "hook" && step.hook.once === "stack" && step.hook.at !== "after-activate");
}

function lengthOf(steps: readonly Step[], belongs: (step: Step) => boolean): number {
  const found = steps.findIndex((step) => !belongs(step));
  return found < 0 ? steps.length : found;
}

/** How far the staging of several hosts has come; times in seconds. */
export interface Staging {
  readonly staged: number;
  /** Failed for good, and those out of reach. */
  readonly failed: number;
  readonly underWay: number;
  readonly waiting: number;
  /** How long those under way have taken at least. */
  readonly elapsed: number;
  /** How long the slowest of those that are staged took. */
  readonly slowest: number;
}

/** Nobody is called slow before so many seconds. */
const PATIENCE = 10;

/** Slow is who takes so many times as long as the slowest of the others. */
const SLOW = 3;

/**
 * Whether those that are staged go ahead of those that are not yet: only where the policy could lose the slow ones as well.
 * They are not given up: they switch when they are staged, after the others.
 */
export function mayGoAhead({ staged, failed, underWay, waiting, elapsed, slowest }: Staging, maxFailed: number): boolean {
  return staged > 0 && waiting === 0 && failed + underWay <= maxFailed && elapsed > Math.max(PATIENCE, SLOW * slowest);
}
