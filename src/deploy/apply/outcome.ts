import type { HostOutcome, Label, PackageName, Problem, Release } from "../../model/index.ts";
import type { RunningProcess } from "../../transport/index.ts";

/** What became of one host, checked there or said to be unknown. */
export interface HostResult {
  readonly host: string;
  readonly outcome: HostOutcome;
  /** The stack's name; undefined where nothing was ever deployed. */
  readonly name: PackageName | undefined;
  /** What was to become current. */
  readonly to: Label | null;
  /** What was current before. */
  readonly from: Label | null;
  /** What is current now; undefined where nobody can tell. */
  readonly now: Label | null | undefined;
  /** Of a host that went back: how the release before it is now, where anybody can tell. */
  readonly health?: "healthy" | "unhealthy";
  /** Releases that prune removed. */
  readonly removed?: readonly Label[];
  readonly problem?: Problem;
}

/** How the work on one host ended. */
export type Ending = Pick<HostResult, "outcome" | "now" | "health" | "removed" | "problem">;

/** The host is not as it was wanted. */
export function isFailed({ outcome }: Pick<HostResult, "outcome">): boolean {
  return outcome !== "done" && outcome !== "unchanged";
}

/** One host as it is now. */
export interface HostStatus {
  readonly host: string;
  /** What is current; undefined where nothing is, or where nobody can tell. */
  readonly current?: Release;
  readonly previous: Label | null;
  /** `unchecked`: no package says how health is told, this store does not know the release, or nothing of ours starts it. */
  readonly health: "healthy" | "unhealthy" | "unchecked";
  /** What the last switch was to, whatever became of it; undefined where the journal does not say. */
  readonly wanted?: Label;
  /** What runs there at this moment. */
  readonly running?: readonly RunningProcess[];
  /** What runs, or is to start, otherwise than the current release wants it, in phrases; absent where nothing does. */
  readonly drift?: readonly string[];
  /** The last switch was undone, and why. */
  readonly undid?: { readonly label: Label; readonly detail: string };
  /** Out of reach. */
  readonly problem?: Problem;
}

/** The exit status of work on several hosts: 5 when one is unknown, else 4 when one is partly done, or some are done and some not, else 3 when one went back, else 1 when one is not done, else 0. */
export function exitStatus(outcomes: readonly HostOutcome[]): 0 | 1 | 3 | 4 | 5 {
  const has = (...wanted: readonly HostOutcome[]): boolean => outcomes.some((outcome) => wanted.includes(outcome));
  if (has("unknown")) return 5;
  if (has("partly-done") || (has("done", "unchanged") && has("undone", "not-done"))) return 4;
  if (has("undone")) return 3;
  return has("not-done") ? 1 : 0;
}

/** 5 when a host is out of reach, 4 when hosts differ, or one from what is current on it, 1 when all are ill alike, else 0. */
export function statusExit(hosts: readonly HostStatus[]): 0 | 1 | 4 | 5 {
  if (hosts.some(({ problem }) => problem !== undefined)) return 5;
  const states = new Set(hosts.map(({ current, health }) => `${current?.stack ?? ""} ${health}`));
  if (states.size > 1 || hosts.some(({ drift }) => drift !== undefined)) return 4;
  return hosts.some(({ health }) => health === "unhealthy") ? 1 : 0;
}
