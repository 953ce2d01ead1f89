import { readFile, readlink } from "node:fs/promises";
import { join, relative } from "node:path";
import { parseLabel, parsePackageName, type StackRef, type Workspace } from "../../model/index.ts";
import type { Context } from "../../system/index.ts";

/** A stack that stands under a root of this machine, ready to run. */
export interface DeployedHere {
  /** The root, as the user would type it. */
  readonly place: string;
  readonly ref: StackRef;
}

/** What is current or previous where `caisson up` runs, and where targets of the workspace are on this machine. Nobody else is asked. */
export async function findDeployedHere(ctx: Context, workspace: Workspace): Promise<readonly DeployedHere[]> {
  const roots = workspace.targets.flatMap(({ hosts }) => hosts.filter(({ via }) => via === "local").map(({ root }) => root));
  const found = await Promise.all([...new Set([join(workspace.directory, ".caisson", "up"), ...roots])].map((root) => stacksUnder(ctx, root)));
  return found.flat();
}

/** The stacks of a root's current and previous releases. */
export async function stacksUnder(ctx: Context, root: string): Promise<readonly DeployedHere[]> {
  const found = await Promise.all(["current", "previous"].map(async (link) => {
    const label = await readlink(join(root, "versions", link)).catch(() => undefined);
    const text = label === undefined ? undefined : await readFile(join(root, "versions", label, "manifest.json"), "utf8").catch(() => undefined);
    if (label === undefined || text === undefined) return [];
    const { name } = JSON.parse(text) as { readonly name: string };
    return [{ place: relative(ctx.cwd, root) || ".", ref: { name: parsePackageName(name), label: parseLabel(label) } }];
  }));
  return found.flat();
}
