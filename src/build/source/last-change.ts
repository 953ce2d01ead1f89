import { posix } from "node:path";
import type { Package, Revision } from "../../model/index.ts";
import type { Context } from "../../system/index.ts";
import { runGit } from "./git.ts";

/**
 * The commit at which these packages became what they are at `revision`: the last one that changed their directories.
 * A payload names this one, so that a commit elsewhere in the repository leaves its bytes as they were.
 */
export async function lastChange(ctx: Context, directory: string, revision: Revision, packages: readonly Package[]): Promise<Revision> {
  if (revision.dirty) return revision;
  const paths = packages.flatMap(({ source, script = "" }) => ("path" in source ? [posix.join(source.path, script)] : []));
  // Sources of other repositories have commits of their own.
  if (paths.length < packages.length) return revision;
  const { status, stdout } = await runGit(ctx, directory, ["--literal-pathspecs", "log", "-1", "--format=%H %ct", revision.id, "--", ...paths]);
  const [id, time] = stdout.toString("latin1").trim().split(" ");
  return status === 0 && id !== undefined && time !== undefined ? { ...revision, id, time: Number(time) } : revision;
}
