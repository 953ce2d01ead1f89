import { posix } from "node:path";
import { CaissonError, directoryHere, type Package, type Revision } from "../../model/index.ts";
import type { Context } from "../../system/index.ts";
import { kept } from "../cache.ts";
import { runGit } from "./git.ts";

/**
 * The commit at which these packages became what they are at `revision`: the last one that changed their directories.
 * A payload names this one, so that a commit elsewhere in the repository leaves its bytes as they were.
 */
export async function lastChange(ctx: Context, directory: string, revision: Revision, packages: readonly Package[]): Promise<Revision> {
  if (revision.dirty) return revision;
  const paths = packages.flatMap((pkg) => {
    const here = directoryHere(pkg);
    return here === undefined ? [] : [posix.join(here, pkg.script ?? "")];
  });
  // Sources of other repositories have commits of their own.
  if (paths.length < packages.length) return revision;
  let first: Pick<Revision, "id" | "time"> | undefined;
  // A walk through the history costs some time, and its answer stays; but where it ended at the first commit, more of the history may be fetched later.
  const found = await kept(ctx, "last-changes", [revision.id, paths], async () => {
    const answer = await runGit(ctx, directory, ["--literal-pathspecs", "log", "-1", "--format=%H %ct %P", revision.id, "--", ...paths]).catch(unlessMissing);
    if (answer === undefined) return undefined;
    const { status, stdout } = answer;
    const [id, time, parent] = stdout.toString("latin1").trim().split(" ");
    first = status === 0 && id !== undefined && time !== undefined ? { id, time: Number(time) } : undefined;
    return parent === undefined ? undefined : first;
  });
  return { ...revision, ...(found ?? first) };
}

/** Without git there was no commit to read either: the files lie in no repository. */
function unlessMissing(error: unknown): undefined {
  if (!(error instanceof CaissonError) || error.code !== "tool-missing") throw error;
}
