import { join, relative, sep } from "node:path";
import { parsePackageName, type PackageName, type Process } from "../model/index.ts";
import type { Draft } from "./draft.ts";
import { requiredNames, stringsIn } from "./project.ts";
import { readText } from "./toml-file.ts";
import type { Context } from "../system/index.ts";

/** A turret as far as it matters before it is built: what is wrong with the rest of it, packing tells. */
export interface NamedTurret {
  readonly name: string;
  readonly requires: readonly PackageName[];
}

/** The turrets that the OCT project in a directory names; undefined where its config.json is missing, or none of OCT's. */
export async function readNamedTurrets(ctx: Context, directory: string): Promise<readonly NamedTurret[] | undefined> {
  const top = await readTable(ctx, directory, "config.json");
  const entries = top?.["turrets"];
  if (!Array.isArray(entries)) return undefined;
  const tables = await Promise.all((entries as readonly unknown[]).map(async (entry) => (typeof entry === "string" ? await readTable(ctx, directory, entry) : tableOf(entry))));
  return tables.flatMap((table) => {
    const name = table?.["name"];
    const asking = [top, tableOf(top?.["extra_turret_config"]), table].findLast((each) => each?.["turrets_requirements"] !== undefined);
    return typeof name === "string" ? [{ name, requires: requiredNames(stringsIn(asking, "turrets_requirements")) }] : [];
  });
}

/** What starts a turret, unless its package says otherwise. The words of a turret's own command follow when it is built. */
export const turretProcess: Process = { name: "turret", argv: ["start-turret"], environment: {}, requires: [] };

/** A package for each turret of an OCT project, called as it, or as near to that as a package may be. */
export async function packagesOfTurrets(ctx: Context, workspace: string, directory: string): Promise<readonly Draft[]> {
  const path = relative(workspace, directory).replaceAll(sep, "/") || ".";
  return ((await readNamedTurrets(ctx, directory)) ?? []).map(({ name, requires }, at) => {
    const written = name.replaceAll(/[^A-Za-z0-9._-]+/g, "-").replaceAll(/^[._-]+|[._-]+$/g, "") || `turret-${at + 1}`;
    return { pkg: { name: parsePackageName(written), written, kind: "turret", source: { path }, needs: [], extras: [], turret: name, prefix: "", link: "auto", processes: [turretProcess], start: [], hooks: [] }, requires: () => requires };
  });
}

async function readTable(ctx: Context, directory: string, name: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const path = join(directory, name);
  const text = await readText(path, relative(ctx.cwd, path));
  try {
    return text === undefined ? undefined : tableOf(JSON.parse(text));
  } catch {
    // What is no JSON is told with line and column by whoever packs it.
    return undefined;
  }
}

function tableOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>) : undefined;
}
