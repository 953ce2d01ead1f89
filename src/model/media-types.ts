/** The kinds of blobs we make or fetch. */
export type MediaTypeName = "tree" | "distribution" | "payload" | "artifact" | "provenance" | "stack" | "plan" | "wheel" | "sdist" | "bytes" | "tarGz" | "tarBz2" | "tar" | "zip";

/** What the bytes of our blobs are, each kind by one name. */
export const mediaTypes: Readonly<Record<MediaTypeName, string>> = {
  tree: "application/vnd.caisson.tree.v1+json",
  distribution: "application/vnd.caisson.distribution.v1+json",
  payload: "application/vnd.caisson.payload.v1+json",
  artifact: "application/vnd.caisson.artifact.v1+json",
  provenance: "application/vnd.caisson.provenance.v1+json",
  stack: "application/vnd.caisson.stack.v1+json",
  plan: "application/vnd.caisson.plan.v1+json",
  wheel: "application/vnd.pypa.wheel+zip",
  sdist: "application/vnd.pypa.sdist+gzip",
  bytes: "application/octet-stream",
  tarGz: "application/gzip",
  tarBz2: "application/x-bzip2",
  tar: "application/x-tar",
  zip: "application/zip",
};
