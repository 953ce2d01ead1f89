import { resolve } from "node:path";
import type { Json, PackageName, Platform } from "../../model/index.ts";
import { evaluateMarker, parseMarker, ruleSetVersion, type Lock, type LockedPackage } from "../../python/index.ts";
import { recallAction, rememberAction } from "../action.ts";
import { readProject } from "../project.ts";
import { readRevision } from "../source/revision.ts";
import type { Source } from "../source/source.ts";
import type { Session } from "../session.ts";
import { readBuildSystem, type BuildSystem } from "../wheel/build-system.ts";
import type { WheelSource } from "../wheel/wheel.ts";

/** A distribution that a lock names by a commit of a repository instead of a file. */
export interface CommitRequirement {
  readonly name: PackageName;
  readonly source: WheelSource;
}

/**
 * What a lock wants from repositories on a platform: `name @ git+https://...`. A wheel is made of each once; the repository is looked at only then.
 * `directory` gives where relative paths of the lock start.
 */
export function commitRequirements(session: Session, lock: Lock, platform: Platform, directory: () => Promise<string>): readonly CommitRequirement[] {
  return lock.packages.flatMap((locked) => {
    const source = isLive(locked, platform) ? wheelSource(session, locked, directory) : undefined;
    return source === undefined ? [] : [{ name: locked.name, source }];
  });
}

function isLive({ marker }: LockedPackage, platform: Platform): boolean {
  return marker === undefined || evaluateMarker(parseMarker(marker), platform.markers);
}

function wheelSource({ ctx, store, workspace, offline }: Session, { name, version, source }: LockedPackage, directory: () => Promise<string>): WheelSource | undefined {
  if (source?.kind !== "vcs" || source.type !== "git") return undefined;
  const { url, path, commitId, subdirectory = "" } = source;
  const read = async (): Promise<Source> => await readRevision(ctx, workspace.directory, { git: url ?? resolve(await directory(), path ?? ""), ref: commitId, path: subdirectory }, { offline });
  // A commit is its content, whichever repository it was taken from.
  const key = { tree: `${commitId}:${subdirectory}`, commit: commitId };
  return {
    name,
    written: name,
    ...(version === undefined ? {} : { version }),
    key,
    path: async (scratch) => {
      await using checked = await read();
      return await checked.checkoutInto(scratch);
    },
    // Kept beside the wheel, which is found without the repository.
    system: async () => {
      const action = { schema: "caisson.action/1", kind: "wheel", source: key, interpreter: "none", tool: "git", rules: ruleSetVersion } as const;
      const known = await recallAction(store, action);
      if (known !== undefined) return known as unknown as BuildSystem;
      await using checked = await read();
      const system = (await readProject(checked))?.system ?? readBuildSystem(undefined, undefined, undefined);
      await rememberAction(store, action, system as unknown as Json);
      return system;
    },
    time: 315_532_800,
  };
}
