import { lstat, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { errorCode, processSpace, removeTree, temporaryDirectory, type TemporaryDirectory } from "./files.ts";
import { takeOwner } from "./owner.ts";

/**
 * A temporary directory that goes away even where its owner is killed: its name says whose it is, and the next one who asks for a directory of that prefix removes what nobody owns any more.
 * Made in `parent`, by default where the system keeps temporary files. Its name is `prefix` and up to 26 letters.
 */
export async function ownedDirectory(prefix: string, parent: string = tmpdir()): Promise<TemporaryDirectory> {
  await removeAbandoned(prefix, parent);
  const directory = await temporaryDirectory(`${prefix}-${processSpace()}-${process.pid}`, parent);
  await takeOwner(directory.path);
  return directory;
}

/** Remove what processes that are no more have left in a directory under names of a prefix: `ownedDirectory`s, and with the prefix `.tmp` what was to take the place of something there. */
export async function removeAbandoned(prefix: string, parent: string): Promise<void> {
  for (const name of await readdir(parent).catch(() => [])) {
    const [, its = "", pid = ""] = name.startsWith(`${prefix}-`) ? (/^-(\d+)-(\d+)-\w+$/.exec(name.slice(prefix.length)) ?? []) : [];
    if (its === processSpace() && !isAlive(Number(pid))) await removeOwn(join(parent, name));
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return errorCode(error) !== "ESRCH";
  }
}

/** Where everybody may write, somebody may have put a link there, or something of theirs. What root makes in somebody's directory is that person's. */
async function removeOwn(path: string): Promise<void> {
  const [found, parent] = await Promise.all([path, dirname(path)].map((each) => lstat(each).catch(() => undefined)));
  const owners = process.getuid?.() === 0 ? [0, parent?.uid] : [process.getuid?.()];
  // Another one may be removing it just now.
  if ((found?.isDirectory() === true || found?.isFile() === true) && owners.includes(found.uid)) await removeTree(path).catch(() => undefined);
}
