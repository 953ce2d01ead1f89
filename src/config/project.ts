import { basename, join, relative } from "node:path";
import { parse } from "smol-toml";
import { CaissonError, normalizeName, type PackageName, type Problem } from "../model/index.ts";
import { expandGroups, groupNames, readScriptHeader, readUvSources, type UvSource } from "../python/project/index.ts";
import type { Context } from "../system/index.ts";
import { problemIn, readText, readTomlFile, type TomlFile } from "./toml-file.ts";

/** What a directory says of the Python project in it, as far as that can be read without running anything. */
export interface Project {
  /** The file that says so, relative to its directory. */
  readonly file: string;
  /** As its author wrote it. */
  readonly name?: string;
  /** What it and the named extras and dependency groups require, names only. */
  requires(choice: Choice): readonly PackageName[];
  /** The extras and dependency groups that it declares, in their normal form; what its back end makes up is not among them. */
  readonly offers?: Choice;
  /** Where uv takes its requirements from, in place of an index. */
  readonly sources?: ReadonlyMap<PackageName, readonly UvSource[]>;
  /** The pyproject.toml, where there is one. */
  readonly toml?: TomlFile;
}

/** Extras and dependency groups, by name. */
export interface Choice {
  readonly extras: readonly string[];
  readonly groups: readonly string[];
}

/**
 * The Python project of a directory; undefined where there is none.
 * @throws CaissonError `config-invalid` where pyproject.toml is no TOML
 */
export async function readProject(ctx: Context, directory: string): Promise<Project | undefined> {
  const read = (name: string): Promise<string | undefined> => readText(join(directory, name), relative(ctx.cwd, join(directory, name)));
  return projectOf(await readTomlFile(ctx, join(directory, "pyproject.toml")), await read("setup.cfg"), await read("setup.py"));
}

/** The names of what a project requires whose files were read elsewhere; none where its pyproject.toml is no TOML, which its build tells. */
export function requiresOf(texts: ProjectTexts, choice: Choice): readonly PackageName[] {
  const toml = texts.pyproject === undefined ? undefined : tomlOf(texts.pyproject, "pyproject.toml");
  const project = projectOf(toml, texts.setupCfg, texts.setupPy);
  return project?.requires(choice) ?? requiredNames((texts.requirements ?? "").split(/\r?\n/));
}

/** The files that say what a directory is, as far as they are there. */
export interface ProjectTexts {
  readonly pyproject?: string | undefined;
  readonly setupCfg?: string | undefined;
  readonly setupPy?: string | undefined;
  readonly requirements?: string | undefined;
}

function projectOf(toml: TomlFile | undefined, setupCfg: string | undefined, setupPy: string | undefined): Project | undefined {
  const legacy = readSetupCfg(setupCfg) ?? readSetupPy(setupPy);
  if (toml === undefined) return legacy;
  const declared = readPyproject(toml);
  // A pyproject.toml may hold a build system only, or settings of other tools only, beside a setup.py that says the rest.
  return declared ?? (legacy === undefined ? undefined : { ...legacy, toml });
}

function tomlOf(text: string, shown: string): TomlFile | undefined {
  try {
    return { path: shown, shown, value: parse(text), lineOf: () => undefined };
  } catch {
    return undefined;
  }
}

/**
 * A directory that says what it needs in a requirements.txt, and is no project otherwise; undefined where it does not.
 * Asked for only where somebody means this very directory: many projects keep such a file beside their documentation.
 */
export async function readRequirements(ctx: Context, directory: string): Promise<Project | undefined> {
  const path = join(directory, "requirements.txt");
  const text = await readText(path, relative(ctx.cwd, path));
  return text === undefined ? undefined : { file: "requirements.txt", requires: () => requiredNames(text.split(/\r?\n/)) };
}

/**
 * A single-file script as a project.
 * @throws CaissonError `config-invalid` with the line of what is wrong in its header
 */
export async function readScript(ctx: Context, path: string): Promise<Project> {
  const shown = relative(ctx.cwd, path);
  const { dependencies, table } = readScriptHeader(shown, (await readText(path, shown)) ?? "");
  return { file: basename(path), requires: () => requiredNames(dependencies), sources: readUvSources(table) };
}

function readPyproject(toml: TomlFile): Project | undefined {
  const project = tableIn(toml.value, "project");
  const poetry = tableIn(tableIn(toml.value, "tool"), "poetry");
  const name = stringIn(project, "name") ?? stringIn(poetry, "name");
  if (name === undefined && project === undefined && poetry === undefined) return undefined;
  const optional = new Map(Object.entries(tableIn(project, "optional-dependencies") ?? {}).map(([extra, texts]) => [normalizeName(extra), textsOf(texts)]));
  return {
    file: "pyproject.toml",
    ...(name === undefined ? {} : { name }),
    requires: ({ extras, groups }) => requiredNames([...stringsIn(project, "dependencies"), ...Object.keys(tableIn(poetry, "dependencies") ?? {}), ...extrasOf(name ?? "", optional, extras), ...groupsOf(toml, groups)]),
    offers: { extras: [...optional.keys()], groups: groupNames(toml.value["dependency-groups"]) },
    sources: readUvSources(toml.value),
    toml,
  };
}

