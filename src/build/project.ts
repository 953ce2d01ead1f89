import { parse } from "smol-toml";
import type { BuildNeeds } from "./wheel/build-environment.ts";
import type { Source } from "./source/source.ts";
import { USUAL_REQUIRES } from "./wheel/build-requires.ts";

/** What a source says about how its wheel is made. */
export interface Project {
  /** Its version stands in pyproject.toml; else it may come from anywhere: a tag, a file, a program. */
  readonly hasVersion: boolean;
  /** What its back end needs, where pyproject.toml says all of it. */
  readonly needs?: BuildNeeds;
  /** What pyproject.toml says that its back end needs. */
  readonly requires: readonly string[];
}

interface Pyproject {
  readonly project?: { readonly version?: string };
  readonly "build-system"?: { readonly requires?: readonly string[]; readonly "build-backend"?: string; readonly "backend-path"?: unknown };
  readonly tool?: { readonly poetry?: { readonly version?: string } };
}

/** The project that a source is; undefined where it is nothing but requirements. */
export async function readProject(source: Pick<Source, "readText">): Promise<Project | undefined> {
  const [text = "", setupPy, setupCfg] = await Promise.all(["pyproject.toml", "setup.py", "setup.cfg"].map((name) => source.readText(name)));
  const { project, "build-system": buildSystem, tool } = parsePyproject(text);
  if (project === undefined && buildSystem === undefined && setupPy === undefined && setupCfg === undefined) return undefined;
  const { requires, "build-backend": backend = "", "backend-path": ownBackEnd } = buildSystem ?? {};
  const isPlainPoetry = backend === "poetry.core.masonry.api" && tool?.poetry?.version !== undefined;
  const asksForNoMore = ownBackEnd === undefined && ASKS_FOR_NO_MORE[backend]?.(text, setupPy, setupCfg) === true;
  return { hasVersion: project?.version !== undefined || isPlainPoetry, requires: requires ?? USUAL_REQUIRES, ...(requires !== undefined && asksForNoMore ? { needs: { requires } } : {}) };
}

/** The back end says better than we what is wrong with a file that is no TOML. */
function parsePyproject(text: string): Pyproject {
  try {
    return parse(text);
  } catch {
    return { "build-system": {} };
  }
}

/** A back end may need more than is written, and would have to be asked. Of these it is known when they do not. */
const ASKS_FOR_NO_MORE: Readonly<Record<string, (pyproject: string, setupPy: string | undefined, setupCfg: string | undefined) => boolean>> = {
  "flit_core.buildapi": () => true,
  "poetry.core.masonry.api": () => true,
  "hatchling.build": (pyproject) => !/hooks|require-runtime/.test(pyproject),
  "setuptools.build_meta": (_, setupPy, setupCfg) => setupPy === undefined && setupCfg?.includes("setup_requires") !== true,
};
