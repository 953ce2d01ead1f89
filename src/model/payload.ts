import type { Descriptor, Digest } from "./digest.ts";
import type { PackageName } from "./name.ts";
import type { Health, Hook, PackageKind, Process, Revision, Start } from "./package.ts";
import type { Interpreter, Platform } from "./platform.ts";
import type { TreeRef } from "./tree.ts";

/**
 * One path of a release, relative to `<release>/<package>/`.
 * `directory`: a real directory. `symlink`: a relative symlink to `trees/<tree>/<to>`. `hardlink`: the file there (a directory: every file below it) linked or copied, so that its real path lies in the release. `copy`: a file of the release's own, that may be written to.
 * `render`: written on the host, the only thing that depends on the destination.
 */
export type Link =
  | { readonly how: "directory"; readonly path: string }
  | { readonly how: "symlink" | "hardlink" | "copy"; readonly path: string; readonly tree: Digest; readonly to: string }
  | { readonly how: "render"; readonly path: string; readonly template: "pyvenv.cfg"; readonly mode: 0o644 };

/** What a package's build scripts left for install.sh, which alone does something with it. */
export interface Additions {
  /** Lines of sh that are run when the environment stands. */
  readonly lines?: Descriptor;
  /** What they find in DATA_DIR: a tree whose paths begin with `root/`, and the blobs that its files are, each once, sorted by digest. */
  readonly files?: { readonly tree: TreeRef; readonly blobs: readonly Descriptor[] };
}

/** A rule that a wheel breaks, and why somebody let it. */
export interface NeededException {
  readonly wheel: Digest;
  readonly fileName: string;
  readonly rule: string;
  readonly reason: string;
}

/** The waist of the hourglass: one package on one platform, ready. Everything before makes one, every format and host reads one. */
export interface Payload {
  readonly schema: "caisson.payload/1";
  readonly package: PackageName;
  /** The name as its author wrote it. */
  readonly written: string;
  readonly kind: PackageKind;
  readonly version: string;
  /** As a host has to know it: what chooses among distributions has done so. */
  readonly platform: Omit<Platform, "markers" | "tags">;
  readonly revision: Revision;
  /** Rarest change first: upload order and image layers follow it. */
  readonly trees: readonly TreeRef[];
  /** Sorted bytewise by path; a directory stands before what lies in it. */
  readonly links: readonly Link[];
  /** Kind python only. */
  readonly interpreter?: Interpreter;
  /** Which wheel each tree came from. */
  readonly distributions: readonly { readonly name: PackageName; readonly version: string; readonly tree: Digest; readonly fileName: string; readonly wheel: Descriptor }[];
  /** Those of its wheels. */
  readonly exceptions?: readonly NeededException[];
  /** The blobs that the trees' files come from, each once: wheels, and the files of a `files` package. Sorted by digest. */
  readonly blobs: readonly Descriptor[];
  readonly processes: readonly Process[];
  readonly start: readonly Start[];
  readonly hooks: readonly Hook[];
  readonly health?: Health;
  readonly additions?: Additions;
}
