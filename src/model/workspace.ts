import type { Digest } from "./digest.ts";
import type { PackageName } from "./name.ts";
import type { Package } from "./package.ts";
import type { Platform } from "./platform.ts";
import type { Target } from "./target.ts";

/** A directory with `caisson.toml`, or with just a pyproject.toml, setup.py or requirements.txt. */
export interface Workspace {
  /** Absolute. */
  readonly directory: string;
  /** The file that says so, relative to `directory`; undefined where nothing of ours is written. */
  readonly file?: string;
  readonly name: PackageName;
  /** Empty: this machine's own. */
  readonly platforms: readonly Platform[];
  /** By a platform's label: `host`, or the name of the interpreter in the store that its releases bring along. Where nothing is said, systems whose own Python is too old bring one that is there. */
  readonly interpreters: { readonly [platform: string]: string };
  /** What compiles C and C++, by a platform's label; `usual` for those that say nothing, and `host` where nobody does. */
  readonly compilers?: { readonly usual: Compiler; readonly of: { readonly [platform: string]: Compiler } };
  readonly packages: readonly Package[];
  readonly targets: readonly Target[];
  readonly index: IndexSettings;
  /** Wheels that may break a rule; none where absent. */
  readonly exceptions?: readonly WheelException[];
}

/** One file that may break one rule, because somebody looked at it. Another file of the same name may not. */
export interface WheelException {
  readonly wheel: Digest;
  /** `W8` */
  readonly rule: string;
  readonly reason: string;
}

/** The compilers of the machine that builds, for its own system alone; or zig, for any glibc. */
export type Compiler = "host" | "zig";

/** Where distributions come from, beyond uv's and pip's own settings. */
export interface IndexSettings {
  readonly url?: string;
  /** Directories of wheels and sdists, absolute. */
  readonly findLinks: readonly string[];
}
