import { existsSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { basename, dirname, join, posix, relative, resolve } from "node:path";
import type { Package } from "../../model/index.ts";
import { errorCode, type Context } from "../../system/index.ts";
import { once } from "../queue.ts";
import type { Repository } from "./checkout.ts";
import type { RevisionRequest } from "./source.ts";

/** Where a package's directory lies. */
export interface Place {
  /** Absolute; of a URL's package, in no checkout yet. */
  readonly directory: string;
  readonly repository?: Repository;
  /** The directory relative to the repository's top; "" for the top itself. */
  readonly path: string;
  /** As somebody wrote it; undefined means HEAD. */
  readonly rev?: string;
}

/**
 * Where each source lies, in their order. A repository that several packages come from is fetched once.
 * @throws CaissonError `host-unreachable` · `tool-missing`
 */
export async function locateAll(ctx: Context, workspaceDirectory: string, sources: readonly Package["source"][], request: RevisionRequest): Promise<readonly Place[]> {
  const mirrors = once<Mirror>();
  const openOnce = (address: string, ref: string): Promise<Mirror> =>
    mirrors(JSON.stringify([address, ref]), async () => await (await import("./mirror.ts")).openMirror(ctx, workspaceDirectory, address, ref, "offline" in request && request.offline));
  return await Promise.all(sources.map((source) => locate(workspaceDirectory, source, "rev" in request ? request.rev : undefined, openOnce)));
}

type Mirror = Repository & { readonly url: string };

async function locate(workspaceDirectory: string, source: Package["source"], rev: string | undefined, openOnce: (address: string, ref: string) => Promise<Mirror>): Promise<Place> {
  if ("git" in source) {
    const wanted = rev ?? source.ref;
    const mirror = await openOnce(source.git, wanted);
    return { directory: mirror.top, repository: mirror, path: posix.normalize(source.path ?? "").replace(/^\.?\/?$/, "").replace(/\/$/, ""), rev: wanted };
  }
  const directory = await realpathOfNearest(resolve(workspaceDirectory, source.path));
  const top = findTop(directory);
  return { directory, path: top === undefined ? "" : relative(top, directory), ...(top === undefined ? {} : { repository: { top } }), ...(rev === undefined ? {} : { rev }) };
}

/** The path without links, as far as it exists: at another revision there may be a directory that is not on disk. */
async function realpathOfNearest(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (errorCode(error) !== "ENOENT" || dirname(path) === path) throw error;
    return join(await realpathOfNearest(dirname(path)), basename(path));
  }
}

/** Found without asking git, which would cost a process; a submodule or a linked working tree has a file there. */
export function findTop(directory: string): string | undefined {
  if (existsSync(join(directory, ".git"))) return directory;
  return dirname(directory) === directory ? undefined : findTop(dirname(directory));
}
