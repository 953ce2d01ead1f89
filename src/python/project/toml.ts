import { parse, TomlError, type TomlTable } from "smol-toml";
import { fail, type Problem } from "../../model/index.ts";

/**
 * A TOML text as a table; `problem` says what to tell of one that is none, by the parser's words and the line, from 1.
 * @throws CaissonError with that problem
 */
export function parseToml(text: string, problem: (mistake: string, line: number) => Problem): TomlTable {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [mistake = ""] = error.message.replace(/^Invalid TOML document: /, "").split("\n");
    return fail(problem(mistake, error.line));
  }
}

/** A value as the table that it is; an empty one for anything else. */
export function tableOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>) : {};
}
