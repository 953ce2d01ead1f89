import { resolve } from "node:path";
import type { PackageName, Platform } from "../../model/index.ts";
import { evaluateMarker, parseMarker, type Lock, type LockedPackage } from "../../python/index.ts";
import { readRevision } from "../source/revision.ts";
import type { Session } from "../session.ts";
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

function wheelSource({ ctx, workspace, offline }: Session, { name, version, source }: LockedPackage, directory: () => Promise<string>): WheelSource | undefined {
  if (source?.kind !== "vcs" || source.type !== "git") return undefined;
  const { url, path, commitId, subdirectory = "" } = source;
  return {
    name,
    written: name,
    ...(version === undefined ? {} : { version }),
    // A commit is its content, whichever repository it was taken from.
    key: { tree: `${commitId}:${subdirectory}`, commit: commitId },
    path: async (scratch) => {
      const git = url ?? resolve(await directory(), path ?? "");
      await using checked = await readRevision(ctx, workspace.directory, { git, ref: commitId, path: subdirectory }, { offline });
      return await checked.checkoutInto(scratch);
    },
    time: 315_532_800,
  };
}
