import type { Descriptor, Digest } from "./digest.ts";
import type { Label, PackageName, StackRef } from "./name.ts";
import type { Health, Hook } from "./package.ts";
import type { NeededException } from "./payload.ts";
import type { HostAddress } from "./release.ts";
import type { Policy, Service } from "./target.ts";
import type { Source } from "./tree.ts";
import type { Units } from "./unit.ts";

/**
 * Exactly the agent's requests; there is no other way to change a host.
 * `receive`: the blob's bytes follow the frame; `source` is where we have them, where they are no blob of the store. `tree`: made from the tree's document and its blobs, all received before, and from what trees that it is `like` have of it on the host; `python` is the minor whose bytecode it gets, by default the agent's own; none with `bytecode: false`. `stage`: the release's directory, from payload documents received before. `again`, of both: though it is there, where it is damaged.
 * `environment`: the values of these names, for these packages, follow as bytes; they take effect with the next switch, and are never part of a plan. `hook`: one program of the release, run to its end. `ran`: one that another `host` has run for all, so that this one's journal says so too.
 * `units`: what systemd is to know of the release, kept and checked, and put in place by `restart`; where absent, as the release had it before. `restart`: done when the processes have started, after `deadline` at most; `check` looks at the processes of `service` too.
 * `activate`: `current` goes from `saw` to `release`, and back by itself when nobody confirms; not back where it names `irreversible` hooks that have run. `compare`: the release's trees must be as they were made. `undo`: `detail` says why, for the journal.
 * `prune`: `hooks` are run for those of the releases that are removed. `user` is who runs programs; the agent's own user where absent. Times in seconds.
 */
export type Step =
  | { readonly step: "receive"; readonly blob: Descriptor; readonly source?: Source; readonly packed?: Packed }
  | { readonly step: "tree"; readonly id: Digest; readonly document: Descriptor; readonly python?: string; readonly like?: readonly Digest[]; readonly bytecode?: false; readonly again?: true }
  | { readonly step: "stage"; readonly release: Label; readonly stack: { readonly name: PackageName; readonly digest: Digest }; readonly payloads: readonly Descriptor[]; readonly user?: string; readonly again?: true }
  | { readonly step: "environment"; readonly packages: readonly PackageName[]; readonly names: readonly string[] }
  | ({ readonly step: "hook"; readonly user?: string } & HookOf)
  | ({ readonly step: "ran"; readonly host: string } & HookOf)
  | { readonly step: "activate"; readonly release: Label; readonly saw: Label | null; readonly undoAfter: number; readonly service: Service; readonly irreversible?: readonly string[]; readonly compare?: true }
  | { readonly step: "units"; readonly release: Label; readonly service: Service; readonly units?: Units }
  | { readonly step: "restart"; readonly release: Label; readonly service: Service; readonly deadline?: number }
  | { readonly step: "check"; readonly release: Label; readonly package: PackageName; readonly health: Health; readonly minHealthy: number; readonly deadline: number; readonly service?: Service; readonly user?: string }
  | { readonly step: "confirm"; readonly release: Label }
  | { readonly step: "undo"; readonly release: Label; readonly detail?: string }
  | { readonly step: "prune"; readonly keep: number; readonly hooks?: readonly HookOf[]; readonly user?: string };

/** How bytes travel that do not go as they are: deflated, and then `size` of them. With `base` as their difference to a file of the host, by its path in the root; `source` is where we have the same bytes. */
export interface Packed {
  readonly size: number;
  readonly base?: { readonly path: string; readonly source: Source };
}

/** A hook, and the release and package that it is of. */
export interface HookOf {
  readonly release: Label;
  readonly package: PackageName;
  readonly hook: Hook;
}

/** What will be done to one host, in order. */
export interface HostPlan {
  readonly host: HostAddress;
  readonly saw: { readonly generation: number; readonly current: Label | null };
  readonly from: Label | null;
  readonly to: Label | null;
  readonly steps: readonly Step[];
  /** Where the new release is undone: how the one before it is looked at, so that its health can be told. */
  readonly back?: readonly Step[];
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
  readonly action: "deploy" | "rollback" | "prune" | "repair";
  /** The stack's document; not for prune and repair. */
  readonly stack?: Digest;
  readonly ref?: StackRef;
  readonly target: string;
  /** Files whose values the `environment` steps send, absolute; read again when the plan is carried out. */
  readonly environment?: readonly string[];
  readonly policy: Policy;
  readonly hosts: readonly HostPlan[];
  /** Those of the release's wheels, where a host changes. */
  readonly exceptions?: readonly NeededException[];
}
