import { join, relative } from "node:path";
import { normalizeName, type PackageName } from "../model/index.ts";
import type { Context } from "../system/index.ts";
import { readText, readTomlFile, type TomlFile } from "./toml-file.ts";

/** What a directory says of the Python project in it, as far as that can be read without running anything. */
export interface Project {
  /** The file that says so, relative to its directory. */
  readonly file: "pyproject.toml" | "setup.cfg" | "setup.py" | "requirements.txt" | "config.json";
  /** As its author wrote it. */
  readonly name?: string;
  /** What it and the named extras require, names only. */
  requires(extras: readonly string[]): readonly PackageName[];
  /** The pyproject.toml, where there is one. */
  readonly toml?: TomlFile;
}

/**
 * The Python project of a directory; undefined where there is none.
 * @throws CaissonError `config-invalid` where pyproject.toml is no TOML
 */
export async function readProject(ctx: Context, directory: string): Promise<Project | undefined> {
  const read = (name: string): Promise<string | undefined> => readText(join(directory, name), relative(ctx.cwd, join(directory, name)));
  const toml = await readTomlFile(ctx, join(directory, "pyproject.toml"));
  const legacy = readSetupCfg(await read("setup.cfg")) ?? readSetupPy(await read("setup.py"));
  if (toml === undefined) return legacy;
  const declared = readPyproject(toml);
  // A pyproject.toml may hold a build system only, or settings of other tools only, beside a setup.py that says the rest.
  return declared ?? (legacy === undefined ? undefined : { ...legacy, toml });
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

function readPyproject(toml: TomlFile): Project | undefined {
  const project = tableIn(toml.value, "project");
  const poetry = tableIn(tableIn(toml.value, "tool"), "poetry");
  const name = stringIn(project, "name") ?? stringIn(poetry, "name");
  if (name === undefined && project === undefined && poetry === undefined) return undefined;
  const optional = tableIn(project, "optional-dependencies");
  return {
    file: "pyproject.toml",
    ...(name === undefined ? {} : { name }),
    requires: (extras) => requiredNames([...stringsIn(project, "dependencies"), ...Object.keys(tableIn(poetry, "dependencies") ?? {}), ...extras.flatMap((extra) => stringsIn(optional, extra))]),
    toml,
  };
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
  const value = table?.[key];
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}

function stringIn(table: Readonly<Record<string, unknown>> | undefined, key: string): string | undefined {
  const value = table?.[key];
  return typeof value === "string" ? value : undefined;
}
