import { existsSync } from "node:fs";
import { rename } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fail } from "../../model/index.ts";
import { errorCode, makeDirectory, removeTree, sha256, temporaryBeside, type Context } from "../../system/index.ts";
import { cacheDirectory } from "../cache.ts";
import type { Repository } from "./checkout.ts";
import { failByGit, runGit, withoutCredentials, type GitAnswer } from "./git.ts";

/**
 * Our own bare copy of a repository, under the hash of its URL, with all branches and tags as they are there now. A commit that it holds already costs no network.
 * @throws CaissonError `host-unreachable` where it cannot be fetched · `tool-missing` without git
 */
export async function openMirror(ctx: Context, workspaceDirectory: string, address: string, ref: string, offline: boolean): Promise<Repository & { readonly url: string }> {
  const url = absoluteUrl(workspaceDirectory, address);
  const top = join(cacheDirectory(ctx), "git", sha256(url).slice("sha256:".length, "sha256:".length + 32));
  const mirror = { top, url };
  const known = existsSync(join(top, "HEAD"));
  if (known && isCommit(ref) && (await holds(ctx, top, ref))) return mirror;
  const shown = withoutCredentials(url);
  if (offline) {
    if (known) return mirror;
    fail({ code: "host-unreachable", message: `\`${shown}\` was never fetched, and the network is not to be used`, hint: "run it once without --offline" });
  }
  const what = `fetch ${shown}`;
  ctx.report({ type: "started", what });
  try {
    if (known) await fetchAll(ctx, top, url, ref);
    else await makeMirror(ctx, top, url, ref);
  } finally {
    ctx.report({ type: "finished", what });
  }
  return mirror;
}

/** A path is relative to the workspace, as everything in its file is. */
function absoluteUrl(workspaceDirectory: string, address: string): string {
  const isUrl = /^[a-z][a-z0-9+.-]*:\/\//i.test(address) || /^[^/]+:/.test(address);
  return isUrl ? address : resolve(workspaceDirectory, address);
}

async function makeMirror(ctx: Context, top: string, url: string, ref: string): Promise<void> {
  await makeDirectory(dirname(top));
  const made = temporaryBeside(top);
  try {
    const answer = await runGit(ctx, dirname(top), ["init", "--quiet", "--bare", "--template=", made]);
    if (answer.status !== 0) cannotFetch(url, answer);
    await fetchAll(ctx, made, url, ref);
    await rename(made, top);
  } catch (error) {
    await removeTree(made);
    if (!["ENOTEMPTY", "EEXIST"].includes(errorCode(error) ?? "")) throw error;
    // Somebody else made it meanwhile, perhaps in search of another ref.
    await fetchAll(ctx, top, url, ref);
  }
}

async function fetchAll(ctx: Context, top: string, url: string, ref: string): Promise<void> {
  const fetch = (...refspecs: readonly string[]): Promise<GitAnswer> => runGit(ctx, top, ["fetch", "--quiet", "--prune", "--no-write-fetch-head", "--no-auto-maintenance", "--end-of-options", url, ...refspecs]);
  const all = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*", ...(ref === "HEAD" ? ["+HEAD:refs/remotes/origin/HEAD"] : [])];
  // Two of us at once may meet at the lock of a ref; the second time it is free.
  const first = await fetch(...all);
  const answer = first.status === 0 ? first : await fetch(...all);
  if (answer.status !== 0) cannotFetch(url, answer);
  // What no branch and no tag leads to: a commit, or a ref of another kind. Where there is none, whoever looks for it says so.
  if (isCommit(ref) && !(await holds(ctx, top, ref))) await fetch(ref);
  else if (/^refs\/(?!heads\/|tags\/)[\w./-]+$/.test(ref)) await fetch(`+${ref}:${ref}`);
}

function cannotFetch(url: string, answer: GitAnswer): never {
  return failByGit({ code: "host-unreachable", message: `cannot fetch \`${withoutCredentials(url)}\``, hint: `git ls-remote ${withoutCredentials(url)}` }, answer);
}

function isCommit(ref: string): boolean {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(ref);
}

async function holds(ctx: Context, top: string, commit: string): Promise<boolean> {
  return (await runGit(ctx, top, ["cat-file", "-e", `${commit}^{commit}`])).status === 0;
}
