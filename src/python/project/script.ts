import type { TomlTable } from "smol-toml";
import { fail } from "../../model/index.ts";
import { isSpecifier } from "../version/specifier.ts";
import { parseToml } from "./toml.ts";

/** What a single-file script says of itself. */
export interface ScriptHeader {
  readonly dependencies: readonly string[];
  readonly requiresPython?: string;
  /** The whole header; empty where the script has none. */
  readonly table: TomlTable;
  /** The line of the script, from 1, in which a word of the header stands; its first where it is not found. */
  readonly lineOf: (word: string) => number;
}

/**
 * The header of a script, `# /// script` to `# ///`; a script without one needs nothing. `file` is its path as the user would type it.
 * @throws CaissonError `config-invalid`, with file and line, where it does not end, stands there twice, is no TOML, or says what it may not
 * Source: PEP 723
 */
export function readScriptHeader(file: string, text: string): ScriptHeader {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  const starts = lines.flatMap((line, at) => (line === START ? [at] : []));
  const [start, second] = starts;
  if (start === undefined) return { dependencies: [], table: {}, lineOf: () => 1 };
  const refuse = (message: string, line: number, hint?: string): never => fail({ code: "config-invalid", message, file, line, ...(hint === undefined ? {} : { hint }) });
  if (second !== undefined) refuse(`\`${file}\` has two headers: the other begins in line ${start + 1}`, second + 1, "keep one of them");
  const content = takeContent(lines, start) ?? refuse(`the header of \`${file}\` does not end`, start + 1, "end it with a line `# ///`; each line between begins with `#`");
  const table = parseToml(content.join("\n"), (mistake, line) => ({ code: "config-invalid", message: `the header of \`${file}\` is not TOML: ${mistake}`, file, line: start + 1 + line }));
  const lineOf = (word: string): number => start + 1 + Math.max(content.findIndex((line) => line.includes(word)) + 1, 0);
  const { dependencies = [], "requires-python": requiresPython } = table;
  if (!isTexts(dependencies)) return refuse(`\`dependencies\` of \`${file}\` is no list of requirements`, lineOf("dependencies"), 'dependencies = ["requests>=2"]');
  if (requiresPython !== undefined && (typeof requiresPython !== "string" || !isSpecifier(requiresPython))) return refuse(`\`requires-python\` of \`${file}\` is no version specifier`, lineOf("requires-python"), 'requires-python = ">=3.9"');
  return { dependencies, ...(requiresPython === undefined ? {} : { requiresPython }), table, lineOf };
}

const START = "# /// script";
const END = "# ///";

/** The lines up to the last end that the comment has, without their `#`: what looks like an end may be a part of it. Undefined where there is none. */
function takeContent(lines: readonly string[], start: number): readonly string[] | undefined {
  const rest = lines.slice(start + 1);
  const length = rest.findIndex((line) => line !== "#" && !line.startsWith("# "));
  const comment = length < 0 ? rest : rest.slice(0, length);
  const end = comment.lastIndexOf(END);
  return end < 0 ? undefined : comment.slice(0, end).map((line) => line.slice(2));
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
