import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fail, printStackRef, type Target, type Workspace } from "../model/index.ts";
import { machinePlatform } from "../build/index.ts";
import { containers } from "../formats/index.ts";
import { compareVersions } from "../python/index.ts";
import { listStacks } from "../stack/index.ts";
import type { Store } from "../store/index.ts";
import type { Context } from "../system/index.ts";

/**
 * What `deploy` means without a name: in a workspace of one package, the bundle in `dist/` with the highest version for the platform.
 * @throws CaissonError `usage` with the stacks there are
 */
export async function findDefaultBundle(ctx: Context, store: Store, workspace: Workspace | undefined, target: Target): Promise<string> {
  const [only, ...others] = (workspace?.packages ?? []).filter(({ implied }) => implied !== true);
  if (only === undefined || others.length > 0) return await listChoices(store, "say which stack or bundle to deploy");
  const platform = target.platform ?? workspace?.platforms[0]?.label ?? (await machinePlatform(ctx)).label;
  const names = await readdir(join(ctx.cwd, "dist")).catch(() => []);
  const best = highestBundle(names, only.written, platform);
  return best === undefined ? await listChoices(store, `there is no bundle of \`${only.written}\` for ${platform} in \`dist\``, "caisson build makes one") : join("dist", best);
}

/** Of the names in a directory, that of the bundle with the highest version, by version order. */
export function highestBundle(names: readonly string[], written: string, platform: string): string | undefined {
  const found = names.flatMap((name) => {
    // `.tar.gz` before `.tar`, and a directory last: the first format is what people see first.
    const format = containers.find(({ suffix }) => name.startsWith(`${written}-`) && name.endsWith(`-${platform}${suffix}`));
    if (format === undefined) return [];
    return [{ name, version: name.slice(written.length + 1, name.length - platform.length - format.suffix.length - 1), rank: containers.indexOf(format) }];
  });
  return found.toSorted((a, b) => compareVersions(b.version, a.version) || a.rank - b.rank)[0]?.name;
}

async function listChoices(store: Store, message: string, way?: string): Promise<never> {
  const stacks = (await listStacks(store)).map(({ ref }) => printStackRef(ref));
  const listed = `${stacks.slice(0, LISTED).join(", ")}${stacks.length > LISTED ? ` and ${stacks.length - LISTED} more (caisson stack list)` : ""}`;
  fail({ code: "usage", message, hint: stacks.length === 0 ? (way ?? "make a stack: caisson build --to-stack NAME --create") : [...(way === undefined ? [] : [way]), `stacks: ${listed}`].join("; ") });
}

const LISTED = 8;
