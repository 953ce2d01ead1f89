import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** A file as an installer left it. */
export interface InstalledFile {
  readonly mode: number;
  readonly bytes: Buffer;
}

/** Every file below a directory by its path, links followed; `skip` leaves out paths and what lies below them. */
export function installedFiles(directory: string, skip: (path: string) => boolean = () => false, below = ""): Map<string, InstalledFile> {
  const found = new Map<string, InstalledFile>();
  for (const name of readdirSync(join(directory, below)).toSorted()) {
    const path = below === "" ? name : `${below}/${name}`;
    if (skip(path)) continue;
    const stat = statSync(join(directory, path));
    if (stat.isDirectory()) for (const [inner, file] of installedFiles(directory, skip, path)) found.set(inner, file);
    else found.set(path, { mode: stat.mode & 0o7777, bytes: readFileSync(join(directory, path)) });
  }
  return found;
}
