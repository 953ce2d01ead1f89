import { join } from "node:path";
import { CaissonError, fail, type Problem } from "../../model/index.ts";
import type { Context } from "../../system/index.ts";

/** What one run of git gave. */
export interface GitAnswer {
  readonly status: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/**
 * Run git in a directory: without questions, hooks, or an index refreshed behind the user's back. What it says is never translated.
 * @throws CaissonError `tool-missing` without git · `permission` where git distrusts the repository's owner
 */
export async function runGit(ctx: Context, directory: string, words: readonly string[], stdin?: string): Promise<GitAnswer> {
  const argv = ["git", "--no-optional-locks", ...QUIET, ...words];
  const { status, stdout, stderr } = await ctx.run(argv, { cwd: directory, env: gitEnvironment(ctx), ...(stdin === undefined ? {} : { stdin }) }).catch(explainMissing);
  // The one refusal that comes from every command alike.
  if (status === 128 && stderr.includes("dubious ownership")) {
    fail({ code: "permission", message: `git does not trust the repository of \`${directory}\`, because somebody else owns it`, hint: `git config --global --add safe.directory ${topOf(stderr) ?? directory}` });
  }
  return { status, stdout: Buffer.from(stdout), stderr };
}

/**
 * As `runGit`, for a command that must succeed.
 * @throws CaissonError as `problem` says, with git's own words as the cause
 */
export async function git(ctx: Context, directory: string, words: readonly string[], problem: Problem, stdin?: string): Promise<Buffer> {
  const answer = await runGit(ctx, directory, words, stdin);
  return answer.status === 0 ? answer.stdout : failByGit(problem, answer);
}

/** @throws CaissonError always, with git's own words as the cause */
export function failByGit(problem: Problem, { stderr }: GitAnswer): never {
  throw new CaissonError([problem], new Error(withoutCredentials(stderr.trim())));
}

/** An object that git was asked for by any of its names. */
export interface GitObject {
  readonly id: string;
  readonly type: string;
  readonly content: Buffer;
}

/**
 * Objects by name (`HEAD^{commit}`, `v1:web/pyproject.toml`), in the order of the names; undefined where there is none.
 * All of them in one process; the names go in by stdin, where nothing in them can be an option.
 * `followed`: what a link leads to in its commit stands in its place, and nothing for one that leads elsewhere.
 * @throws CaissonError `revision-unknown` where this is no sound repository
 */
export async function readObjects(ctx: Context, directory: string, names: readonly string[], { followed = false }: { readonly followed?: boolean } = {}): Promise<readonly (GitObject | undefined)[]> {
  // A name with a line break would be two.
  const asked = names.filter((name) => !/[\n\0]/.test(name));
  const problem: Problem = { code: "revision-unknown", message: `git cannot read the repository of \`${directory}\``, hint: `git -C ${directory} fsck` };
  const bytes = await git(ctx, directory, ["cat-file", "--batch", ...(followed ? ["--follow-symlinks"] : [])], problem, asked.map((name) => `${name}\n`).join(""));
  const found = new Map(parseObjects(bytes, asked));
  return names.map((name) => found.get(name));
}

function* parseObjects(bytes: Buffer, names: readonly string[]): Iterable<readonly [string, GitObject | undefined]> {
  let at = 0;
  for (const name of names) {
    const end = bytes.indexOf("\n", at);
    const line = bytes.toString("latin1", at, end);
    const [, id, type, length] = /^([0-9a-f]{40,64}) ([a-z]+) ([0-9]+)$/.exec(line) ?? [];
    // Of a link that leads nowhere it says as much, and the length of what follows.
    const size = length ?? /^(?:symlink|dangling|loop|notdir) ([0-9]+)$/.exec(line)?.[1];
    at = end + 1;
    yield [name, id === undefined || type === undefined ? undefined : { id, type, content: bytes.subarray(at, at + Number(size)) }];
    if (size !== undefined) at += Number(size) + 1;
  }
}

/** What `git describe --tags --long` prints of a commit, or the number of commits where there is no tag; undefined where there is no such commit. */
export async function describeCommit(ctx: Context, directory: string, commit: string): Promise<string | undefined> {
  const described = await runGit(ctx, directory, ["describe", "--tags", "--long", commit]);
  if (described.status === 0) return described.stdout.toString("utf8").trim();
  const counted = await runGit(ctx, directory, ["rev-list", "--count", commit]);
  return counted.status === 0 ? counted.stdout.toString("utf8").trim() : undefined;
}

/** Whether git was told to ignore a directory, by its path from the top. */
export async function isIgnored(ctx: Context, top: string, path: string): Promise<boolean> {
  return (await runGit(ctx, top, ["check-ignore", "--quiet", "--", path === "" ? "." : path])).status === 0;
}

/** Nobody's hooks, file watchers or templates; files come out as they were committed. */
const QUIET: readonly string[] = ["core.hooksPath=/dev/null", "core.fsmonitor=false", "core.autocrlf=false", "core.eol=lf", "core.attributesFile=/dev/null", "core.quotePath=false", "advice.detachedHead=false", "gc.auto=0", "maintenance.auto=false", "protocol.ext.allow=never"].flatMap((setting) => ["-c", setting]);

/** The user's own, since it says how to reach a server; but nothing that says which repository is meant, nor anything that would ask. */
function gitEnvironment(ctx: Context): Readonly<Record<string, string>> {
  const kept = Object.entries(ctx.env).filter(([name]) => !REPOSITORY.test(name) && name !== "LANGUAGE");
  return { ...Object.fromEntries(kept), LC_ALL: "C", GIT_ATTR_NOSYSTEM: "1", GIT_TERMINAL_PROMPT: "0", GIT_ASKPASS: "true", SSH_ASKPASS: "true", GIT_SSH_COMMAND: ctx.env["GIT_SSH_COMMAND"] ?? "ssh -o BatchMode=yes" };
}

const REPOSITORY = /^GIT_(?:DIR|WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|COMMON_DIR|NAMESPACE|PREFIX|CEILING_DIRECTORIES|GRAFT_FILE|SHALLOW_FILE|REPLACE_REF_BASE|LITERAL_PATHSPECS|GLOB_PATHSPECS|NOGLOB_PATHSPECS|ICASE_PATHSPECS|EXTERNAL_DIFF|TRACE.*)$/;

/** For a program that fetches repositories by git, as uv does where a requirement is a commit: with the user's keys and settings, and without questions. */
export function gitSurroundings({ env }: Context): Readonly<Record<string, string>> {
  const passed = ["SSH_AUTH_SOCK", "GIT_SSH_COMMAND", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_SSL_CAINFO"].flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]] as const]));
  return { ...Object.fromEntries(passed), GIT_CONFIG_GLOBAL: env["GIT_CONFIG_GLOBAL"] ?? join(env["HOME"] ?? "/", ".gitconfig"), GIT_TERMINAL_PROMPT: "0" };
}

function explainMissing(error: unknown): never {
  if (error instanceof CaissonError && error.code === "tool-missing") fail({ code: "tool-missing", message: "git is not on PATH, and the source lies in a git repository", hint: "install git" }, error);
  throw error;
}

function topOf(stderr: string): string | undefined {
  return /repository at '([^']+)'/.exec(stderr)?.[1];
}

/** A URL without user and password, fit to be shown. */
export function withoutCredentials(text: string): string {
  return text.replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^/@\s]*@/gi, "$1");
}
