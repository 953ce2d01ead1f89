import { CaissonError, type Artifact, type FormatName, type Json, type Package, type PackageName, type Payload, type Platform, type Problem } from "../model/index.ts";
import { ruleSetVersion } from "../python/index.ts";
import { saveArtifact } from "../store/index.ts";
import { recallAction, rememberAction, type Action } from "./action.ts";
import { packArtifact } from "./artifact.ts";
import { lockRequest, readContent } from "./content.ts";
import { gather } from "./gather.ts";
import { lastChange } from "./last-change.ts";
import { lockKey } from "./lock.ts";
import { siblingsOf } from "./order.ts";
import { assemblePayload } from "./payload.ts";
import type { Session } from "./session.ts";
import type { Source } from "./source.ts";

/** One package on one platform, in the formats that were asked for. */
export interface MadePackage {
  readonly package: PackageName;
  readonly version: string;
  readonly platform: Platform;
  readonly artifacts: readonly { readonly artifact: Artifact; readonly state: "built" | "unchanged" }[];
  readonly uncommitted: boolean;
}

/** Build one package for one platform; what was built before from the same is known by its key, without looking at a single distribution. */
export async function buildPackage(session: Session, pkg: Package, platform: Platform, formats: readonly FormatName[]): Promise<MadePackage> {
  const members = [pkg, ...siblingsOf(pkg, session.workspace.packages)];
  const sources = members.map((member) => session.source(member));
  const inputs: Inputs = { members, sources, ...(await readInputs(session, pkg, platform, members, sources)) };
  let made: Promise<MadePayload> | undefined;
  const artifacts = await gather(
    formats.map(async (format) => {
      const known = await recallArtifact(session, inputs, format);
      if (known !== undefined && (await isSaved(session, known))) return { artifact: known, state: "unchanged" as const };
      const artifact = await makeArtifact(session, inputs, format, await (made ??= makePayload(session, pkg, platform, inputs)));
      await save(session, artifact);
      return { artifact, state: "built" as const };
    }),
  );
  return { package: pkg.name, version: artifacts[0]?.artifact.version ?? "", platform, artifacts, uncommitted: sources.some(({ uncommitted }) => uncommitted) };
}

type ArtifactAction = Extract<Action, { kind: "artifact" }>;

interface Inputs {
  /** The package itself, then its siblings. */
  readonly members: readonly Package[];
  readonly sources: readonly Source[];
  readonly action: Omit<ArtifactAction, "format">;
  /** What a version may be made of besides files. */
  readonly commits: () => Promise<Json>;
}

/** All that decides the bytes of an artifact, from git and caisson.toml alone: no uv, no Python, no distribution. */
async function readInputs(session: Session, pkg: Package, platform: Platform, members: readonly Package[], sources: readonly Source[]): Promise<Pick<Inputs, "action" | "commits">> {
  const { name: _, source: __, needs: ___, ...settings } = pkg;
  return {
    action: {
      schema: "caisson.action/1",
      kind: "artifact",
      package: settings as unknown as Json,
      platform: platform as unknown as Json,
      trees: members.map(({ name, kind }, at) => ({ name, kind, tree: sources[at]?.treeKey ?? "" })),
      lock: pkg.kind === "python" ? await lockKey(session.ctx, lockRequest(session, pkg, platform)) : "",
      rules: `${ruleSetVersion} ${await session.ownDigest()}`,
    },
    commits: () => Promise.all(sources.map(async (source) => ({ commit: source.revision.id, describe: (await source.describe()) ?? "" }))),
  };
}

/** Two steps: what comes from files alone is found at any commit, and what names its commit only at that one. */
async function recallArtifact({ store }: Session, { action, commits }: Inputs, format: FormatName): Promise<Artifact | undefined> {
  const first = (await recallAction(store, { ...action, format })) as Remembered | undefined;
  const found = first?.dependsOnCommit === true ? ((await recallAction(store, { ...action, format, revision: await commits() })) as Remembered | undefined) : first;
  return found?.artifact;
}

interface Remembered {
  readonly dependsOnCommit: boolean;
  readonly artifact?: Artifact;
}

interface MadePayload {
  readonly payload: Payload;
  readonly dependsOnCommit: boolean;
}

async function makePayload(session: Session, pkg: Package, platform: Platform, { members, sources }: Inputs): Promise<MadePayload> {
  const { version, content, dependsOnCommit } = await readContent(session, pkg, platform);
  const what = `check ${pkg.written} ${platform.label}`;
  session.ctx.report({ type: "started", what });
  try {
    const [source] = sources as readonly [Source];
    const revision = dependsOnCommit ? source.revision : await lastChange(session.ctx, session.workspace.directory, source.revision, members);
    const assembled = assemblePayload(pkg, version, revision, platform, content);
    if ("problems" in assembled) throw new CaissonError(assembled.problems as readonly [Problem, ...Problem[]]);
    return { payload: assembled.payload, dependsOnCommit };
  } finally {
    session.ctx.report({ type: "finished", what });
  }
}

async function makeArtifact(session: Session, { action, commits }: Inputs, format: FormatName, { payload, dependsOnCommit }: MadePayload): Promise<Artifact> {
  const { ctx, store } = session;
  const what = `bundle ${payload.written} ${payload.platform.label} ${format}`;
  ctx.report({ type: "started", what });
  try {
    const full: ArtifactAction = { ...action, format, ...(dependsOnCommit ? { revision: await commits() } : {}) };
    const artifact = await packArtifact(ctx, store, payload, format, full);
    const remembered = { dependsOnCommit, artifact } as unknown as Json;
    if (dependsOnCommit) await rememberAction(store, { ...action, format }, { dependsOnCommit });
    await rememberAction(store, full, remembered);
    return artifact;
  } finally {
    ctx.report({ type: "finished", what });
  }
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

async function save({ ctx, store }: Session, artifact: Artifact): Promise<void> {
  const { generation, changed } = await saveArtifact(store, artifact);
  if (changed && generation > 1) ctx.report({ type: "notice", message: `\`${artifact.package}\` ${artifact.version} for ${artifact.platform} has other content than before (generation ${generation})` });
}
