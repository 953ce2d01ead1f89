import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Problem } from "../../model/index.ts";
import { errorCode, makeDirectory, ownedDirectory, type Context, type TemporaryDirectory } from "../../system/index.ts";
import { git } from "./git.ts";
import { fillSubmodules } from "./submodules.ts";

/** A repository on this machine: somebody's own, or our mirror of a URL. */
export interface Repository {
  /** Its working tree's top directory, or the bare repository itself; absolute. */
  readonly top: string;
  /** Where it came from, if we know. */
  readonly url?: string;
}

/**
 * Check a whole repository out at a commit, into a new directory: a repository of its own, so that back ends that ask git for a version find one. Objects are borrowed, not copied.
 * @throws CaissonError `revision-unknown` where git cannot
 */
export async function checkOut(ctx: Context, repository: Repository, commit: string, directory: string): Promise<void> {
  const problem = { code: "revision-unknown", message: `cannot check out ${commit.slice(0, 12)} of \`${repository.url ?? repository.top}\``, hint: `is there room for it? df ${dirname(directory)}; is the repository whole? git -C ${repository.top} fsck` } as const;
  await openRepository(ctx, repository, directory, problem);
  await git(ctx, directory, ["checkout", "--quiet", "--force", "--detach", commit], problem);
  await fillSubmodules(ctx, repository, directory);
}

/**
 * A new directory that is a repository of the same commits and tags, with no file in it yet. Objects are borrowed, not copied.
 * @throws CaissonError as `problem` says
 */
export async function openRepository(ctx: Context, { top }: Repository, directory: string, problem: Problem): Promise<void> {
  await git(ctx, top, ["clone", "--quiet", "--shared", "--no-checkout", "--template=", "--", top, directory], problem);
}

/** One checkout for everybody who asks, made when the first does, and removed when the last of its `owners` is done. */
export function sharedCheckout(owners: number, make: (directory: string) => Promise<void>): { readonly path: () => Promise<string>; readonly release: () => Promise<void> } {
  let made: Promise<{ readonly scratch: TemporaryDirectory; readonly path: string }> | undefined;
  let left = owners;
  return {
    path: async () => (await (made ??= makeOnce(make))).path,
    release: async () => {
      left -= 1;
      if (left === 0) await (await made?.catch(() => undefined))?.scratch[Symbol.asyncDispose]();
    },
  };
}

async function makeOnce(make: (directory: string) => Promise<void>): Promise<{ readonly scratch: TemporaryDirectory; readonly path: string }> {
  const scratch = await ownedDirectory("caisson-checkout");
  try {
    const path = join(scratch.path, "checkout");
    await make(path);
    return { scratch, path };
  } catch (error) {
    await scratch[Symbol.asyncDispose]();
    throw error;
  }
}

/** A name below `directory` that is free for one more checkout, and the same in each new directory: some compilers write down where they were. */
export async function roomFor(directory: string): Promise<string> {
  await makeDirectory(directory);
  for (let count = 1; ; count++) {
    const room = join(directory, `checkout-${count}`);
    const made = await mkdir(room).then(() => true, (error: unknown) => {
      if (errorCode(error) !== "EEXIST") throw error;
      return false;
    });
    if (made) return join(room, "source");
  }
}
