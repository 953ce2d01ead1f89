import type { Problem } from "../model/index.ts";
import { splitWords } from "./words.ts";

/** What a variable's value is, or where it comes from. */
export type Written =
  | { readonly from: "text"; readonly text: string }
  | { readonly from: "variable"; readonly name: string }
  | { readonly from: "command"; readonly argv: readonly string[] };

export interface Assignment {
  readonly name: string;
  /** Counted from 1. */
  readonly line: number;
  readonly value: Written;
}

/**
 * The assignments of an environment file, in order, and what is wrong with it; what stands in the file is never part of a message.
 * One `NAME=value` a line, `export ` before it or not; empty lines and those that begin with `#` say nothing. Without quotes a value ends with its line or at ` #`, and nothing in it means anything but itself, `$` and backslash included.
 * In single quotes everything is itself, in double quotes `\n \t \\ \" \$ \`` stand for one letter each; both may go on over several lines.
 * Without quotes, `env:NAME` takes the variable of whoever deploys, and `command:WORDS` what a program prints.
 */
export function parseEnvironmentFile(file: string, text: string): { readonly assignments: readonly Assignment[]; readonly problems: readonly Problem[] } {
  const assignments: Assignment[] = [];
  const problems: Problem[] = [];
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  for (let at = 0; at < lines.length; at++) {
    const line = at + 1;
    const wrong = (message: string, hint?: string): number => problems.push({ code: "config-invalid", message, file, line, ...(hint === undefined ? {} : { hint }) });
    const written = lines[at] ?? "";
    if (/^\s*(?:#|$)/.test(written)) continue;
    const { name, rest } = /^\s*(?:export\s+)?(?<name>[A-Za-z_][A-Za-z0-9_]*)\s*=[ \t]*(?<rest>.*)$/.exec(written)?.groups ?? {};
    if (name === undefined || rest === undefined) {
      wrong("this line is no assignment", "NAME=value, or # and a remark");
      continue;
    }
    const read = readValue(rest, lines, at);
    at = read.at;
    const twin = assignments.find((other) => other.name === name);
    if ("trouble" in read) wrong(`the value of \`${name}\` ${read.trouble}`, read.hint);
    else if (name.startsWith("CAISSON_")) wrong(`\`${name}\` is not for this file`, "names that begin with CAISSON_ are Caisson's own");
    else if (twin !== undefined) wrong(`\`${name}\` is there twice`, `line ${twin.line} has it too`);
    else assignments.push({ name, line, value: read.value });
  }
  return { assignments, problems };
}

/** Why a text can be no variable's value, on any host; undefined where it can. Source: systemd.exec(5), EnvironmentFile=; execve(2), limits */
export function valueTrouble(name: string, value: string): string | undefined {
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  if (/[\0-\x08\x0b-\x1f\x7f-\x9f]/.test(value)) return "has a control character";
  return Buffer.byteLength(`${name}=${value}`) >= LONGEST ? "is longer than 128 kB, which no program can be given" : undefined;
}

/** MAX_ARG_STRLEN, with the zero at its end. */
const LONGEST = 131_072;

type Read = { readonly at: number } & ({ readonly value: Written } | { readonly trouble: string; readonly hint?: string });

/** The value that begins with `rest`, and the index of the line it ends on. */
function readValue(rest: string, lines: readonly string[], at: number): Read {
  const [quote = ""] = rest;
  if (quote !== "'" && quote !== '"') return { at, ...readBare(rest.replace(/(?:^|\s+)#.*$/, "").trim()) };
  let text = "";
  for (let index = at, letters = rest.slice(1); ; letters = lines[++index] ?? "") {
    for (let place = 0; place < letters.length; place++) {
      const letter = letters[place] ?? "";
      if (letter === quote) {
        const behind = letters.slice(place + 1);
        return { at: index, ...(/^\s*(?:#.*)?$/.test(behind) ? { value: { from: "text", text } } : { trouble: "goes on behind its closing quote", hint: "put all of it between the quotes" }) };
      }
      if (letter === "\\" && quote === '"') {
        const meant = ESCAPES[letters[++place] ?? ""];
        if (meant === undefined) return { at: index, trouble: "has a backslash before a letter that it means nothing for", hint: "write \\\\ for a backslash, or use single quotes" };
        text += meant;
      } else text += letter;
    }
    if (index + 1 >= lines.length) return { at, trouble: "has a quote that is left open" };
    text += "\n";
  }
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", "\\": "\\", '"': '"', $: "$", "`": "`" };

function readBare(word: string): { readonly value: Written } | { readonly trouble: string; readonly hint?: string } {
  if (word.startsWith("env:")) {
    const name = word.slice("env:".length).trim();
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return { trouble: "names no variable behind `env:`", hint: "env:NAME; in quotes it is a text" };
    return { value: { from: "variable", name } };
  }
  if (!word.startsWith("command:")) return { value: { from: "text", text: word } };
  const argv = splitWords(word.slice("command:".length));
  if (argv === undefined || argv.length === 0) return { trouble: "has no command behind `command:`, or one with an open quote", hint: "command:PROGRAM ARGUMENTS; in quotes it is a text" };
  return { value: { from: "command", argv } };
}
