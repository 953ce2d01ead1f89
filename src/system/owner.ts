import { lchown, stat } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Give what was just made to the owner of the directory that it lies in, where we are root: whoever runs a build by sudo in his own directory,
 * or with his own store, finds nothing there afterwards that he may not change.
 */
export async function takeOwner(path: string): Promise<void> {
  if (process.geteuid?.() !== 0) return;
  const { uid, gid } = await stat(dirname(path));
  if (uid !== 0) await lchown(path, uid, gid);
}
