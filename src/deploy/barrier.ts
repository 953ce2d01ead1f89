import type { Step } from "../model/index.ts";

/** A host's steps, parted where all hosts wait for each other: what changes nothing that runs, and what may. */
export interface Parted {
  readonly staging: readonly Step[];
  readonly switching: readonly Step[];
}

/** Kinds of steps that change nothing that runs; hooks say themselves when they are due. */
const STAGING: ReadonlySet<string> = new Set(["receive", "tree", "stage", "environment", "prune"]);

export function partAtBarrier(steps: readonly Step[]): Parted {
  const found = steps.findIndex((step) => !STAGING.has(step.step) && !("at" in step && step.at === "stage"));
  const at = found < 0 ? steps.length : found;
  return { staging: steps.slice(0, at), switching: steps.slice(at) };
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
