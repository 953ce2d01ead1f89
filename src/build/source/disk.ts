import { readFile, realpath, stat } from "node:fs/promises";
import { join, posix, relative } from "node:path";
import { fail, type Json } from "../../model/index.ts";
import { isOutside, makeDirectory, sha256, type Context } from "../../system/index.ts";
import { diskTime } from "../disk-time.ts";
import { aroundOf, directoriesAbove, reachesOut } from "./around.ts";
import { openRepository, roomFor, sharedCheckout, type Repository } from "./checkout.ts";
import { describeCommit, git, isIgnored, runGit } from "./git.ts";
import type { Place } from "./place.ts";
import { copyDisk, describeDisk, findChange, hashDisk, isRoot, isRubbish, listDisk, type DiskFile } from "./snapshot.ts";
import type { Source } from "./source.ts";

/**
 * The files of a directory as they are now. In a repository, `commit` says what they lie upon.
 * @throws CaissonError `package-unknown` where there is no such directory · `revision-unknown` where a revision is asked for
 */
export async function readDisk(ctx: Context, workspaceDirectory: string, place: Place, commit?: Source["commit"]): Promise<Source> {
  const { directory, rev } = place;
  const found = await stat(directory).catch(() => undefined);
  if (found?.isDirectory() !== true) fail({ code: "package-unknown", message: `there is no directory \`${relative(workspaceDirectory, directory) || directory}\``, hint: "check the package's `path` in caisson.toml" });
  if (rev !== undefined) fail({ code: "revision-unknown", message: `there is no revision \`${rev}\`: \`${directory}\` is in no git repository`, hint: "build it without --rev, as it is on disk" });
  const { repository, own } = await listOwn(ctx, place);
  const inGit = repository !== undefined;
  const lines = await describeDisk(directory, own);
  const id = hashDisk(lines);
  // Siblings belong to what a build sees, so the whole workspace is copied where the package is a part of it.
  const whole = await realpath(workspaceDirectory);
  const root = isOutside(whole, directory) ? directory : whole;
  const below = relative(root, directory);
  const copyTo = async (to: string): Promise<void> => {
    const others = root === directory ? [] : (await listDisk(ctx, root, inGit)).filter(({ path }) => !path.startsWith(`${below}/`));
    await makeDirectory(join(to, below));
    await copyDisk(root, [...others, ...own.map((file) => ({ ...file, path: posix.join(below, file.path) }))], to);
    // What is built from them is kept under that hash.
    const changed = findChange(lines, await describeDisk(join(to, below), own));
    if (changed !== undefined) fail({ code: "source-changed", message: `\`${join(relative(workspaceDirectory, directory), changed)}\` was changed while its package was read`, hint: inGit ? "run the same command again; what programs write there belongs in .gitignore" : "run the same command again; what programs write belongs elsewhere" });
  };
  const shared = sharedCheckout(1, copyTo);
  const repositoryTo = async (to: string): Promise<string> => {
    if (repository === undefined) return (await copyTo(to), join(to, below));
    const path = relative(repository.top, root);
    await openRepository(ctx, repository, to, NO_COPY);
    await copyTo(join(to, path));
    await trackAll(ctx, to, path);
    return join(to, path, below);
  };
  return {
    revision: { id, time: diskTime(ctx), dirty: inGit },
    treeKey: id,
    around: () => readAroundOnDisk(ctx, root, directory, own, inGit),
    uncommitted: false,
    describe: () => Promise.resolve(undefined),
    commit: inGit && commit !== undefined ? commit : () => Promise.resolve({ commit: id, describe: "" }),
    readText: (name) => readFile(join(directory, name), "utf8").catch(() => undefined),
    checkout: async () => join(await shared.path(), below),
    checkoutInto: async (to) => await repositoryTo(await roomFor(to)),
    [Symbol.asyncDispose]: shared.release,
  };
}

/** The package's own files, and the repository that they belong to: none for a directory that git was told to ignore, whatever lies around it. */
async function listOwn(ctx: Context, { directory, repository, path }: Place): Promise<{ readonly repository?: Repository; readonly own: readonly DiskFile[] }> {
  const own = repository === undefined ? [] : await listDisk(ctx, directory, true);
  if (repository !== undefined && (own.length > 0 || !(await isIgnored(ctx, repository.top, path)))) return { repository, own };
  return { own: await listDisk(ctx, directory, false) };
}

/** In a copy of a repository's files, git says of each of them that it belongs there: back ends that ask find what was written, committed or not. */
async function trackAll(ctx: Context, top: string, path: string): Promise<void> {
  if ((await runGit(ctx, top, ["read-tree", "HEAD"])).status === 0 && path !== "") {
    // What lies outside of the workspace was not copied, and is not deleted.
    const outside = await git(ctx, top, ["ls-files", "-z", "--", ".", `:(exclude,literal)${path}`], NO_COPY);
    await git(ctx, top, ["update-index", "-z", "--skip-worktree", "--stdin"], NO_COPY, outside.toString("utf8"));
  }
  await git(ctx, top, ["add", "--intent-to-add", "--force", "--", "."], NO_COPY);
}

const NO_COPY = { code: "revision-unknown", message: "git cannot make a repository of a copy of its files" } as const;

/** The commit that files on disk come from, and whether they are still what it holds: what such a back end makes a version of. */
export async function commitBelow(ctx: Context, top: string): Promise<{ readonly commit: string; readonly describe: string }> {
  const [head, describe, changes] = await Promise.all([runGit(ctx, top, ["rev-parse", "--verify", "--quiet", "HEAD"]), describeCommit(ctx, top, "HEAD"), runGit(ctx, top, ["status", "--porcelain", "-z", "--no-renames"])]);
  const changed = changes.stdout.toString("utf8").split("\0").some((line) => line !== "" && !(line.startsWith("??") && (isRubbish(line.slice(3)) || isRoot(join(top, line.slice(3))))));
  return { commit: head.stdout.toString("latin1").trim(), describe: `${describe ?? ""}${changed ? " changed" : ""}` };
}

async function readAroundOnDisk(ctx: Context, root: string, directory: string, listed: readonly DiskFile[], inGit: boolean): Promise<Json | undefined> {
  const path = relative(root, directory);
  const text = (name: string): Promise<string | undefined> => readFile(join(root, name), "utf8").catch(() => undefined);
  const above = await Promise.all(directoriesAbove(path).map((directoryAbove) => posix.join(directoryAbove, ".gitignore")).map(async (name) => [name, await text(name)] as const));
  const links = listed.flatMap((file) => ("target" in file ? [{ path: posix.join(path, file.path), target: file.target }] : []));
  const [pyproject, setupPy, setupCfg] = await Promise.all(["pyproject.toml", "setup.py", "setup.cfg"].map((name) => text(posix.join(path, name))));
  const outside = reachesOut(path, links, { pyproject, setupPy, setupCfg }) ? hashDisk(await describeDisk(root, await listDisk(ctx, root, inGit))) : undefined;
  return aroundOf(new Map(above.flatMap(([name, content]) => (content === undefined ? [] : [[name, sha256(content)] as const]))), outside);
}