/** An extra may ask for others of its own project. */
function extrasOf(name: string, optional: ReadonlyMap<PackageName, readonly string[]>, wanted: readonly string[]): readonly string[] {
  const taken = new Set<PackageName>();
  const take = (extra: PackageName): readonly string[] => {
    if (taken.has(extra)) return [];
    taken.add(extra);
    return (optional.get(extra) ?? []).flatMap((text) => {
      const [, own = "", inner = ""] = /^\s*([\w.-]+)\s*\[([^\]]*)\]/.exec(text) ?? [];
      return name !== "" && normalizeName(own) === normalizeName(name) ? inner.split(",").flatMap((word) => take(normalizeName(word.trim()))) : [text];
    });
  };
  return wanted.map(normalizeName).flatMap(take);
}

/** What is wrong with a group is told when it is built, at the revision that counts. */
function groupsOf({ value, shown }: TomlFile, wanted: readonly string[]): readonly string[] {
  try {
    return expandGroups({ written: "", file: shown }, value["dependency-groups"], wanted);
  } catch (error) {
    if (error instanceof CaissonError) return [];
    throw error;
  }
}

/** What is wrong with the name in a pyproject.toml; undefined where nothing is, or where something else gives the name. */
export function nameMistake({ name, toml }: Project): Problem | undefined {
  const project = tableIn(toml?.value, "project");
  if (toml === undefined || (project === undefined && name === undefined)) return undefined;
  if (name === undefined) return problemIn(toml, [], project?.["name"] === undefined ? { at: ["project"], message: "`project` has no `name`", hint: 'add one to [project]: name = "hello"' } : { at: ["project", "name"], message: "`project.name` is no text", hint: 'like name = "hello"' });
  if (/^[A-Z0-9](?:[A-Z0-9._-]*[A-Z0-9])?$/i.test(name)) return undefined;
  return problemIn(toml, [], { at: stringIn(project, "name") === undefined ? ["tool", "poetry", "name"] : ["project", "name"], message: `\`${name}\` is not a legal package name`, hint: "letters, digits and . _ - , starting and ending with a letter or digit" });
}

/** The `[metadata] name` and `[options] install_requires` of setup.cfg. */
function readSetupCfg(text: string | undefined): Project | undefined {
  const value = (section: string, key: string): string | undefined => {
    const body = new RegExp(`^\\[${section}\\]$([^]*?)(?=^\\[|$(?![^]))`, "m").exec(text ?? "")?.[1];
    return body === undefined ? undefined : new RegExp(`^${key}\\s*[=:](.*(?:\\n[ \\t]+.*)*)`, "m").exec(body)?.[1]?.trim();
  };
  const name = value("metadata", "name");
  return name === undefined ? undefined : { file: "setup.cfg", name, requires: () => requiredNames((value("options", "install_requires") ?? "").split("\n")) };
}

/** The literal `name=` and `install_requires=[...]` of the call in setup.py; what is computed is not seen. */
function readSetupPy(text: string | undefined): Project | undefined {
  if (text === undefined) return undefined;
  const call = text.slice(Math.max(text.search(/\bsetup\s*\(/), 0));
  const name = /\bname\s*=\s*(["'])([^"'\n]+)\1/.exec(call)?.[2];
  const required = /\binstall_requires\s*=\s*[[(]([^\])]*)[\])]/.exec(call)?.[1] ?? "";
  return { file: "setup.py", ...(name === undefined ? {} : { name }), requires: () => requiredNames([...required.matchAll(/(["'])(.*?)\1/g)].map((found) => found[2] ?? "")) };
}

/** The names that PEP 508 requirements begin with. */
export function requiredNames(requirements: readonly string[]): readonly PackageName[] {
  return [...new Set(requirements.flatMap((text) => /^\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)/.exec(text)?.[1] ?? []).map(normalizeName))];
}

/** The table under a key; undefined where there is none. */
export function tableIn(table: Readonly<Record<string, unknown>> | undefined, key: string): Readonly<Record<string, unknown>> | undefined {
  const value = table?.[key];
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>) : undefined;
}

/** The texts of the list under a key. */
export function stringsIn(table: Readonly<Record<string, unknown>> | undefined, key: string): readonly string[] {
  return textsOf(table?.[key]);
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}

function stringIn(table: Readonly<Record<string, unknown>> | undefined, key: string): string | undefined {
  const value = table?.[key];
  return typeof value === "string" ? value : undefined;
}
