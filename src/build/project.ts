import type { Source } from "./source/source.ts";
import { parsePyproject, readBuildSystem, type BuildSystem } from "./wheel/build-system.ts";

/** What a source says about how its wheel is made. */
export interface Project {
  /** Its version stands in pyproject.toml; else it may come from anywhere: a tag, a file, a program. */
  readonly hasVersion: boolean;
  readonly system: BuildSystem;
}

/** The project that a source is; undefined where it is nothing but requirements. */
export async function readProject(source: Pick<Source, "readText">): Promise<Project | undefined> {
  const [text, setupPy, setupCfg] = await Promise.all(["pyproject.toml", "setup.py", "setup.cfg"].map((name) => source.readText(name)));
  const pyproject = parsePyproject(text);
  const { project, "build-system": buildSystem, tool } = pyproject;
  if (project === undefined && buildSystem === undefined && setupPy === undefined && setupCfg === undefined) return undefined;
  const isPlainPoetry = buildSystem?.["build-backend"] === "poetry.core.masonry.api" && tool?.poetry?.version !== undefined;
  return { hasVersion: project?.version !== undefined || isPlainPoetry, system: readBuildSystem(pyproject, setupPy, setupCfg) };
}
