import { parse } from "smol-toml";

/** How a project's wheel is made, as its files say. */
export interface BuildSystem {
  readonly requires: readonly string[];
  /** `MODULE` or `MODULE:OBJECT`. */
  readonly backEnd: string;
  /** Directories of the project in which a back end of its own is looked for first. */
  readonly places: readonly string[];
  /** Known to need no more than it is written with, so that nobody has to ask. */
  readonly asksForNoMore: boolean;
}

/** What a project is built by that says nothing of it, as before there was pyproject.toml. */
const USUAL: BuildSystem = { requires: ["setuptools>=40.8.0"], backEnd: "setuptools.build_meta:__legacy__", places: [], asksForNoMore: false };

/** What of a pyproject.toml matters to a build. */
export interface Pyproject {
  readonly project?: { readonly version?: string };
  readonly "build-system"?: { readonly requires?: unknown; readonly "build-backend"?: unknown; readonly "backend-path"?: unknown };
  readonly tool?: { readonly poetry?: { readonly version?: string } };
}

/** The back end says better than we what is wrong with a file that is no TOML. */
export function parsePyproject(text: string | undefined): Pyproject {
  try {
    return parse(text ?? "");
  } catch {
    return { "build-system": {} };
  }
}

/**
 * The build system of a project, by its files.
 * Source: packaging.python.org/specifications/pyproject-toml
 */
export function readBuildSystem({ "build-system": table }: Pyproject, setupPy: string | undefined, setupCfg: string | undefined): BuildSystem {
  if (table === undefined) return USUAL;
  const { requires, "build-backend": backEnd, "backend-path": places } = table;
  const read = { requires: Array.isArray(requires) ? texts(requires) : USUAL.requires, backEnd: typeof backEnd === "string" ? backEnd : USUAL.backEnd, places: Array.isArray(places) ? texts(places) : [] };
  // Others answer at once. This one goes through all files for it, and only these two can make it ask.
  return { ...read, asksForNoMore: read.backEnd === "setuptools.build_meta" && setupPy === undefined && setupCfg?.includes("setup_requires") !== true };
}

function texts(list: readonly unknown[]): readonly string[] {
  return list.filter((each): each is string => typeof each === "string");
}
