import type { Problem } from "./error.ts";
import type { Step } from "./plan.ts";
import type { HostOutcome } from "./release.ts";
import type { Policy } from "./target.ts";

/** What is asked of a host: a step of its plan, or what goes before: `connect`, `hold` (its lock). */
export type HostStep = Step["step"] | "connect" | "hold";

/**
 * What the library reports while it works; the command line prints it, `--json` writes one per line. `what` is a phrase in the field's words: "lock debian-12".
 * `rollout` comes first where hosts are changed; then a `phase` for each part of it, a `step` where one begins that may take its time, and where one ends, and a `host` when all is said of one.
 * `skew`: seconds that the host's clock is ahead of ours. `bytes`: of the blob that is sent.
 */
export type Event =
  | { readonly type: "started" | "finished"; readonly what: string; readonly host?: string }
  | { readonly type: "progress"; readonly what: string; readonly done: number; readonly total?: number; readonly unit?: "bytes"; readonly host?: string }
  | { readonly type: "output"; readonly what: string; readonly line: string; readonly host?: string }
  | { readonly type: "rollout"; readonly action: string; readonly ref?: string; readonly target: string; readonly hosts: readonly string[]; readonly policy: Policy }
  | { readonly type: "phase"; readonly phase: "hold" | "stage" | "canary" | "switch"; readonly hosts: readonly string[] }
  | { readonly type: "step"; readonly host: string; readonly step: HostStep; readonly result: "begun" | "done" | "unchanged" | "refused" | "lost"; readonly generation?: number; readonly bytes?: number; readonly skew?: number; readonly problem?: Problem }
  | { readonly type: "host"; readonly host: string; readonly outcome: HostOutcome; readonly problem?: Problem }
  | { readonly type: "notice"; readonly message: string; readonly host?: string }
  | { readonly type: "warning"; readonly problem: Problem; readonly host?: string };
