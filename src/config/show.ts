import { resolve } from "node:path";
import { printKeyPath, type Json, type KeyPath, type Shape } from "../model/index.ts";
import type { Context } from "../system/index.ts";
import { findWorkspace, type Place } from "./find.ts";
import { readProject } from "./project.ts";
import { readWorkspace } from "./read.ts";
import { configKeys } from "./schema.ts";

/** One value that is in force, and who says so. */
export interface Setting {
  /** `packages.web.path`; of an environment variable its name. */
  readonly key: string;
  /** Null where the default is no single value. */
  readonly value: Json;
  /** `caisson.toml`, `pyproject.toml`, `environment`, or `default` with what it means. */
  readonly origin: string;
  readonly line?: number;
}

/**
 * Every setting of a workspace with its origin, in the order of the reference.
 * @throws CaissonError `config-invalid`
 */
export async function showConfig(ctx: Context, directory: string): Promise<readonly Setting[]> {
  const workspace = await readWorkspace(ctx, directory);
  const place = await findWorkspace(ctx, resolve(ctx.cwd, directory));
  const written = settingsOf(configKeys(), place.value, [], place);
  const isWritten = (key: string): boolean => written.some((setting) => setting.key === key && setting.line !== undefined);
  const own = workspace.packages.filter(({ implied }) => implied !== true);
  const found = written.some(({ key }) => key.startsWith("packages.")) ? [] : await Promise.all(own.map(async (pkg): Promise<Setting> => {
    const path = "path" in pkg.source ? pkg.source.path ?? "." : ".";
    const project = await readProject(ctx, resolve(workspace.directory, path));
    return { key: printKeyPath(["packages", pkg.written, "path"]), value: path, origin: path === "." ? (project?.file ?? "default") : `${path}/${project?.file ?? ""}` };
  }));
  const name = isWritten("workspace.name") ? [] : [{ key: "workspace.name", value: workspace.name, origin: own.length === 1 ? "default: the package's name" : "default: the directory's name" }];
  const environment = Object.entries(ctx.env).filter(([key, value]) => key.startsWith("CAISSON_") || (["SYSBASE", "WHEEL_DIR"].includes(key) && value !== "")).map(([key, value]): Setting => ({ key, value, origin: "environment" }));
  return [...name, ...written.filter(({ key }) => key !== "workspace.name" || name.length === 0), ...found, ...environment];
}

function settingsOf(shape: Shape<unknown>, value: unknown, at: KeyPath, place: Place): readonly Setting[] {
  const table = shape.choices?.find(({ kind }) => kind === "table" && typeof value === "object") ?? shape;
  if (table.keys !== undefined) return Object.entries(table.keys).flatMap(([name, sub]) => settingsOf(sub, fieldOf(value, name), [...at, name], place));
  if (table.kind === "table" && table.each !== undefined) {
    const { each } = table;
    return Object.entries(value ?? {}).flatMap(([name, item]) => settingsOf(each, item, [...at, name], place));
  }
  const key = printKeyPath(at);
  if (value === undefined) return shape.fallback === undefined ? [] : [defaultSetting(key, shape.fallback)];
  const line = place.file?.lineOf([...place.below, ...at]);
  return [{ key, value: value as Json, origin: place.file?.shown ?? "default", ...(line === undefined ? {} : { line }) }];
}

function fieldOf(value: unknown, name: string): unknown {
  return (value as Readonly<Record<string, unknown>> | undefined)?.[name];
}

/** Most defaults are values; some are told in words. */
function defaultSetting(key: string, fallback: string): Setting {
  try {
    return { key, value: JSON.parse(fallback) as Json, origin: "default" };
  } catch {
    return { key, value: null, origin: `default: ${fallback}` };
  }
}
