import { compareVersions, parseRequirement } from "../../python/index.ts";

/** What a turret's environment is made of: what the turret asks for, and the turret program, which from Python 3.12 on needs the maintained copy of a module that Python had until then. */
export function programNeeds(requirements: readonly string[], python: string): readonly string[] {
  const names = requirements.map((text) => parseRequirement(text).name);
  const own = ["oct-turrets", ...(compareVersions(python, "3.12") < 0 ? [] : ["zombie-imp"])];
  return [...requirements, ...own.filter((name) => !names.some((named) => named === name))];
}
