import { CaissonError, type Artifact, type Digest, type FormatName, type Package, type PackageName, type Platform } from "../model/index.ts";
import { wheelhouseName } from "../formats/index.ts";
import { saveArtifact } from "../store/index.ts";
import { recallAction } from "./action.ts";
import { gather } from "./gather.ts";
import { readInputs, type Inputs } from "./inputs.ts";
import type { MadePayload } from "./make-artifact.ts";
import { settle, type Reliance } from "./reliance.ts";
import type { Session } from "./session.ts";

/** One package on one platform, in the formats that were asked for. */
export interface MadePackage {
  readonly package: PackageName;
  readonly version: string;
  readonly platform: Platform;
  readonly artifacts: readonly { readonly artifact: Artifact; readonly state: "built" | "unchanged" }[];
  readonly uncommitted: boolean;
  /** Wheels in it that would have been refused but for an exception. */
  readonly excused: readonly Digest[];
}

/** Build one package for one platform; what was built before from the same is known by its key, without looking at a single distribution. `beforeWork` is done where something is not. */
export async function buildPackage(session: Session, pkg: Package, platform: Platform, formats: readonly FormatName[], beforeWork?: () => Promise<void>): Promise<MadePackage> {
  const inputs = await readInputs(session, pkg, platform);
  let made: Promise<MadePayload> | undefined;
  const excused = new Set<Digest>();
  const artifacts = await gather(
    formats.map(async (format) => {
      const recalled = await recallArtifact(session, inputs, format);
      const known = recalled === undefined ? undefined : await withName(session, pkg, recalled.artifact);
      if (known !== undefined && (await isSaved(session, known))) {
        for (const wheel of recalled?.excused ?? []) excused.add(wheel);
        return { artifact: known, state: "unchanged" as const };
      }
      await beforeWork?.();
      const { makeArtifact, makePayload } = await import("./make-artifact.ts");
      const artifact = await withName(session, pkg, await makeArtifact(session, inputs, format, await (made ??= makePayload(session, pkg, platform, inputs))));
      await save(session, artifact);
      for (const wheel of (await made).reliance.excused ?? []) excused.add(wheel);
      return { artifact, state: "built" as const };
    }),
  );
  return { package: pkg.name, version: artifacts[0]?.artifact.version ?? "", platform, artifacts, uncommitted: inputs.sources.some(({ uncommitted }) => uncommitted), excused: [...excused] };
}

/** Two steps: the inputs tell what the result depends on besides, and both together what it is. */
async function recallArtifact(session: Session, inputs: Inputs, format: FormatName): Promise<{ readonly artifact: Artifact; readonly excused: readonly Digest[] } | undefined> {
  const action = { ...inputs.action, format };
  const reliance = (await recallAction(session.store, action)) as unknown as Reliance | undefined;
  if (reliance === undefined) return undefined;
  const found = (await recallAction(session.store, { ...action, ...(await settle(session, inputs, reliance)) })) as { readonly artifact: Artifact } | undefined;
  return found === undefined ? undefined : { artifact: found.artifact, excused: reliance.excused ?? [] };
}

/** A wheelhouse is called as its platform's place in the workspace says, which is no part of what it holds. */
async function withName(session: Session, { written }: Package, artifact: Artifact): Promise<Artifact> {
  if (artifact.format !== "wheelhouse") return artifact;
  const { label } = session.workspace.platforms[0] ?? (await session.machine());
  return { ...artifact, fileName: wheelhouseName(written, artifact.version, ...(artifact.platform === label ? [] : [artifact.platform])) };
}

/** A remembered artifact is no use once some of its bytes were swept away. */
async function isSaved(session: Session, artifact: Artifact): Promise<boolean> {
  try {
    await save(session, artifact);
    return true;
  } catch (error) {
    if (error instanceof CaissonError && error.code === "blob-missing") return false;
    throw error;
  }
}

async function save({ ctx, store, onDisk }: Session, artifact: Artifact): Promise<void> {
  const { generation, changed } = await saveArtifact(store, artifact);
  // Files on disk change under one version all the time; a commit's artifact that does is worth a word.
  if (changed && generation > 1 && !onDisk) ctx.report({ type: "notice", message: `\`${artifact.package}\` ${artifact.version} for ${artifact.platform} has other content than before (generation ${generation})` });
}
