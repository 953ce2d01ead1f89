import type { Digest } from "./digest.ts";
import type { Label, PackageName } from "./name.ts";

/** One machine and one root directory on it. `name` is what people read; `address` is what ssh gets, "" for this machine. */
export interface HostAddress {
  readonly name: string;
  readonly via: "ssh" | "local";
  readonly address: string;
  readonly root: string;
}

/** A stack as it stands on a host. */
export interface Release {
  readonly label: Label;
  /** The digest of its stack's document. */
  readonly stack: Digest;
  /** The name of its stack. */
  readonly name: PackageName;
  readonly state: "staged" | "active" | "unconfirmed" | "retired";
}

/** One line of a host's journal: what was done to it, by whom, and how it ended. */
export interface JournalEntry {
  readonly generation: number;
  readonly time: number;
  readonly event: "staged" | "switching" | "activated" | "confirmed" | "undone" | "pruned" | "recovered";
  readonly from: Label | null;
  readonly to: Label | null;
  /** Who asked, `user@machine`. */
  readonly by?: string;
  /** Why, where something was undone or recovered. */
  readonly detail?: string;
}

export interface HostFacts {
  readonly os: { readonly id: string; readonly release: string };
  readonly arch: string;
  readonly libc: { readonly family: "glibc" | "musl"; readonly version: string };
  /** The agent's own interpreter, `3.11.7`. */
  readonly python: string;
  /** CPython minors found on the host's PATH (`3.11`), each with the path its interpreter reports for itself. */
  readonly pythons: { readonly [minor: string]: string };
  readonly freeBytes: number;
  readonly freeInodes: number;
  readonly privileges: "root" | "user";
}

/** What a host is like at one moment. */
export interface HostState {
  readonly host: string;
  /** Number of the last change; 0 for a root that does not exist yet. */
  readonly generation: number;
  readonly current: Label | null;
  readonly previous: Label | null;
  readonly releases: readonly Release[];
  readonly trees: readonly Digest[];
  readonly facts: HostFacts;
  /** What an earlier run left unfinished and this contact settled. */
  readonly recovered?: { readonly from: Label | null; readonly to: Label | null; readonly detail: string };
  /** Newest last; only when asked for. */
  readonly journal?: readonly JournalEntry[];
}

export type HostOutcome = "done" | "unchanged" | "undone" | "not-done" | "unknown";
