import { lchown, lstat, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";

/**
 * Give what was just made to the owner of the directory that it lies in, where we are root: whoever runs a build by sudo in his own directory,
 * or with his own store, finds nothing there afterwards that he may not change.
 */
export async function takeOwner(path: string): Promise<void> {
  if (process.geteuid?.() !== 0) return;
  const { uid, gid } = await stat(dirname(path));
  if (uid !== 0) await lchown(path, uid, gid);
}

/** The same for a directory that other programs filled for us: what of it is root's becomes its owner's, the directory itself too. */
export async function takeOwnerWithin(directory: string): Promise<void> {
  if (process.geteuid?.() !== 0) return;
  const owner = await stat(dirname(directory)).catch(() => undefined);
  if (owner !== undefined && owner.uid !== 0) await giveAll(directory, owner);
}

async function giveAll(path: string, owner: { readonly uid: number; readonly gid: number }): Promise<void> {
  // Somebody else may be tidying up there.
  const found = await lstat(path).catch(() => undefined);
  if (found?.uid === 0) await lchown(path, owner.uid, owner.gid).catch(() => undefined);
  if (found?.isDirectory() !== true) return;
  for (const name of await readdir(path).catch(() => [])) await giveAll(join(path, name), owner);
}
