import type { Digest } from "./digest.ts";

/** Where a payload will run: OS release, architecture, libc and Python; gives PEP 508 markers and an ordered tag list. */
export interface Platform {
  /** `debian-12`, `centos-7-py38`, `debian-12-arm64`: no dots, so a legal file name, OCI tag and lock file name. */
  readonly label: string;
  /** os-release ID and VERSION_ID. */
  readonly os: { readonly id: string; readonly release: string };
  readonly arch: "x86_64" | "aarch64";
  readonly libc: { readonly family: "glibc" | "musl"; readonly version: string };
  readonly python: { readonly implementation: "cpython"; readonly version: `${number}.${number}`; readonly full?: string };
  /** The 11 PEP 508 environment variables. */
  readonly markers: { readonly [name: string]: string };
  /** Wheel tags, best first, as a pex complete-platform document lists them. */
  readonly tags: readonly string[];
  /** How we know: it ran there, its symbols are proven, or a preset says so. */
  readonly evidence: "ran" | "proven" | "declared";
}

/** Where `bin/python` comes from on the host; decided at build, checked on the host before anything is made. */
export type Interpreter =
  | { readonly from: "host"; readonly version: string; readonly soabi?: string }
  | { readonly from: "tree"; readonly tree: Digest; readonly executable: string };
