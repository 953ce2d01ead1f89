import { locateKeys } from "../../config/index.ts";
import { CaissonError, printKeyPath, type KeyPath, type Problem } from "../../model/index.ts";
import { isSpecifier, normalizeVersion, parseRequirement } from "../../python/index.ts";

/**
 * What is wrong with the parts of a pyproject.toml that everybody reads, all of it at once and by line: back ends tell one mistake, and only after they were fetched.
 * `file` is as a user would type it, `value` what `text` says.
 * Source: packaging.python.org/specifications/pyproject-toml
 */
export function projectMistakes(file: string, text: string, value: Readonly<Record<string, unknown>>): readonly Problem[] {
  const found: Mistake[] = [];
  if (text.startsWith("\uFEFF")) found.push({ at: [], message: "it begins with a byte order mark, and back ends read none", hint: "save it as UTF-8 without one" });
  const { project, "build-system": buildSystem, "dependency-groups": groups } = value;
  if (project !== undefined && !isTable(project)) found.push({ at: ["project"], message: "`project` must be a table", hint: "write [project]" });
  if (isTable(project)) found.push(...namesMistakes(project), ...requirementMistakes(project));
  if (buildSystem !== undefined && !isTable(buildSystem)) found.push({ at: ["build-system"], message: "`build-system` must be a table", hint: "write [build-system]" });
  if (isTable(buildSystem)) found.push(...buildSystemMistakes(buildSystem));
  for (const [group, members] of Object.entries(isTable(groups) ? groups : {})) if (Array.isArray(members)) found.push(...unreadable(["dependency-groups", group], members));
  if (found.length === 0) return [];
  const locate = locateKeys(text);
  const lines = found.map(({ at }) => (at.length === 0 ? 1 : (locate(at) ?? 1)));
  const problems = found.map(({ at, message, hint }, index): Problem => {
    // Among many mistakes a hint helps only beside its own.
    const said = found.length === 1 ? { message, hint } : { message: `${message}; ${hint}` };
    return { code: "config-invalid", file, line: lines[index] ?? 1, ...(at.length === 0 ? {} : { key: printKeyPath(at) }), ...said };
  });
  return problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
}

type Mistake = { readonly at: KeyPath; readonly message: string; readonly hint: string };
type Table = Readonly<Record<string, unknown>>;

function namesMistakes({ name, version, dynamic = [] }: Table): readonly Mistake[] {
  const found: Mistake[] = [];
  if (name === undefined) found.push({ at: ["project"], message: "`project` has no `name`", hint: 'add one to [project]: name = "hello"' });
  else if (typeof name !== "string" || !/^[A-Z0-9](?:[A-Z0-9._-]*[A-Z0-9])?$/i.test(name)) found.push({ at: ["project", "name"], message: `\`project.name\` is ${JSON.stringify(name)}, which is no name`, hint: "letters, digits and . _ - , starting and ending with a letter or digit" });
  if (!isTexts(dynamic)) found.push(notTexts(["project", "dynamic"]));
  else if (version === undefined && !dynamic.includes("version")) found.push({ at: ["project"], message: "`project` has no `version`", hint: 'add one: version = "1.0", or dynamic = ["version"] where the back end finds it' });
  if (version !== undefined && (typeof version !== "string" || normalizeVersion(version) === undefined)) found.push({ at: ["project", "version"], message: `\`project.version\` is ${JSON.stringify(version)}, which is no version`, hint: 'like "1.0", "1.0rc1" or "1.0.post1"' });
  return found;
}

function requirementMistakes({ dependencies, "optional-dependencies": optional, "requires-python": python }: Table): readonly Mistake[] {
  const found: Mistake[] = [];
  if (python !== undefined && (typeof python !== "string" || !isSpecifier(python))) found.push({ at: ["project", "requires-python"], message: `\`project.requires-python\` is ${JSON.stringify(python)}, which is no version specifier`, hint: 'like ">=3.8"' });
  found.push(...listMistakes(["project", "dependencies"], dependencies));
  if (optional !== undefined && !isTable(optional)) found.push({ at: ["project", "optional-dependencies"], message: "`project.optional-dependencies` must be a table of lists", hint: "write [project.optional-dependencies]" });
  for (const [extra, texts] of Object.entries(isTable(optional) ? optional : {})) found.push(...listMistakes(["project", "optional-dependencies", extra], texts));
  return found;
}

function buildSystemMistakes({ requires, "build-backend": backEnd, "backend-path": places }: Table): readonly Mistake[] {
  const found: Mistake[] = [...listMistakes(["build-system", "requires"], requires)];
  if (backEnd !== undefined && typeof backEnd !== "string") found.push({ at: ["build-system", "build-backend"], message: "`build-system.build-backend` must be a text", hint: 'like "hatchling.build"' });
  if (places !== undefined && !isTexts(places)) found.push(notTexts(["build-system", "backend-path"]));
  return found;
}

/** Of a list of requirements, where there is one. */
function listMistakes(at: KeyPath, texts: unknown): readonly Mistake[] {
  if (texts === undefined) return [];
  return isTexts(texts) ? unreadable(at, texts) : [notTexts(at)];
}

/** What is no text is somebody else's to read. */
function unreadable(at: KeyPath, texts: readonly unknown[]): readonly Mistake[] {
  return texts.flatMap((text, index) => {
    if (typeof text !== "string") return [];
    try {
      parseRequirement(text.trim());
      return [];
    } catch (error) {
      if (!(error instanceof CaissonError)) throw error;
      return [{ at: [...at, index], message: error.message, hint: "write it as NAME, NAME>=1.0 or NAME @ URL" }];
    }
  });
}

function notTexts(at: KeyPath): Mistake {
  return { at, message: `\`${printKeyPath(at)}\` must be a list of texts`, hint: `${at.at(-1) ?? ""} = ["...", "..."]` };
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
