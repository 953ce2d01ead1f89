import { posix } from "node:path";
import { parse } from "smol-toml";
import type { Json } from "../../model/index.ts";
import type { Context } from "../../system/index.ts";
import { kept } from "../cache.ts";
import type { Repository } from "./checkout.ts";
import { git, readObjects } from "./git.ts";

/** Files above a package's directory that change what a checkout of it holds, or which of its files a back end takes: hatchling and poetry-core read .gitignore. */
export const FILES_ABOVE: readonly string[] = [".gitattributes", ".gitignore"];

/** A link of a source, by its path in the repository or workspace. */
export interface SourceLink {
  readonly path: string;
  readonly target: string;
}

/** The directories above one, nearest first, up to the top, which is "". */
export function directoriesAbove(path: string): readonly string[] {
  if (path === "") return [];
  const above = posix.dirname(path);
  return above === "." ? [""] : [above, ...directoriesAbove(above)];
}

/** Whether a package takes something from outside of its directory, by its links or by what its back end is told. `path` is its directory, "" for the top, which has no outside. */
export function reachesOut(path: string, links: readonly SourceLink[], texts: { readonly pyproject?: string | undefined; readonly setupPy?: string | undefined; readonly setupCfg?: string | undefined }): boolean {
  if (path === "") return false;
  return links.some((link) => link.path.startsWith(`${path}/`) && leaves(path, link)) || tellsOfOutside(texts.pyproject) || CLIMBS.test(texts.setupPy ?? "") || CLIMBS.test(texts.setupCfg ?? "");
}

function leaves(path: string, link: SourceLink): boolean {
  return posix.isAbsolute(link.target) || !`${posix.join(posix.dirname(link.path), link.target)}/`.startsWith(`${path}/`);
}

/** Two dots that are a directory, or words of Python for one above. */
const CLIMBS = /(?<![.\w])\.\.(?![.\w])|\bpardir\b|\.parents\b|\.parent\b.*\.parent\b|dirname\([^)]*dirname/;

/** Any text that climbs. What `[tool.uv]` says of siblings is not read when a wheel is made. */
function tellsOfOutside(text: string | undefined): boolean {
  if (text?.includes("..") !== true) return false;
  try {
    const { tool, ...rest } = parse(text) as { readonly tool?: Readonly<Record<string, unknown>> };
    return [rest, ...Object.entries(tool ?? {}).flatMap(([name, table]) => (name === "uv" ? [] : [table]))].some(holdsClimb);
  } catch {
    return true;
  }
}

function holdsClimb(value: unknown): boolean {
  if (typeof value === "string") return value.split("/").includes("..");
  return typeof value === "object" && value !== null && Object.entries(value).some(([key, inner]) => key.split("/").includes("..") || holdsClimb(inner));
}

/** All links of a commit; kept, since a commit never changes. */
export async function linksOf(ctx: Context, { top }: Repository, commit: string): Promise<readonly SourceLink[]> {
  return await kept(ctx, "links", commit, async () => {
    const listed = await git(ctx, top, ["ls-tree", "-r", "-z", "--full-tree", commit], { code: "revision-unknown", message: `git cannot list the files of ${commit.slice(0, 12)}` });
    const paths = listed.toString("utf8").split("\0").flatMap((line) => /^120000 \S+ \S+\t(.*)$/s.exec(line)?.[1] ?? []);
    const targets = paths.length === 0 ? [] : await readObjects(ctx, top, paths.map((path) => `${commit}:${path}`));
    return paths.map((path, at): SourceLink => ({ path, target: targets[at]?.content.toString("utf8") ?? "" }));
  });
}

/** As one value for a key; undefined where nothing is around. */
export function aroundOf(above: ReadonlyMap<string, string>, outside: string | undefined): Json | undefined {
  if (above.size === 0 && outside === undefined) return undefined;
  return { ...Object.fromEntries(above), ...(outside === undefined ? {} : { outside }) };
}
