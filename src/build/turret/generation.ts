import { satisfies, parseRequirement } from "../../python/version/index.ts";

/** The newest turret program, which gives each Transaction its config and a context. */
const NEWEST = "0.2.8";

/**
 * Whether a script is of the 0.3 generation: its Transaction takes no config, so that today's turret program says that it starts, and its threads die when the HQ fires.
 * Undecided, and so false, where the text does not show it: a base class of the script's own may take one.
 */
export function isOldGeneration(script: string): boolean {
  const own = /^class[ \t]+Transaction\b[^\n]*\n((?:[ \t]+[^\n]*\n|[ \t]*(?:#[^\n]*)?\n)*)/m.exec(`${script.replaceAll("\r\n", "\n")}\n`)?.[1];
  const parameters = /^[ \t]+def[ \t]+__init__[ \t]*\(([^)]*)\)/m.exec(own ?? "")?.[1];
  if (parameters === undefined) return false;
  const names = parameters.replaceAll(/#[^\n]*/g, "").split(",").map((word) => word.trim()).filter((word) => word !== "");
  return names.length === 1 && !names.some((word) => word.startsWith("*"));
}

/** Whether a turret asks for a turret program of the old generation itself. */
export function wantsOldProgram(requirements: readonly string[]): boolean {
  return requirements.map(parseRequirement).some(({ name, specifier }) => name === "oct-turrets" && !satisfies(NEWEST, specifier, { prereleases: true }));
}
