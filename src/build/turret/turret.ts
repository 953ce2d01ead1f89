import { basename, posix } from "node:path";
import { normalizeName, type KeyPath, type Mismatch } from "../../model/index.ts";
import type { Layer } from "./layer.ts";

/** One entry of an OCT project's `turrets`, with what holds for all of them. */
export interface Turret {
  readonly name: string;
  /** Where it is written. */
  readonly place: { readonly file: string; readonly line: number };
  /** Relative to the project, plain. Only a turret with a command may have none. */
  readonly script?: string;
  /** Its own program, for a turret that is not started by oct-turrets. */
  readonly command?: readonly string[];
  /** Whether pip can install it: it has a setup.py. */
  readonly python: boolean;
  /** What it needs besides oct-turrets, as written. */
  readonly requirements: readonly string[];
  /** Files and folders that go with it, as written. */
  readonly extraFiles: readonly string[];
  /** What its config.json says to the turret program. */
  readonly config: Readonly<Record<string, unknown>>;
}

/** The name that pip gives a turret. */
export function pipName(name: string): string {
  return normalizeName(name.replaceAll(/[^A-Za-z0-9]+/g, "-").replaceAll(/^-|-$/g, ""));
}

type Report = (mismatch: Mismatch) => void;

const NEEDED = ["name", "script", "cannons", "rampup"] as const;

/** A turret of everything that is said of it; undefined where it lacks something. `at` and `place` say where its own table is. */
export function makeTurret(said: Layer, at: KeyPath, place: Turret["place"], report: Report): Turret | undefined {
  const { turrets_requirements: requirements = [], command } = said as { readonly turrets_requirements?: readonly string[]; readonly command?: readonly string[] };
  const named = typeof said["name"] === "string" ? ` of \`${said["name"]}\`` : "";
  const missing = NEEDED.filter((key) => !Object.hasOwn(said, key) && !(key === "script" && Object.hasOwn(said, "command")));
  for (const key of missing) report({ at: [...at, key], message: `\`${key}\`${key === "cannons" ? " (or `canons`)" : ""}${named === "" ? " of a turret" : named} is missing` });
  if (missing.length > 0 || NEEDED.some((key) => Object.hasOwn(said, key) && said[key] === undefined)) return undefined;
  const written = said["script"] as string | undefined;
  const script = written === undefined ? undefined : posix.normalize(written);
  const python = command === undefined || script?.endsWith(".py") === true;
  if (script !== undefined && (posix.isAbsolute(script) || script.startsWith("../"))) report({ at: [...at, "script"], message: `\`script\`${named} lies outside the project: \`${written ?? ""}\``, hint: "move it into the project" });
  if (script !== undefined && ownNames(python).includes(script)) report({ at: [...at, "script"], message: `\`script\`${named} is \`${script}\`, which every archive has already`, hint: "give it another name" });
  const extraFiles = (said["extra_files"] ?? []) as readonly string[];
  checkExtraFiles(extraFiles, python, at, report);
  return { name: said["name"] as string, place, ...(script === undefined ? {} : { script }), ...(command === undefined ? {} : { command }), python, requirements: requirements.map((text) => text.trim()), extraFiles, config: packedConfig(said, script) };
}

/** Members that every archive has, and files by which pip would do something else with it. */
function ownNames(python: boolean): readonly string[] {
  return python ? ["config.json", "setup.py", "setup.cfg", "pyproject.toml"] : ["config.json"];
}

/** Row O9: each goes into the archive under its base name, so that these must differ. */
function checkExtraFiles(paths: readonly string[], python: boolean, at: KeyPath, report: Report): void {
  const known = new Map<string, string>();
  for (const [index, path] of paths.entries()) {
    const base = basename(posix.normalize(path));
    const here = [...at, "extra_files", index];
    const twin = known.get(base);
    if (["", ".", ".."].includes(base)) report({ at: here, message: `\`${path}\` of \`extra_files\` has no name of its own`, hint: "name the files and folders in it" });
    else if (twin !== undefined) report({ at: here, message: `\`${twin}\` and \`${path}\` of \`extra_files\` would both be \`${base}\` in the archive`, hint: "rename one of them" });
    else if (ownNames(python).includes(base)) report({ at: here, message: `\`${path}\` of \`extra_files\` would be \`${base}\` in the archive, which is how pip or the turret program knows what the archive is`, hint: "put it into a folder, and name that" });
    known.set(base, path);
  }
}

/** Row O5: the keys that every turret has, under both spellings of the cannons, then what else is said of it. What is for packing alone stays here. */
function packedConfig(said: Layer, script: string | undefined): Readonly<Record<string, unknown>> {
  const { name, cannons, rampup, hq_address: address, hq_publisher: publisher, hq_rc: collector, script: _, turrets_requirements: __, ...more } = said;
  return { name, canons: cannons, cannons, rampup, ...(script === undefined ? {} : { script }), hq_address: address, hq_publisher: publisher, hq_rc: collector, ...more };
}
