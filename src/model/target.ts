import type { PackageName } from "./name.ts";
import type { HostAddress } from "./release.ts";

/** How a rollout over several hosts proceeds. Times in seconds. */
export interface Policy {
  readonly canary: number;
  readonly maxParallel: number;
  readonly maxFailed: number;
  /** A release must answer well for so long before it is confirmed. */
  readonly minHealthy: number;
  /** A release that does not answer well after so long is undone. */
  readonly healthyDeadline: number;
}

/** What starts processes: nothing; the owner's own commands, run by /bin/sh on the host with CAISSON_RELEASE and CAISSON_STATE; systemd, or (`user`) that of whoever deploys. */
export type Service =
  | { readonly kind: "none" }
  | { readonly kind: "command"; readonly restart: string; readonly stop?: string }
  | { readonly kind: "systemd"; readonly scope: "system" | "user" };

/** A named group of hosts. */
export interface Target {
  readonly name: string;
  /** A platform's label; undefined takes the stack's only one. */
  readonly platform?: string;
  readonly hosts: readonly HostAddress[];
  readonly roles: { readonly [role: string]: { readonly hosts: readonly string[]; readonly packages: readonly PackageName[] } };
  readonly service: Service;
  /** Who runs processes and hooks; whoever deploys, where absent. */
  readonly user?: string;
  /** Files with values for the environment of processes and hooks, absolute; later ones win. */
  readonly environment?: readonly string[];
  readonly policy: Policy;
  /** Releases that prune keeps besides the current and the previous one. */
  readonly keep: number;
}
