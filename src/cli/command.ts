import type { Context, Store } from "../index.ts";
import type { StreamedEvent } from "./events.ts";

/** The public library, loaded when a command runs and not when help is asked for. */
export type Library = typeof import("../index.ts");

/** What a command may use of the person at the terminal. */
export interface Cli {
  readonly library: Library;
  readonly context: Context;
  /** Results as JSON on stdout. */
  readonly json: boolean;
  /** Somebody reads along: stderr is a terminal. */
  readonly terminal: boolean;
  /** Lines that the terminal of stdout shows at once; undefined where stdout is none. */
  readonly rows?: number;
  /** The store that `--store`, the environment or the default names. */
  openStore(): Promise<Store>;
  /** A line of the result, on stdout. */
  print(line: string): void;
  /** A line about the work, on stderr. */
  note(line: string): void;
  /** Ask the person at the terminal; no where nobody is there. */
  ask(question: string): Promise<boolean>;
  /** A JSON document, as one line on stdout. */
  emit(value: unknown): void;
  /** One event of many, as one line on stdout; before the first goes a line that says in which version of their schema they are. */
  emitEvent(event: StreamedEvent): void;
}

/** A word the user types after the command's name. */
export interface Argument {
  /** In capitals, as the help shows it: `PACKAGE`. */
  readonly name: string;
  readonly summary: string;
  readonly required?: boolean;
  /** Takes all the words that are left. */
  readonly many?: boolean;
}

/** `--platform <label>` or the flag `--json`; `CAISSON_PLATFORM` in the environment sets it too. */
export interface Option {
  readonly flag: `--${string}`;
  /** One letter, where the original had it. */
  readonly short?: string;
  readonly summary: string;
  /** May be given several times, and takes words with commas between them. */
  readonly many?: boolean;
}

/** What the user typed. Options are asked for by their long name without dashes: `input.value("platform")`. */
export interface Input {
  readonly arguments: readonly string[];
  value(option: string): string | undefined;
  values(option: string): readonly string[];
  has(flag: string): boolean;
}

/** Exit statuses, design 7: 0 done, 1 not done, 2 wrong usage, 3 undone, 4 partly done, 5 state unknown, 70 a bug. */
export type ExitStatus = 0 | 1 | 2 | 3 | 4 | 5 | 70;

/** One command of the command line. */
export interface Command {
  /** `build`, or two words: `stack create`. */
  readonly name: string;
  /** One line for the list of commands, without a period. */
  readonly summary: string;
  readonly arguments?: readonly Argument[];
  readonly options?: readonly Option[];
  /** What to type, and what it does. */
  readonly examples: readonly (readonly [line: string, meaning: string])[];
  readonly run: (cli: Cli, input: Input) => Promise<ExitStatus>;
}

/** The flag of every command that can answer in JSON. */
export const jsonOption: Option = { flag: "--json", summary: "print the result as JSON" };

/** The same flag of commands that tell what they do while they do it. */
export const eventsOption: Option = { ...jsonOption, summary: "print events and the result as JSON, one per line" };

/** The flag of every command that may change a host that is not this machine. */
export const yesOption: Option = { flag: "--yes", summary: "do not ask" };
