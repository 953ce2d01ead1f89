import type { Artifact } from "./artifact.ts";
import type { Digest } from "./digest.ts";
import type { Label, PackageName } from "./name.ts";

/** One package of a stack: one version, on many platforms and in many formats. */
export interface StackMember {
  readonly package: PackageName;
  readonly version: string;
  readonly artifacts: readonly Artifact[];
}

/** A versioned set of artifacts that travel together. Its identity is the digest of this document's canonical JSON. Members are sorted by package. */
export interface Stack {
  readonly schema: "caisson.stack/1";
  readonly name: PackageName;
  readonly label: Label;
  readonly from?: Digest;
  readonly members: readonly StackMember[];
}

export type StackState = { readonly state: "open"; readonly generation: number } | { readonly state: "frozen"; readonly digest: Digest };
