import { resolve } from "node:path";
import { OLDEST_TIME, type Json } from "../../model/index.ts";
import { ruleSetVersion, type ChosenCommit } from "../../python/index.ts";
import { recallAction, rememberAction } from "../action.ts";
import { readProject } from "../project.ts";
import { readRevision } from "../source/revision.ts";
import type { Source } from "../source/source.ts";
import type { Session } from "../session.ts";
import { readBuildSystem, type BuildSystem } from "../wheel/build-system.ts";
import type { WheelSource } from "../wheel/wheel.ts";

/**
 * What a lock wants from a repository, `name @ git+https://...`, as the source of a wheel. The repository is looked at only when that is made.
 * `directory` gives where relative paths of the lock start.
 */
export function commitSource({ ctx, store, workspace, offline }: Session, { name, version, source }: ChosenCommit, directory: () => Promise<string>): WheelSource {
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
      const system = (await readProject(checked))?.system ?? readBuildSystem({}, undefined, undefined);
      await rememberAction(store, action, system as unknown as Json);
      return system;
    },
    time: OLDEST_TIME,
  };
}
