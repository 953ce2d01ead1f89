import { parse } from "smol-toml";
import type { Source } from "./source/source.ts";
import { readBuildSystem, type BuildSystem } from "./wheel/build-system.ts";

/** What a source says about how its wheel is made. */
export interface Project {
  /** Its version stands in pyproject.toml; else it may come from anywhere: a tag, a file, a program. */
  readonly hasVersion: boolean;
  readonly system: BuildSystem;
}

interface Pyproject {
  readonly project?: { readonly version?: string };
  readonly "build-system"?: { readonly "build-backend"?: string };
  readonly tool?: { readonly poetry?: { readonly version?: string } };
}

/** The project that a source is; undefined where it is nothing but requirements. */
export async function readProject(source: Pick<Source, "readText">): Promise<Project | undefined> {
  const [text, setupPy, setupCfg] = await Promise.all(["pyproject.toml", "setup.py", "setup.cfg"].map((name) => source.readText(name)));
  const { project, "build-system": buildSystem, tool } = parsePyproject(text ?? "");
  if (project === undefined && buildSystem === undefined && setupPy === undefined && setupCfg === undefined) return undefined;
  const isPlainPoetry = buildSystem?.["build-backend"] === "poetry.core.masonry.api" && tool?.poetry?.version !== undefined;
  return { hasVersion: project?.version !== undefined || isPlainPoetry, system: readBuildSystem(text, setupPy, setupCfg) };
}

/** The back end says better than we what is wrong with a file that is no TOML. */
function parsePyproject(text: string): Pyproject {
  try {
    return parse(text);
  } catch {
    return { "build-system": {} };
  }
}
