import { stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { CaissonError, type PackageName } from "../../model/index.ts";
import { parseRequirement, type Requirement } from "../../python/index.ts";
import { hashFile, type Context } from "../../system/index.ts";
import { describeDisk, hashDisk, listDisk } from "../source/snapshot.ts";

/** What is asked for by its place on this machine, `name @ file:///...`, and can be another one tomorrow. */
export interface LocalFile {
  readonly name: PackageName;
  readonly isDirectory: boolean;
  /** A hash of all of it. */
  readonly content: string;
}

/** Those that are there. */
export async function localFiles(ctx: Context, requires: readonly string[]): Promise<readonly LocalFile[]> {
  const found = await Promise.all(requires.map(async (text): Promise<readonly LocalFile[]> => {
    const { name, url = "" } = text.includes("file:") ? tryParse(text) : {};
    if (name === undefined || !url.startsWith("file://") || !URL.canParse(url)) return [];
    const path = fileURLToPath(url.replace(/#.*$/, ""));
    const there = await stat(path).catch(() => undefined);
    if (there?.isDirectory() !== true) return there === undefined ? [] : [{ name, isDirectory: false, content: (await hashFile(path)).digest }];
    return [{ name, isDirectory: true, content: hashDisk(await describeDisk(path, await listDisk(ctx, path, false))) }];
  }));
  return found.flat();
}

/** What is no requirement, uv tells. */
function tryParse(text: string): Partial<Requirement> {
  try {
    return parseRequirement(text);
  } catch (error) {
    if (error instanceof CaissonError) return {};
    throw error;
  }
}
