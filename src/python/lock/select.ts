import { CaissonError, compareBytewise, type PackageName, type Platform, type Problem } from "../../model/index.ts";
import type { Lock, LockedFile, LockedPackage, LockedSource } from "./lock.ts";
import { evaluateMarker, parseMarker } from "../version/marker.ts";
import { satisfies } from "../version/specifier.ts";
import { explainMiss, printFiles } from "./unfit.ts";
import { parseWheelFileName } from "../wheel/name.ts";

/** One package of a lock and the file that will be installed for it. */
export interface Choice {
  readonly name: PackageName;
  readonly version: string | undefined;
  readonly file: LockedFile;
  /** Not a wheel: it must be built first. */
  readonly build: boolean;
}

/** One package of a lock that is no file: it is built from a commit of a git repository. */
export type ChosenCommit = LockedPackage & { readonly source: Extract<LockedSource, { readonly kind: "vcs" }> };

/** What a platform installs, each in the order of the lock. */
export interface Selection {
  readonly choices: readonly Choice[];
  readonly commits: readonly ChosenCommit[];
}

export interface SelectOptions {
  readonly extras?: readonly string[];
  /** Dependency groups; the lock's own default groups where absent. */
  readonly groups?: readonly string[];
  /** Packages that come from elsewhere, as those of the workspace do; the lock's entries for them are passed over. */
  readonly provided?: readonly PackageName[];
  /** The package that is locked, as a user would type it to lock it anew; all of a workspace where absent. */
  readonly written?: string;
}

/** Why a lock is none for a platform. */
export interface Misfit {
  readonly problems: readonly Problem[];
  /** A line for each package of which no file fits: the files that there are. */
  readonly files: readonly string[];
}

/**
 * Choose from a lock what a platform installs: offline, by markers, best tag, then highest build number; an sdist only where no wheel fits.
 * Problems are all that is wrong at once: `wheel-unfit` where something does not fit the platform, `config-invalid` where the lock contradicts itself.
 * Source: packaging.python.org/specifications/pylock-toml#installation
 */
export function select(lock: Lock, platform: Platform, options: SelectOptions = {}): Selection | Misfit {
  const problems: Problem[] = [];
  const { extras = [], groups = lock.defaultGroups, provided = [], written } = options;
  const hint = `caisson lock ${written === undefined ? "" : `${written} `}--platform ${platform.label}`;
  const refuse = (message: string, how: Partial<Problem> = {}): void => void problems.push({ code: "wheel-unfit", message, file: lock.file, hint, ...how });
  const full = platform.markers["python_full_version"] ?? platform.python.version;
  const holds = (marker: string): boolean => {
    try {
      return evaluateMarker(parseMarker(marker), platform.markers, extras, groups);
    } catch (error) {
      if (!(error instanceof CaissonError)) throw error;
      refuse(error.message, { code: "config-invalid" });
      return false;
    }
  };

  if (lock.requiresPython !== undefined && !satisfies(full, lock.requiresPython)) refuse(`\`${lock.file}\` is for Python ${lock.requiresPython}, and ${platform.label} has ${full}`);
  if (lock.environments.length > 0 && !lock.environments.some(holds)) refuse(`\`${lock.file}\` is for other systems than ${platform.label}`);
  // Of a lock for something else, every single miss would be noise.
  if (problems.length > 0) return { problems, files: [] };

  const live = lock.packages.filter((locked) => !provided.includes(locked.name) && (locked.marker === undefined || holds(locked.marker)));
  const seen = new Map<PackageName, LockedPackage>();
  const tags = rankTags(platform);
  const choices: Choice[] = [];
  const commits: ChosenCommit[] = [];
  const files: string[] = [];
  for (const locked of live) {
    const earlier = seen.get(locked.name);
    seen.set(locked.name, locked);
    const file = bestFile(locked, tags);
    if (earlier !== undefined) refuse(`\`${lock.file}\` has ${named(earlier)} and ${locked.version ?? "again"} for ${platform.label}`, { code: "config-invalid" });
    else if (locked.requiresPython !== undefined && !satisfies(full, locked.requiresPython)) refuse(`${named(locked)} needs Python ${locked.requiresPython}, and ${platform.label} has ${full}`);
    else if (isCommit(locked)) commits.push(locked);
    else if (locked.source !== undefined) refuse(`\`${locked.name}\` is locked to ${locked.source.kind === "vcs" ? "a commit" : "a directory"}, which has no hash`, { hint: "make it a package of the workspace, or put its wheel in an index" });
    else if (file === undefined) {
      refuse(explainMiss(locked, platform));
      files.push(printFiles(locked, platform));
    }
    else choices.push({ name: locked.name, version: locked.version, file, build: file.kind === "sdist" });
  }
  return problems.length === 0 ? { choices, commits } : { problems, files };
}

function named({ name, version }: LockedPackage): string {
  return `\`${name}\`${version === undefined ? "" : ` ${version}`}`;
}

function isCommit(locked: LockedPackage): locked is ChosenCommit {
  return locked.source?.kind === "vcs" && locked.source.type === "git";
}

/** The rank of each tag, 0 the best. Plain `linux` says nothing about the libc that a wheel needs, so nobody else's is taken. */
function rankTags(platform: Platform): ReadonlyMap<string, number> {
  return new Map(platform.tags.map((tag, rank) => [tag, rank] as const).filter(([tag]) => !tag.endsWith(`-linux_${platform.arch}`)));
}

function bestFile(locked: LockedPackage, tags: ReadonlyMap<string, number>): LockedFile | undefined {
  const fitting = locked.files.flatMap((file) => {
    const ranked = file.kind === "wheel" ? rankWheel(file.fileName, tags) : undefined;
    return ranked === undefined ? [] : [{ file, ...ranked }];
  });
  const [best] = fitting.toSorted((a, b) => a.rank - b.rank || compareBuilds(b.build, a.build) || compareBytewise(a.file.fileName, b.file.fileName));
  return best?.file ?? locked.files.find(({ kind }) => kind === "sdist");
}

function rankWheel(fileName: string, tags: ReadonlyMap<string, number>): { readonly rank: number; readonly build: string } | undefined {
  const name = parseWheelFileName(fileName);
  if (name === undefined) return undefined;
  let rank = Infinity;
  for (const python of name.pythonTags) {
    for (const abi of name.abiTags) {
      for (const platform of name.platformTags) rank = Math.min(rank, tags.get(`${python}-${abi}-${platform}`) ?? Infinity);
    }
  }
  return rank === Infinity ? undefined : { rank, build: name.build ?? "" };
}

/** By number, then by what stands behind it; none is lowest. */
function compareBuilds(a: string, b: string): number {
  const [, numberA = "", restA = ""] = /^([0-9]*)(.*)$/.exec(a) ?? [];
  const [, numberB = "", restB = ""] = /^([0-9]*)(.*)$/.exec(b) ?? [];
  if ((numberA === "") !== (numberB === "")) return numberA === "" ? -1 : 1;
  return Number(numberA) - Number(numberB) || compareBytewise(restA, restB);
}
