import type { Digest } from "./digest.ts";
import type { Label, PackageName } from "./name.ts";
import type { Hook } from "./package.ts";

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
  /** `kept`: current without having been confirmed, because a hook closed the way back. */
  readonly state: "staged" | "active" | "unconfirmed" | "kept" | "retired";
  /** Names of hooks that have run for it and need not run again. */
  readonly ran?: readonly string[];
  /** Names of irreversible hooks that have run for other releases since it was current: going back to it is going back across them. */
  readonly across?: readonly string[];
  /** Hooks that are run before it is removed. */
  readonly removal?: readonly { readonly package: PackageName; readonly hook: Hook }[];
}

/** One line of a host's journal: what was done to it, by whom, and how it ended. */
export interface JournalEntry {
  readonly generation: number;
  readonly time: number;
  readonly event: "staged" | "switching" | "activated" | "confirmed" | "undone" | "kept" | "hook" | "pruned" | "recovered" | "repaired";
  readonly from: Label | null;
  readonly to: Label | null;
  /** Who asked, `user@machine`. */
  readonly by?: string;
  /** Why, where something was undone, kept or recovered; what was pruned or repaired. */
  readonly detail?: string;
  /** The hook's name. */
  readonly hook?: string;
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
  /** The agent's own user. */
  readonly account?: string;
}

/** What a host is like at one moment. */
export interface HostState {
  readonly host: string;
  /** Number of the last change; 0 for a root that does not exist yet. */
  readonly generation: number;
  readonly current: Label | null;
  readonly previous: Label | null;
  readonly releases: readonly Release[];
  /** SHA-256 over the hex digits of all trees, sorted, a newline behind each: whoever knows the releases can tell whether those are theirs. */
  readonly treesDigest: Digest;
  /** Only when asked for, or known by their digest. */
  readonly trees?: readonly Digest[];
  /** Trees from which nothing can be taken; comes with `trees`. */
  readonly damaged?: readonly Digest[];
  readonly facts: HostFacts;
  /** The digest of what systemd was told of the current release; undefined where it was told nothing. */
  readonly units?: Digest;
  /** The values that are in force: the HMAC-SHA256 of their bytes with a key of this host's, both in hex, and whose they are. */
  readonly environment?: { readonly key: string; readonly digest: string; readonly packages: readonly PackageName[] };
  /** Why nothing can be deployed there: what is wrong with the root's directories, in a sentence with the cure. */
  readonly unfit?: string;
  /** What an earlier run left unfinished and this contact settled. */
  readonly recovered?: { readonly from: Label | null; readonly to: Label | null; readonly detail: string };
  /** Who is changing it at this moment, since when and for what, in a sentence. */
  readonly busy?: string;
  /** Its clock, in seconds since 1970. Reported, and never used for ordering. */
  readonly clock?: number;
  /** Newest last; only when asked for. */
  readonly journal?: readonly JournalEntry[];
}

/** `partly-done`: switched, not well, and not taken back, because an irreversible hook has run. */
export type HostOutcome = "done" | "unchanged" | "undone" | "partly-done" | "not-done" | "unknown";
