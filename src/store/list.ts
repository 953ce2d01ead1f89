import { lstat } from "node:fs/promises";
import { compareBytewise, parseDigest, type Artifact, type Digest, type InterpreterTree, type Json } from "../model/index.ts";
import { errorCode, mapConcurrently } from "../system/index.ts";
import { listArtifacts } from "./artifacts.ts";
import { blobPath, listBlobs } from "./layout.ts";
import { peekRef } from "./refs.ts";
import type { Store } from "./store.ts";

/** What lies in a store under a name that people know. Sizes in bytes. */
export interface StoreListing {
  readonly artifacts: readonly Artifact[];
  readonly interpreters: readonly InterpreterTree[];
  /** Wheels and sdists, whoever built them, by file name. */
  readonly wheels: readonly StoredFile[];
  /** All that is there, whatever it is. */
  readonly blobs: number;
  readonly size: number;
}

export interface StoredFile {
  readonly fileName: string;
  readonly digest: Digest;
  readonly size: number;
}

/** List what a store has. Nothing is checked, and nothing counts as used by it. */
export async function listStore(store: Store): Promise<StoreListing> {
  const sizes = new Map(await mapConcurrently(await listBlobs(store.directory), 16, async (blob) => [blob, await sizeOf(store.directory, blob)] as const));
  const interpreters: InterpreterTree[] = [];
  for await (const name of store.listRefs("interpreters")) {
    const ref = await store.readRef("interpreters", name);
    if (ref !== undefined) interpreters.push(ref.value as unknown as InterpreterTree);
  }
  const wheels = [...(await namedFiles(store))].flatMap(([digest, fileName]) => (sizes.has(digest) ? [{ fileName, digest, size: sizes.get(digest) ?? 0 }] : []));
  return {
    artifacts: (await listArtifacts(store)).toSorted((a, b) => compareBytewise(a.fileName, b.fileName)),
    interpreters,
    wheels: wheels.toSorted((a, b) => compareBytewise(a.fileName, b.fileName)),
    blobs: sizes.size,
    size: [...sizes.values()].reduce((sum, size) => sum + size, 0),
  };
}

/** What wheels in the store are called, by their digest: caches say it. Who looks through them uses none of them. */
export async function namedFiles(store: Store): Promise<ReadonlyMap<Digest, string>> {
  const names = new Map<Digest, string>();
  for await (const name of store.listRefs("distributions")) {
    const digest = parseDigest(`sha256:${name.split("@")[0] ?? ""}`);
    const { fileName } = ((await peekCache(store, "distributions", name)) ?? {}) as { readonly fileName?: string };
    if (digest !== undefined && fileName !== undefined) names.set(digest, fileName);
  }
  return names;
}

/** The bytes of artifacts by what people call them. */
export function namedContents(artifacts: readonly Artifact[]): ReadonlyMap<Digest, string> {
  return new Map(artifacts.map(({ content, fileName }): [Digest, string] => [content.digest, fileName]));
}

/** A page of a cache, for who only looks through: it does not count as used. */
export async function peekCache(store: Store, kind: "actions" | "distributions", name: string): Promise<Json | undefined> {
  return (await peekRef(store.directory, kind, name))?.value;
}

async function sizeOf(store: string, blob: Digest): Promise<number> {
  try {
    return (await lstat(blobPath(store, blob))).size;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return 0;
    throw error;
  }
}
