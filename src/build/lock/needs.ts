import { posix } from "node:path";
import { fail, failAll, normalizeName, type Package, type PackageName, type Problem } from "../../model/index.ts";
import { expandGroups, isSpecifier, parseRequirement, parseToml, readScriptHeader, type Requirement } from "../../python/index.ts";
import type { Source } from "../source/source.ts";
import { projectMistakes } from "./check-project.ts";
import { readRequirementFile, type IndexOptions } from "./requirement-lines.ts";

/** What a package asks for: written down where it can be read, or known to its back end alone. */
export interface Needs {
  /** Whether its back end alone knows what the package itself requires. */
  readonly computed: boolean;
  /** What is written down: all of it, or where it is computed what its dependency groups ask for. */
  readonly requirements: readonly Need[];
  /** Which versions of what anybody asks for are meant, as written: `-c` of a requirements.txt. */
  readonly constraints?: readonly string[];
  /** Where a requirements.txt says that they come from. */
  readonly index?: IndexOptions;
  readonly requiresPython?: string;
  /** Where that stands. */
  readonly place?: Pick<Problem, "file" | "line" | "key">;
}

export interface Need {
  /** As written. */
  readonly text: string;
  readonly requirement: Requirement;
}

/**
 * What a package asks for at its revision, with the extras and dependency groups named.
 * @throws CaissonError `config-invalid` for a file that is none, or an extra or group that there is not
 */
export async function readNeeds(pkg: Package, source: Source, extras: readonly PackageName[], groups: readonly string[] = []): Promise<Needs> {
  if (pkg.script !== undefined) return readScriptNeeds(pkg, pkg.script, (await source.readText(pkg.script)) ?? "");
  const [pyproject, setupPy, setupCfg, requirements] = await Promise.all(["pyproject.toml", "setup.py", "setup.cfg", "requirements.txt"].map((name) => source.readText(name)));
  const toml = pyproject === undefined ? {} : parsePyproject(pkg, pyproject);
  const { project } = toml;
  const grouped = parseAll(pkg, "pyproject.toml", expandGroups({ written: pkg.written, file: fileOf(pkg, "pyproject.toml") }, toml["dependency-groups"], groups));
  if (project === undefined) {
    if (setupPy !== undefined || setupCfg !== undefined || toml["build-system"] !== undefined) return { computed: true, requirements: grouped };
    const { lines, index } = await readRequirementFile(pkg, source, (file) => fileOf(pkg, file), "requirements.txt", requirements ?? "");
    const read = lines.map(({ text, file, line, constraint }) => ({ constraint, needs: parseAll(pkg, file, [text.replaceAll(/\s--hash[= ]\s*\S+/g, "")], line) }));
    const constraints = read.flatMap(({ constraint, needs }) => (constraint === true ? needs.map(({ text }) => text) : []));
    return { computed: false, requirements: [...read.flatMap(({ constraint, needs }) => (constraint === true ? [] : needs)), ...grouped], ...(constraints.length === 0 ? {} : { constraints }), ...(index === undefined ? {} : { index }) };
  }
  const { dynamic = [], dependencies = [], "optional-dependencies": optional = {}, "requires-python": python } = project;
  const requiresPython = python === undefined || !isSpecifier(python) ? {} : { requiresPython: python };
  if (dynamic.includes("dependencies") || (extras.length > 0 && dynamic.includes("optional-dependencies"))) return { computed: true, requirements: grouped, ...requiresPython };
  return { computed: false, requirements: [...withExtras(pkg, parseAll(pkg, "pyproject.toml", dependencies), optional, extras), ...grouped], ...requiresPython };
}

function readScriptNeeds(pkg: Package, script: string, text: string): Needs {
  const file = fileOf(pkg, script);
  const { dependencies, requiresPython, lineOf } = readScriptHeader(file, text);
  const requirements = dependencies.flatMap((dependency) => parseAll(pkg, script, [dependency], lineOf(dependency)));
  return { computed: false, requirements, ...(requiresPython === undefined ? {} : { requiresPython, place: { file, line: lineOf("requires-python") } }) };
}

/** A file of a package's directory, as somebody in the workspace would type it. */
export function fileOf({ source }: Package, name: string): string {
  return "git" in source ? name : posix.join(source.path, name);
}

interface Pyproject {
  readonly project?: {
    readonly dynamic?: readonly string[];
    readonly dependencies?: readonly string[];
    readonly "optional-dependencies"?: Readonly<Record<string, readonly string[]>>;
    readonly "requires-python"?: string;
  };
  readonly "build-system"?: unknown;
  readonly "dependency-groups"?: unknown;
}

function parsePyproject(pkg: Package, text: string): Pyproject {
  const file = fileOf(pkg, "pyproject.toml");
  const value = parseToml(text, (mistake, line) => ({ code: "config-invalid", file, line, message: `the \`pyproject.toml\` of \`${pkg.written}\` is not TOML: ${mistake}` }));
  failAll(projectMistakes(file, text, value));
  return value;
}

function parseAll(pkg: Package, file: string, texts: readonly string[], line?: number): readonly Need[] {
  return texts.map((text) => {
    try {
      return { text: text.trim(), requirement: parseRequirement(text.trim()) };
    } catch (cause) {
      return fail({ code: "config-invalid", file: fileOf(pkg, file), ...(line === undefined ? {} : { line }), message: `\`${pkg.written}\` asks for \`${text}\`, which is no requirement`, hint: "write it as NAME, NAME>=1.0 or NAME @ URL" }, cause);
    }
  });
}

/** A package may name its own extras in an extra: `all = ["shop-web[redis,mail]"]`. */
function withExtras(pkg: Package, needs: readonly Need[], optional: Readonly<Record<string, readonly string[]>>, extras: readonly PackageName[]): readonly Need[] {
  const byName = new Map(Object.entries(optional).map(([name, texts]) => [normalizeName(name), texts]));
  const taken = new Set<PackageName>();
  const take = (extra: PackageName): readonly Need[] => {
    if (taken.has(extra)) return [];
    taken.add(extra);
    const texts = byName.get(extra);
    if (texts === undefined) fail({ code: "config-invalid", message: `\`${pkg.written}\` has no extra \`${extra}\``, hint: byName.size === 0 ? "it has none at all" : `its extras: ${[...byName.keys()].join(", ")}` });
    return parseAll(pkg, "pyproject.toml", texts).flatMap((need) => (need.requirement.name === pkg.name ? need.requirement.extras.flatMap(take) : [need]));
  };
  return [...needs, ...extras.flatMap(take)];
}
