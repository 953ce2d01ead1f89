import { readFile } from "node:fs/promises";
import { relative } from "node:path";
import { CaissonError, printKeyPath, type KeyPath, type Mismatch, type Problem } from "../model/index.ts";
import { parseToml } from "../python/project/index.ts";
import { errorCode, type Context } from "../system/index.ts";
import { locateKeys } from "./locate.ts";

/** A TOML file as it was read. */
export interface TomlFile {
  /** Absolute. */
  readonly path: string;
  /** As the user would type it. */
  readonly shown: string;
  readonly value: Readonly<Record<string, unknown>>;
  /** The line of a key, from 1. */
  lineOf(at: KeyPath): number | undefined;
}

/**
 * A TOML file, or undefined where there is none.
 * @throws CaissonError `config-invalid` where it is no TOML · `permission`
 */
export async function readTomlFile(ctx: Context, path: string): Promise<TomlFile | undefined> {
  const shown = relative(ctx.cwd, path);
  const text = await readText(path, shown);
  if (text === undefined) return undefined;
  let locate: ((at: KeyPath) => number | undefined) | undefined;
  return { path, shown, value: parseToml(text, (mistake, line) => ({ code: "config-invalid", message: `not valid TOML: ${mistake}`, file: shown, line })), lineOf: (at) => (locate ??= locateKeys(text))(at) };
}

/**
 * A text file, or undefined where there is none.
 * @throws CaissonError `permission`
 */
export async function readText(path: string, shown: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "EISDIR"].includes(errorCode(error) ?? "")) return undefined;
    throw new CaissonError([{ code: "permission", message: `cannot read \`${shown}\``, hint: errorCode(error) === "ELOOP" ? `its links lead in a circle: ls -l ${shown}` : `look at its owner and mode: ls -l ${shown}` }], error);
  }
}

/** A mistake in a file as a problem with its line. `below` is where in the file the checked value stands. */
export function problemIn(file: TomlFile, below: KeyPath, { at, message, hint }: Mismatch): Problem {
  const line = file.lineOf([...below, ...at]);
  return { code: "config-invalid", message, file: file.shown, ...(line === undefined ? {} : { line }), ...(at.length === 0 ? {} : { key: printKeyPath(at) }), ...(hint === undefined ? {} : { hint }) };
}
