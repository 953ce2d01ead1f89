import type { Descriptor, Digest } from "./digest.ts";
import type { Label, PackageName, StackRef } from "./name.ts";
import type { Health } from "./package.ts";
import type { HostAddress } from "./release.ts";
import type { Policy, Service } from "./target.ts";

/**
 * Exactly the agent's requests; there is no other way to change a host.
 * `receive`: the blob's bytes follow the frame. `tree`: made from the tree's document and its blobs, all received before; `python` is the minor whose bytecode it gets, by default the agent's own. `stage`: the release's directory, from payload documents received before.
 * `activate`: `current` goes from `saw` to `release`, and back by itself when nobody confirms. `undo`: `detail` says why, for the journal. Times in seconds.
 */
export type Step =
  | { readonly step: "receive"; readonly blob: Descriptor }
  | { readonly step: "tree"; readonly id: Digest; readonly document: Descriptor; readonly python?: string }
  | { readonly step: "stage"; readonly release: Label; readonly stack: { readonly name: PackageName; readonly digest: Digest }; readonly payloads: readonly Descriptor[] }
  | { readonly step: "activate"; readonly release: Label; readonly saw: Label | null; readonly undoAfter: number; readonly service: Service }
  | { readonly step: "restart"; readonly release: Label; readonly service: Service }
  | { readonly step: "check"; readonly release: Label; readonly package: PackageName; readonly health: Health; readonly minHealthy: number; readonly deadline: number }
  | { readonly step: "confirm"; readonly release: Label }
  | { readonly step: "undo"; readonly release: Label; readonly detail?: string }
  | { readonly step: "prune"; readonly keep: number };

/** What will be done to one host, in order. */
export interface HostPlan {
  readonly host: HostAddress;
  readonly saw: { readonly generation: number; readonly current: Label | null };
  readonly from: Label | null;
  readonly to: Label | null;
  readonly steps: readonly Step[];
  readonly sendBytes: number;
  /** Bytes of the release that the host has already. */
  readonly keptBytes: number;
  /** Names of processes that will be started anew. */
  readonly restarts: readonly string[];
  readonly hooks: number;
  /** What prune removes. */
  readonly removes: readonly Label[];
}

export interface Plan {
  readonly schema: "caisson.plan/1";
  readonly action: "deploy" | "rollback" | "prune";
  /** The stack's document; not for prune. */
  readonly stack?: Digest;
  readonly ref?: StackRef;
  readonly target: string;
  readonly policy: Policy;
  readonly hosts: readonly HostPlan[];
}
