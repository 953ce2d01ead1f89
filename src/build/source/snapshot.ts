import { existsSync } from "node:fs";
import { constants, copyFile, lstat, readlink, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { compareBytewise } from "../../model/index.ts";
import { errorCode, hashFile, hashJson, makeDirectory, mapConcurrently, refuseUnreadableName, walk, type Context } from "../../system/index.ts";
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
 * The files of a directory as they are on disk, sorted bytewise: all but rubbish (.git, .venv, __pycache__, caches of tools, build, dist, *.egg-info, *.pyc);
 * in a git repository without what git ignores, committed or not, and with what was committed whatever it is called.
 */
export async function listDisk(ctx: Context, directory: string, inGit: boolean): Promise<readonly DiskFile[]> {
  const names = withoutOurs(inGit ? await listGit(ctx, directory) : await listPlain(directory));
  const files = await mapConcurrently(names, 32, (path) => lookAt(ctx, directory, path));
  return files.flat().toSorted((a, b) => compareBytewise(a.path, b.path));
}

/** Whether somebody deployed to this directory: what lies there was made from sources, and is none. */
export function isRoot(directory: string): boolean {
  return ROOT.every((name) => existsSync(join(directory, name)));
}

/** What every directory has that something was deployed to. */
const ROOT = [".generation", "journal.jsonl"] as const;

/** A blob of a store; what comes before is where that lies. */
const BLOB = /^(.+\/)blobs\/sha256\/[0-9a-f]{64}$/;

/** What we made ourselves: roots of targets, and stores. */
function withoutOurs(names: readonly string[]): readonly string[] {
  const all = new Set(names);
  const roots = names.flatMap((name) => (name.endsWith(`/${ROOT[0]}`) && all.has(join(dirname(name), ROOT[1])) ? [`${dirname(name)}/`] : []));
  const stores = names.flatMap((name) => BLOB.exec(name)?.slice(1, 2) ?? []);
  const ours = [...new Set([...roots, ...stores])];
  return ours.length === 0 ? names : names.filter((name) => !ours.some((directory) => name.startsWith(directory)));
}

async function listGit(ctx: Context, directory: string): Promise<readonly string[]> {
  const problem = { code: "revision-unknown", message: `git cannot list the files of \`${directory}\`` } as const;
  const listed = await git(ctx, directory, ["ls-files", "-t", "--cached", "--others", "--exclude-standard", "-z"], problem);
  const lines = listed.toString("utf8").split("\0").filter((line) => line !== "" && !(line.startsWith("? ") && isRubbish(line.slice(2))));
  // What is not merged yet stands there three times.
  return [...new Set(lines.map((line) => line.slice(2)))];
}

async function listPlain(directory: string): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { kind, path } of walk(directory, (below) => !isRubbish(below))) if (kind !== "directory" && !isRubbish(path)) names.push(path);
  return names;
}

async function lookAt(ctx: Context, directory: string, path: string): Promise<readonly DiskFile[]> {
  // Git's index may still have what is deleted on disk.
  const stat = await unlessGone(lstat(join(directory, path)));
  if (stat === undefined) refuseUnreadableName(path);
  if (stat?.isSymbolicLink() === true) {
    const target = await unlessGone(readlink(join(directory, path)));
    return target === undefined ? [] : [{ path, target }];
  }
  if (stat?.isFile() === true) return [{ path, executable: (stat.mode & 0o111) !== 0 }];
  // A directory in git's list is a repository of its own: a submodule, or one that was cloned there. One that was never fetched is empty, and git would list the repository around it.
  if (stat?.isDirectory() === true && existsSync(join(directory, path, ".git"))) return (await listDisk(ctx, join(directory, path), true)).map((file) => ({ ...file, path: `${path.replace(/\/$/, "")}/${file.path}` }));
  // git knows no such thing, and no archive of a package holds one.
  if (stat?.isDirectory() === false) ctx.report({ type: "warning", problem: { code: "config-invalid", message: `\`${path}\` is neither a file, a link nor a directory, and is left out`, hint: "pipes, sockets and devices belong elsewhere" } });
  return [];
}

/** What a file or link is: its path, `file`, `program` or `link`, and the digest of its content or its target. */
export type DiskLine = readonly [string, "file" | "program" | "link", string];

/** What the files are, in their order. One that is not there any more is left out. */
export async function describeDisk(directory: string, files: readonly DiskFile[]): Promise<readonly DiskLine[]> {
  const lines = await mapConcurrently(files, 16, async (file): Promise<readonly DiskLine[]> => {
    if ("target" in file) return [[file.path, "link", file.target]];
    const hashed = await unlessGone(hashFile(join(directory, file.path)));
    return hashed === undefined ? [] : [[file.path, file.executable ? "program" : "file", hashed.digest]];
  });
  return lines.flat();
}

/** One hash of what the files are; 64 hex digits. */
export function hashDisk(lines: readonly DiskLine[]): string {
  return hashJson(lines).slice("sha256:".length);
}

/** The path of a file that is not what it was; undefined where all are. */
export function findChange(before: readonly DiskLine[], now: readonly DiskLine[]): string | undefined {
  const known = new Set(before.map((line) => line.join("\0")));
  const there = new Set(now.map((line) => line.join("\0")));
  return [...before.filter((line) => !there.has(line.join("\0"))), ...now.filter((line) => !known.has(line.join("\0")))].at(0)?.[0];
}

/** Copy the files into a new directory, with the modes that a checkout would have. What somebody has removed since they were listed is left out. */
export async function copyDisk(directory: string, files: readonly DiskFile[], to: string): Promise<void> {
  const places = new Set(files.map(({ path }) => dirname(join(to, path))));
  for (const place of [to, ...places]) await makeDirectory(place);
  await mapConcurrently(files, 16, async (file) => {
    if ("target" in file) return await symlink(file.target, join(to, file.path));
    await unlessGone(copyFile(join(directory, file.path), join(to, file.path), constants.COPYFILE_FICLONE));
  });
}

/** Others work in the same directories while we read them: programs that write beside a file and rename, editors, whoever deletes. */
async function unlessGone<Result>(work: Promise<Result>): Promise<Result | undefined> {
  try {
    return await work;
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(errorCode(error) ?? "")) return undefined;
    throw error;
  }
}
