import { CaissonError, compareBytewise, type Distribution, type PackageName, type Platform, type Problem } from "../../model/index.ts";
import { evaluateMarker } from "../version/marker.ts";
import { parseRequirement, type Requirement } from "../version/requirement.ts";
import { satisfies } from "../version/specifier.ts";

/**
 * What distributions that are to lie together miss of each other, as `pip check` tells it: requirements that are not there or of the wrong version, by the platform's markers. Beyond pip, Python's version and what a required extra requires.
 * Sorted by name; all are `requirements-broken`. `bring` says how what is not there could be.
 */
export function checkRequirements(distributions: readonly Distribution[], platform: Platform, bring: (missing: PackageName) => string | undefined = () => undefined): readonly Problem[] {
  const problems: Problem[] = [];
  const refuse = (message: string, hint = `caisson lock --platform ${platform.label}`): void => void problems.push({ code: "requirements-broken", message, hint });
  const inOrder = distributions.toSorted((a, b) => compareBytewise(a.name, b.name));
  const installed = new Map(inOrder.map((distribution) => [distribution.name, distribution]));
  const needs = new Map(inOrder.map((distribution) => [distribution, readNeeds(distribution, refuse)]));
  const extras = findExtras(needs, platform);
  const full = platform.markers["python_full_version"] ?? platform.python.version;

  for (const [distribution, requirements] of needs) {
    const who = `\`${distribution.name}\` ${distribution.version}`;
    if (installed.get(distribution.name) !== distribution) refuse(`${who} is there beside version ${installed.get(distribution.name)?.version} of itself`);
    if (distribution.requiresPython !== undefined && !satisfies(full, distribution.requiresPython)) refuse(`${who} requires Python ${distribution.requiresPython}, but ${platform.label} has ${full}`);
    for (const requirement of requirements) {
      if (!applies(requirement, platform, extras.get(distribution.name))) continue;
      const found = installed.get(requirement.name);
      if (found === undefined) refuse(`${who} requires \`${requirement.name}\`, which is not installed`, bring(requirement.name));
      else if (!satisfies(found.version, requirement.specifier)) refuse(`${who} has requirement \`${requirement.name}${requirement.specifier}\`, but you have \`${found.name}\` ${found.version}`);
    }
  }
  return problems;
}

function readNeeds(distribution: Distribution, refuse: (message: string) => void): readonly Requirement[] {
  return distribution.requires.flatMap((text) => {
    try {
      return [parseRequirement(text)];
    } catch (error) {
      if (!(error instanceof CaissonError)) throw error;
      refuse(`\`${distribution.name}\` ${distribution.version} has a requirement that nobody can read: ${error.message}`);
      return [];
    }
  });
}

/** Which extras of each distribution the others ask for; one extra may ask for the next. */
function findExtras(needs: ReadonlyMap<Distribution, readonly Requirement[]>, platform: Platform): ReadonlyMap<PackageName, ReadonlySet<PackageName>> {
  const extras = new Map<PackageName, Set<PackageName>>();
  for (let before = -1, now = 0; before !== now; ) {
    for (const [{ name }, requirements] of needs) {
      for (const requirement of requirements) {
        if (requirement.extras.length === 0 || !applies(requirement, platform, extras.get(name))) continue;
        extras.set(requirement.name, new Set([...(extras.get(requirement.name) ?? []), ...requirement.extras]));
      }
    }
    before = now;
    now = [...extras.values()].reduce((sum, { size }) => sum + size, 0);
  }
  return extras;
}

function applies({ marker }: Requirement, platform: Platform, extras: ReadonlySet<PackageName> | undefined): boolean {
  return marker === undefined || evaluateMarker(marker, platform.markers) || (extras !== undefined && evaluateMarker(marker, platform.markers, [...extras]));
}
