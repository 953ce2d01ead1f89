import { Command as Commander, CommanderError, Option as CommanderOption } from "commander";
import type { Command, ExitStatus, Input, Option } from "./command.ts";

/** What is typed, as a command and its words; or the help or version text that was asked for. */
export type Typed =
  | { readonly command: Command; readonly input: Input; readonly store: string | undefined }
  | { readonly text: string; readonly status: ExitStatus }
  | { readonly wrong: string; readonly hint: string };

const STORE: Option = { flag: "--store <dir>", summary: "where bytes and names are kept" };

/** Find the command that was typed. Pure but for CAISSON_* variables, which commander reads from the environment. */
export async function parseCommandLine(commands: readonly Command[], summaries: Readonly<Record<string, string>>, words: readonly string[], version: string): Promise<Typed> {
  let typed: Typed | undefined;
  let text = "";
  const program = new Commander("caisson").description("Build, stack and deploy self-contained releases to your own machines.").version(version, "--version").helpOption("--help", "show this help");
  configure(program, (written) => (text += written));
  program.addHelpText("after", "\nStart here:\n  caisson up        build, stack and run what is in this directory\n  caisson init      write caisson.toml");
  const groups = new Map<string, Commander>();
  for (const command of commands) {
    const [first = "", second] = command.name.split(" ");
    const parent = second === undefined ? program : (groups.get(first) ?? addGroup(program, groups, first, summaries[first] ?? "", (written) => (text += written)));
    const sub = parent.command(second ?? first).description(command.summary).helpOption("--help", "show this help").allowExcessArguments(false);
    configure(sub, (written) => (text += written));
    for (const argument of command.arguments ?? []) {
      const name = argument.many === true ? `${argument.name}...` : argument.name;
      sub.argument(argument.required === true ? `<${name}>` : `[${name}]`, argument.summary);
    }
    for (const option of [...(command.options ?? []), STORE]) sub.addOption(toCommander(option));
    sub.addHelpText("after", `\nExamples:\n${command.examples.map(([line, meaning]) => `  $ ${line}\n      ${meaning}`).join("\n")}`);
    sub.action(() => {
      typed = { command, input: inputOf(sub), store: sub.opts<{ store?: string }>().store };
    });
  }
  try {
    await program.parseAsync([...words], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { text, status: 0 };
    // A bare `caisson`, or a bare `caisson stack`, is answered with its help.
    if (error.code === "commander.help") return { text, status: 2 };
    return { wrong: error.message.replace(/^error: /, "").replaceAll("'", "`").replace(/\n/g, " "), hint: helpHint(words, commands) };
  }
  return typed ?? { text: program.helpInformation(), status: 2 };
}

function configure(command: Commander, write: (text: string) => void): void {
  command.exitOverride().configureOutput({ writeOut: write, writeErr: write, outputError: () => undefined });
}

function addGroup(program: Commander, groups: Map<string, Commander>, name: string, summary: string, write: (text: string) => void): Commander {
  const group = program.command(name).description(summary).helpOption("--help", "show this help");
  configure(group, write);
  groups.set(name, group);
  return group;
}

function toCommander(option: Option): CommanderOption {
  const made = new CommanderOption(option.short === undefined ? option.flag : `-${option.short}, ${option.flag}`, option.summary);
  made.env(`CAISSON_${longName(option).toUpperCase().replaceAll("-", "_")}`);
  if (option.many === true) made.argParser((word: string, before: readonly string[] | undefined) => [...(before ?? []), ...splitList(word)]);
  return made;
}

function longName(option: Option): string {
  return option.flag.slice(2).split(/[ =]/)[0] ?? "";
}

function splitList(word: string): readonly string[] {
  return word.split(",").filter((part) => part !== "");
}

function inputOf(command: Commander): Input {
  const options = command.opts<Record<string, unknown>>();
  const read = (name: string): unknown => options[name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())];
  return {
    arguments: command.args,
    value: (name) => {
      const value = read(name);
      return typeof value === "string" && value !== "" ? value : undefined;
    },
    values: (name) => {
      const value = read(name);
      return Array.isArray(value) ? value : typeof value === "string" ? splitList(value) : [];
    },
    has: (name) => {
      const value = read(name);
      // In the environment a flag is a word: CAISSON_JSON=0 means no.
      return value === true || (typeof value === "string" && !["", "0", "false", "no"].includes(value.toLowerCase()));
    },
  };
}

function helpHint(words: readonly string[], commands: readonly Command[]): string {
  const known = commands.find(({ name }) => name === words.slice(0, name.split(" ").length).join(" "));
  return known === undefined ? "caisson --help lists the commands" : `caisson ${known.name} --help`;
}
