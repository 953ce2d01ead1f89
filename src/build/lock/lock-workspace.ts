import { readFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { directoryHere, fail, type Package, type PackageName, type Platform, type Workspace } from "../../model/index.ts";
import { printLock, type Lock, type LockedFile } from "../../python/index.ts";
import type { Store } from "../../store/index.ts";
import { isOutside, writeDurably, type Context } from "../../system/index.ts";
import { choosePackages, choosePlatforms } from "../build.ts";
import { gather } from "../gather.ts";
import { lockByInputs, lockFileName, relockPackage } from "./lock.ts";
import { lockRequest } from "./lock-request.ts";
import { openSession, type Session } from "../session.ts";
import { forgetBuildLocks } from "../wheel/build-lock.ts";

export interface LockWorkspaceRequest {
  /** All of the workspace's where absent. */
  readonly packages?: readonly PackageName[];
  /** Those of the workspace where absent, and this machine's where it names none. */
  readonly platforms?: readonly Platform[];
  /** Take the newest versions, also of what is locked already, back ends among it. */
  readonly upgrade?: boolean;
  readonly offline: boolean;
}

/** A lock file that stands beside its package now. */
export interface WrittenLock {
  readonly package: PackageName;
  readonly platform: string;
  /** Absolute. */
  readonly path: string;
  /** How many distributions it names. */
  readonly distributions: number;
  readonly state: "written" | "unchanged";
}

/**
 * Write the lock of each Python package for each platform beside its pyproject.toml, `pylock.<platform>.toml`, for the files as they are on disk.
 * Versions that are locked already, or that a build has used, are kept where they still satisfy. Nothing is written unless all succeed.
 * @throws CaissonError as `lockPackage`, with the problems of all packages and platforms
 */
export async function lockWorkspace(ctx: Context, store: Store, workspace: Workspace, request: LockWorkspaceRequest): Promise<readonly WrittenLock[]> {
  const packages = choosePackages(workspace, request.packages).filter((pkg) => isOurs(pkg, request.packages !== undefined));
  const platforms = await choosePlatforms(ctx, workspace, request.platforms);
  await using session = await openSession(ctx, store, workspace, packages, { onDisk: true, offline: request.offline });
  if (request.upgrade === true) await forgetBuildLocks(store);
  const locks = await gather(packages.flatMap((pkg) => platforms.map((platform) => makeLock(session, pkg, platform, request.upgrade === true))));
  const written: WrittenLock[] = [];
  for (const { text, ...lock } of locks) {
    const unchanged = (await readFile(lock.path, "utf8").catch(() => undefined)) === text;
    if (!unchanged) await writeDurably(lock.path, text);
    written.push({ ...lock, state: unchanged ? "unchanged" : "written" });
  }
  return written;
}

/** A lock stands beside its package, so that package must be a directory of this workspace. */
function isOurs(pkg: Package, named: boolean): boolean {
  if (pkg.kind === "python" && directoryHere(pkg) !== undefined) return true;
  if (named) fail({ code: "usage", message: pkg.kind === "python" ? `\`${pkg.written}\` is in another repository, and its lock belongs there` : pkg.kind === "turret" ? `the lock of the turret \`${pkg.written}\` is kept in the store` : `\`${pkg.written}\` is a package of files, which needs no lock` });
  return false;
}

async function makeLock(session: Session, pkg: Package, platform: Platform, upgrade: boolean): Promise<Omit<WrittenLock, "state"> & { readonly text: string }> {
  const { ctx, store, workspace } = session;
  const directory = resolve(workspace.directory, directoryHere(pkg) ?? "");
  const path = join(directory, lockFileName(pkg, platform));
  const before = await readFile(path, "utf8").catch(() => undefined);
  const request = lockRequest(session, pkg, platform);
  const { lock } = upgrade || before !== undefined ? await relockPackage(ctx, store, request, upgrade ? undefined : before) : await lockByInputs(ctx, store, request);
  return { package: pkg.name, platform: platform.label, path, distributions: lock.packages.length, text: printLock(relativeTo(directory, workspace.directory, lock)) };
}

/** Files of the workspace itself are named from the lock's own place, so that they are found in every checkout. */
function relativeTo(directory: string, workspace: string, lock: Lock): Lock {
  const named = (file: LockedFile): LockedFile => {
    const { url, ...rest } = file;
    const path = file.path ?? (url?.startsWith("file:") === true ? fileURLToPath(url) : undefined);
    return path === undefined || isOutside(workspace, path) ? file : { ...rest, path: relative(directory, path) };
  };
  return { ...lock, packages: lock.packages.map((locked) => ({ ...locked, files: locked.files.map(named) })) };
}
