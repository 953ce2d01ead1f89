import { createReadStream, existsSync } from "node:fs";
import { constants, copyFile, lstat, readlink, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { compareBytewise } from "../../model/index.ts";
import { errorCode, hashJson, hashStream, makeDirectory, mapConcurrently, walk, type Context } from "../../system/index.ts";
import { git } from "./git.ts";

/** A file or link on disk that belongs to a source; its path is relative, with forward slashes. */
export type DiskFile = { readonly path: string; readonly executable: boolean } | { readonly path: string; readonly target: string };

/** Directories and files that are made, not written: by version control, virtual environments, test runs and back ends. `dist` and `.caisson` hold what Caisson itself made. */
const RUBBISH: ReadonlySet<string> = new Set([".caisson", ".git", ".hg", ".svn", ".venv", "venv", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".tox", ".nox", ".eggs", ".idea", ".DS_Store", "node_modules", "build", "dist"]);

/** Whether a path has a part that no source needs. */
export function isRubbish(path: string): boolean {
  return path.split("/").some((part) => RUBBISH.has(part) || part.endsWith(".egg-info") || part.endsWith(".pyc"));
}

/**
 * The files of a directory as they are on disk, sorted bytewise: in a git repository all that git does not ignore, committed or not; elsewhere all but rubbish
 * (.git, .venv, __pycache__, caches of tools, build, dist, *.egg-info, *.pyc).
 */
export async function listDisk(ctx: Context, directory: string, inGit: boolean): Promise<readonly DiskFile[]> {
  const names = withoutRoots(inGit ? await listGit(ctx, directory) : await listPlain(directory));
  const files = await mapConcurrently(names, 32, (path) => lookAt(ctx, directory, path));
  return files.flat().toSorted((a, b) => compareBytewise(a.path, b.path));
}

/** Whether somebody deployed to this directory: what lies there was made from sources, and is none. */
export function isRoot(directory: string): boolean {
  return ROOT.every((name) => existsSync(join(directory, name)));
}

/** What every directory has that something was deployed to. */
const ROOT = [".generation", "journal.jsonl"] as const;

function withoutRoots(names: readonly string[]): readonly string[] {
  const all = new Set(names);
  const roots = names.flatMap((name) => (name.endsWith(`/${ROOT[0]}`) && all.has(join(dirname(name), ROOT[1])) ? [`${dirname(name)}/`] : []));
  return roots.length === 0 ? names : names.filter((name) => !roots.some((root) => name.startsWith(root)));
}

async function listGit(ctx: Context, directory: string): Promise<readonly string[]> {
  const problem = { code: "revision-unknown", message: `git cannot list the files of \`${directory}\`` } as const;
  const listed = await git(ctx, directory, ["ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", "-z"], problem);
  return listed.toString("utf8").split("\0").filter((name) => name !== "");
}

async function listPlain(directory: string): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { kind, path } of walk(directory, (below) => !isRubbish(below))) if (kind !== "directory" && !isRubbish(path)) names.push(path);
  return names;
}

async function lookAt(ctx: Context, directory: string, path: string): Promise<readonly DiskFile[]> {
  const stat = await lstat(join(directory, path)).catch((error: unknown) => {
    // Still in git's index, and deleted on disk.
    if (["ENOENT", "ENOTDIR"].includes(errorCode(error) ?? "")) return undefined;
    throw error;
  });
  if (stat?.isSymbolicLink() === true) return [{ path, target: await readlink(join(directory, path)) }];
  if (stat?.isFile() === true) return [{ path, executable: (stat.mode & 0o111) !== 0 }];
  // A directory in git's list is a repository of its own: a submodule, or one that was cloned there. One that was never fetched is empty, and git would list the repository around it.
  if (stat?.isDirectory() === true && existsSync(join(directory, path, ".git"))) return (await listDisk(ctx, join(directory, path), true)).map((file) => ({ ...file, path: `${path.replace(/\/$/, "")}/${file.path}` }));
  return [];
}

/** One hash of what the files are: paths, executable bits, contents and link targets; 64 hex digits. */
export async function hashDisk(directory: string, files: readonly DiskFile[]): Promise<string> {
  const lines = await mapConcurrently(files, 16, async (file) => {
    if ("target" in file) return [file.path, "link", file.target];
    const { digest } = await hashStream(createReadStream(join(directory, file.path)));
    return [file.path, file.executable ? "program" : "file", digest];
  });
  return hashJson(lines).slice("sha256:".length);
}

/** Copy the files into a new directory, with the modes that a checkout would have. */
export async function copyDisk(directory: string, files: readonly DiskFile[], to: string): Promise<void> {
  const places = new Set(files.map(({ path }) => dirname(join(to, path))));
  for (const place of [to, ...places]) await makeDirectory(place);
  await mapConcurrently(files, 16, async (file) => {
    if ("target" in file) return await symlink(file.target, join(to, file.path));
    await copyFile(join(directory, file.path), join(to, file.path), constants.COPYFILE_FICLONE);
  });
}
