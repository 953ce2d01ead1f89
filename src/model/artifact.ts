import type { Descriptor } from "./digest.ts";
import type { PackageName } from "./name.ts";
import type { Revision } from "./package.ts";
import type { Payload } from "./payload.ts";

/** The words of `--format`. The first five are the bundle: one writer, five containers. */
export type FormatName = "tar.gz" | "tar.bz2" | "tar" | "zip" | "dir" | "wheelhouse" | "turret";

/** One immutable thing we made. */
export interface Artifact {
  readonly schema: "caisson.artifact/1";
  readonly package: PackageName;
  readonly version: string;
  /** A platform's label. */
  readonly platform: string;
  readonly format: FormatName;
  readonly fileName: string;
  readonly content: Content;
  /** Further blobs that a deploy of it needs: tree documents and what their files come from. */
  readonly parts: readonly Descriptor[];
  readonly payload: Descriptor;
  readonly revision: Revision;
  /** How it was made, a JSON document: inputs, tools, key. */
  readonly provenance: Descriptor;
}

/** The file's own bytes; of a directory, its tree document. */
export interface Content extends Descriptor {
  /** The tree of what is in the file, for the store keeps that, and makes the bytes of it when they are asked for; absent where it keeps them. */
  readonly files?: Descriptor;
}

/** The artifact of a payload; `made` is what packing it gave. */
export function artifactOf(payload: Payload, made: Pick<Artifact, "format" | "fileName" | "content" | "payload" | "provenance">): Artifact {
  return {
    schema: "caisson.artifact/1",
    package: payload.package,
    version: payload.version,
    platform: payload.platform.label,
    parts: [...payload.trees.map(({ document }) => document), ...payload.blobs, ...additionsOf(payload)],
    revision: payload.revision,
    ...made,
  };
}

/** Every blob that only install.sh does something with. */
function additionsOf({ additions: { lines, files } = {} }: Payload): readonly Descriptor[] {
  return [...(lines === undefined ? [] : [lines]), ...(files === undefined ? [] : [files.tree.document, ...files.blobs])];
}
