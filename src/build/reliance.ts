import type { Digest, Json, Revision } from "../model/index.ts";
import type { ArtifactAction, Inputs } from "./inputs.ts";
import { recallLock } from "./lock/lock.ts";
import type { Content, InstalledDistribution } from "./payload/payload.ts";
import type { Session } from "./session.ts";
import { lastChange } from "./source/last-change.ts";
import type { Maker } from "./wheel/maker.ts";

/** What only a build finds out of what its result depends on; kept with what was built, and looked at anew each time. */
export interface Reliance {
  /** Something in it is decided by the commit and not by the files alone, as a version from a tag is. */
  readonly dependsOnCommit: boolean;
  /** What made the wheels in it that were made here, each once. */
  readonly makers: readonly Maker[];
  /** Wheels in it that would have been refused but for an exception. */
  readonly excused?: readonly Digest[];
}

/** The rest of an artifact's key, as it is now: what the same inputs depend on besides. */
export type Settled = Pick<ArtifactAction, "commits" | "makers" | "locked" | "exceptions"> & { readonly revision: Revision };

export async function settle(session: Session, { members, sources, commits, action }: Inputs, { dependsOnCommit, makers, excused = [] }: Reliance): Promise<Settled> {
  const { ctx, store, workspace, factsOf } = session;
  const [source] = sources as readonly [Inputs["sources"][number]];
  const { ref: _, ...revision } = dependsOnCommit ? source.revision : await lastChange(ctx, workspace.directory, source.revision, members);
  const locked = await recallLock(store, action.lock);
  const exceptions = (workspace.exceptions ?? []).filter(({ wheel }) => excused.includes(wheel));
  return {
    revision,
    ...(dependsOnCommit ? { commits: await commits() } : {}),
    ...(makers.length === 0 ? {} : { makers: (await Promise.all(makers.map(factsOf))) as unknown as Json }),
    ...(locked === undefined ? {} : { locked }),
    ...(exceptions.length === 0 ? {} : { exceptions: exceptions as unknown as Json }),
  };
}

/** The makers of all wheels of a payload. */
export function makersOf(content: Content): readonly Maker[] {
  const makers = installedIn(content).flatMap(({ maker }) => (maker === undefined ? [] : [maker]));
  const byText = new Map(makers.map((maker) => [JSON.stringify(maker), maker] as const));
  return [...byText].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, maker]) => maker);
}

function installedIn(content: Content): readonly InstalledDistribution[] {
  if (content.kind === "files") return [];
  if (content.kind === "turret") return content.python === undefined ? [] : installedIn(content.python);
  const { dependencies, siblings, own } = content;
  return [...dependencies, ...siblings, ...(own === undefined ? [] : [own])];
}
