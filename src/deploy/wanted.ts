import { lstat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { artifactOf, CaissonError, fail, mediaTypes, parseLabel, printStackRef, type Artifact, type Digest, type ErrorCode, type FormatName, type MediaTypeName, type Stack, type StackRef } from "../model/index.ts";
import { artifactFileName, containers, packBundle, unpackBundle } from "../formats/index.ts";
import { addToStack, createStack, freezeStack, hasStack, readStack, stackDigest } from "../stack/index.ts";
import { listArtifacts, saveArtifact, type Store } from "../store/index.ts";
import { hashFile, type Context } from "../system/index.ts";

/** The stack that is to be deployed, and what the store knows of it. */
export interface Wanted {
  readonly stack: Stack;
  readonly digest: Digest;
  readonly state: "frozen" | "open" | "unsaved";
}

/** @throws CaissonError `ref-unknown` */
export async function wantedStack(store: Store, ref: StackRef): Promise<Wanted> {
  const { stack, state } = await readStack(store, ref);
  return { stack, digest: stackDigest(stack), state: state.state };
}

/**
 * A bundle as a stack of one, named after its package and labelled with its version.
 * @throws CaissonError `bundle-invalid` · `stack-frozen` where that stack is frozen with other content
 */
export async function wantedBundle(ctx: Context, store: Store, path: string): Promise<Wanted> {
  const artifact = await takeBundle(ctx, store, path);
  const ref = { name: artifact.package, label: parseLabel(artifact.version) };
  const made: Stack = { schema: "caisson.stack/1", ...ref, members: [{ package: artifact.package, version: artifact.version, artifacts: [artifact] }] };
  const known = (await hasStack(store, ref)) ? await readStack(store, ref) : undefined;
  if (known === undefined) return { stack: made, digest: stackDigest(made), state: "unsaved" };
  const same = known.stack.members.length === 1 && known.stack.members.some((member) => member.artifacts.some(({ payload, platform }) => payload.digest === artifact.payload.digest && platform === artifact.platform));
  if (same) return { stack: known.stack, digest: stackDigest(known.stack), state: known.state.state };
  if (known.state.state === "frozen") fail({ code: "stack-frozen", message: `\`${printStackRef(ref)}\` was deployed or frozen with other content than \`${path}\``, hint: "raise the version, or `caisson up`" });
  return { stack: made, digest: stackDigest(made), state: "unsaved" };
}

/** Make the wanted stack one that never changes again. Says whether that was news. */
export async function freezeWanted(store: Store, { stack, digest, state }: Wanted): Promise<boolean> {
  if (state === "frozen") return false;
  if (state === "unsaved") {
    const artifacts = stack.members.flatMap((member) => member.artifacts);
    for (const artifact of artifacts) await saveArtifact(store, artifact);
    await saveStack(store, stack, artifacts);
  }
  if ((await freezeStack(store, stack)) !== digest) fail({ code: "ref-moved", message: `\`${printStackRef(stack)}\` was changed meanwhile`, hint: "run the same command again" });
  return true;
}

/** A stack of these artifacts. It may be there already, whole or begun by somebody who ended early, and others may make the same one at the same time. */
export async function saveStack(store: Store, ref: StackRef, artifacts: readonly Artifact[]): Promise<void> {
  await createStack(store, ref).catch(unless("ref-exists"));
  await addToStack(store, ref, artifacts).catch(unless("stack-frozen"));
}

/** Where others may be at the same, what they did is no failure of ours. */
export function unless(...codes: readonly ErrorCode[]): (error: unknown) => void {
  return (error) => {
    if (!(error instanceof CaissonError) || !codes.includes(error.code)) throw error;
  };
}

/** The artifact that a bundle is: known by its bytes, or taken into the store. */
async function takeBundle(ctx: Context, store: Store, path: string): Promise<Artifact> {
  const absolute = resolve(ctx.cwd, path);
  const stat = await lstat(absolute).catch(() => fail({ code: "usage", message: `there is no bundle \`${path}\``, hint: "caisson build makes one in `dist`" }));
  const file = stat.isDirectory() ? undefined : await hashFile(absolute);
  const known = file === undefined ? undefined : (await listArtifacts(store)).find(({ content }) => content.digest === file.digest);
  if (known !== undefined && (await store.has(known.payload.digest))) return known;
  const { payload, descriptor } = await unpackBundle(ctx, absolute, store);
  // A directory has no bytes of its own, so that the tar of the same content stands for it.
  const format = containers.find(({ suffix }) => suffix !== "" && path.endsWith(suffix))?.name ?? "tar";
  const content = file === undefined ? await store.write(packBundle(ctx, payload, "tar", store, { brief: true }), {}, mediaTypes.tar) : await store.adopt(absolute, file, mediaTypes[MEDIA[format]]);
  return artifactOf(payload, {
    format,
    fileName: file === undefined ? artifactFileName(payload, format) : basename(absolute),
    content,
    payload: descriptor,
    provenance: await store.writeJson({ schema: "caisson.provenance/1", unpacked: basename(absolute) }, mediaTypes.provenance),
  });
}

const MEDIA: Readonly<Record<FormatName, MediaTypeName>> = { "tar.gz": "tarGz", "tar.bz2": "tarBz2", tar: "tar", zip: "zip", dir: "tree", wheelhouse: "tree", turret: "tar" };
