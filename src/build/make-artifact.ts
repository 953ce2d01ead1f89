import { CaissonError, mediaTypes, type Artifact, type FormatName, type Json, type Package, type Payload, type Platform, type Problem } from "../model/index.ts";
import { launcherTree } from "../formats/index.ts";
import type { Store } from "../store/index.ts";
import { rememberAction } from "./action.ts";
import { packArtifact } from "./artifact.ts";
import { readContent } from "./payload/content.ts";
import type { ArtifactAction, Inputs } from "./inputs.ts";
import { assemblePayload, type Launchers } from "./payload/payload.ts";
import { makersOf, settle, type Reliance, type Settled } from "./reliance.ts";
import type { Session } from "./session.ts";
import { withCommand } from "./turret/package.ts";

/** What all formats of a package are made of. */
export interface MadePayload {
  readonly payload: Payload;
  readonly reliance: Reliance;
  readonly settled: Settled;
}

/** Build, fetch and read everything, and put it together. */
export async function makePayload(session: Session, pkg: Package, platform: Platform, inputs: Inputs): Promise<MadePayload> {
  const { version, content, additions, dependsOnCommit } = await readContent(session, pkg, platform);
  const what = `check ${pkg.written} ${platform.label}`;
  session.ctx.report({ type: "started", what });
  try {
    const asked = { dependsOnCommit, makers: makersOf(content) };
    const settled = await settle(session, inputs, asked);
    const started = content.kind === "turret" ? { ...pkg, processes: withCommand(pkg.processes, content.command) } : pkg;
    const assembled = assemblePayload(started, version, settled.revision, platform, content, { launchers: await writeLaunchers(session.store, started), interpreter: await session.interpreter(platform), workspace: session.workspace, additions });
    if ("problems" in assembled) throw new CaissonError(assembled.problems as readonly [Problem, ...Problem[]]);
    const { exceptions = [] } = assembled.payload;
    for (const { rule, fileName, reason } of exceptions) session.ctx.report({ type: "notice", message: `\`${fileName}\` breaks ${rule}, and is taken all the same: ${reason}` });
    if (exceptions.length === 0) return { payload: assembled.payload, reliance: asked, settled };
    const reliance: Reliance = { ...asked, excused: exceptions.map(({ wheel }) => wheel) };
    return { payload: assembled.payload, reliance, settled: await settle(session, inputs, reliance) };
  } finally {
    session.ctx.report({ type: "finished", what });
  }
}

async function writeLaunchers(store: Store, { name, processes }: Package): Promise<Launchers | undefined> {
  const tree = launcherTree(name, processes);
  return tree === undefined ? undefined : { tree, document: await store.writeJson(tree, mediaTypes.tree) };
}

/** Pack it in one format, and remember under which key. */
export async function makeArtifact(session: Session, { action }: Inputs, format: FormatName, { payload, reliance, settled }: MadePayload): Promise<Artifact> {
  const { ctx, store, drafts } = session;
  const what = `bundle ${payload.written} ${payload.platform.label} ${format}`;
  ctx.report({ type: "started", what });
  try {
    const full: ArtifactAction = { ...action, format, ...settled };
    let done = 0;
    const artifact = await packArtifact(ctx, store, payload, format, full, drafts, (bytes) => ctx.report({ type: "progress", what, done: (done += bytes), unit: "bytes" }));
    await rememberAction(store, full, { artifact } as unknown as Json);
    await rememberAction(store, { ...action, format }, reliance as unknown as Json);
    return artifact;
  } finally {
    ctx.report({ type: "finished", what });
  }
}
