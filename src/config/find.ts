import { dirname, join, relative } from "node:path";
import { fail, type KeyPath } from "../model/index.ts";
import type { Context } from "../system/index.ts";
import { findMembers } from "./members.ts";
import { readProject, readRequirements, tableIn } from "./project.ts";
import { readTomlFile, type TomlFile } from "./toml-file.ts";

/** Where a workspace is, and what is written there for us. */
export interface Place {
  /** Absolute. */
  readonly directory: string;
  /** Absent where nothing of ours is written. */
  readonly file?: TomlFile;
  /** Where in the file our keys stand. */
  readonly below: KeyPath;
  /** Our keys. */
  readonly value: unknown;
}

/**
 * The workspace around a directory: the nearest caisson.toml or `[tool.caisson]` of a pyproject.toml, here or above;
 * else the uv workspace that it is a member of; else the nearest Python project; else a directory with a requirements.txt.
 * @throws CaissonError `config-invalid` where there is none
 */
export async function findWorkspace(ctx: Context, directory: string): Promise<Place> {
  const projects: { readonly directory: string; readonly toml?: TomlFile }[] = [];
  for (const at of upwards(directory)) {
    const file = await readTomlFile(ctx, join(at, "caisson.toml"));
    const project = await readProject(ctx, at);
    const toml = project?.toml ?? (await readTomlFile(ctx, join(at, "pyproject.toml")));
    const own = tableIn(tableIn(toml?.value, "tool"), "caisson");
    if (file !== undefined && own !== undefined) fail({ code: "config-invalid", message: `\`${file.shown}\` stands beside a \`[tool.caisson]\` in pyproject.toml`, hint: "keep one of them" });
    if (file !== undefined) return { directory: at, file, below: [], value: file.value };
    if (toml !== undefined && own !== undefined) return { directory: at, file: toml, below: ["tool", "caisson"], value: own };
    if (project !== undefined || toml !== undefined) projects.push({ directory: at, ...(toml === undefined ? {} : { toml }) });
  }
  const [nearest] = projects;
  if (nearest === undefined && (await readRequirements(ctx, directory)) !== undefined) return { directory, below: [], value: {} };
  if (nearest === undefined) return fail({ code: "config-invalid", message: `there is nothing to build in \`${relative(ctx.cwd, directory) || "."}\` or above: no caisson.toml, pyproject.toml, setup.py or requirements.txt`, hint: "run this in a project's directory, or write a caisson.toml" });
  for (const { directory: root, toml } of projects) {
    if (toml !== undefined && (await findMembers(toml)).some((member) => member === nearest.directory)) return { directory: root, below: [], value: {} };
  }
  return { directory: nearest.directory, below: [], value: {} };
}

function* upwards(directory: string): Iterable<string> {
  let at = directory;
  for (; at !== dirname(at); at = dirname(at)) yield at;
  yield at;
}
