import { Command as Commander, CommanderError, Option as CommanderOption } from "commander";
import type { Command, ExitStatus, Input, Option } from "./command.ts";

/** What is typed, as a command and its words; or the help or version text that was asked for. */
export type Typed =
  | { readonly command: Command; readonly input: Input; readonly store: string | undefined }
  | { readonly text: string; readonly status: ExitStatus }
  | { readonly wrong: string; readonly hint: string };

const STORE: Option = { flag: "--store <dir>", summary: "where bytes and names are kept" };

/** Find the command that was typed. Pure but for CAISSON_* variables, which commander reads from the environment. */
export async function parseCommandLine(commands: readonly Command[], summaries: Readonly<Record<string, string>>, typedWords: readonly string[], version: string): Promise<Typed> {
  const words = typedWords[0] === "help" && typedWords.length > 1 ? [...typedWords.slice(1), "--help"] : typedWords;
  let typed: Typed | undefined;
  let text = "";
  const program = new Commander("caisson").description("Build, stack and deploy self-contained releases to your own machines.").version(version, "--version").helpOption("-h, --help", "show this help");
  configure(program, (written) => (text += written));
  program.addHelpText("after", "\nStart here:\n  caisson up        build, stack and run what is in this directory\n  caisson init      write caisson.toml");
  const groups = new Map<string, Commander>();
  for (const command of commands) {
    const [first = "", second] = command.name.split(" ");
    const parent = second === undefined ? program : (groups.get(first) ?? addGroup(program, groups, first, summaries[first] ?? "", (written) => (text += written)));
    const sub = parent.command(second ?? first).description(command.summary).helpOption("-h, --help", "show this help").allowExcessArguments(false);
    configure(sub, (written) => (text += written));
    for (const argument of command.arguments ?? []) {
      const name = argument.many === true ? `${argument.name}...` : argument.name;
      sub.argument(argument.required === true ? `<${name}>` : `[${name}]`, argument.summary);
    }
    for (const option of [...(command.options ?? []), STORE]) sub.addOption(toCommander(option));
    sub.addHelpText("after", `\nExamples:\n${command.examples.map(([line, meaning]) => `  $ ${line}\n      ${meaning}`).join("\n")}`);
    sub.action(() => {
      const empty = (command.options ?? []).concat(STORE).find((option) => isTypedEmpty(sub, option));
      if (empty !== undefined) typed = { wrong: `\`--${longName(empty)}\` was given nothing`, hint: `give it a value, or leave it out: caisson ${command.name} --help` };
      else typed = { command, input: inputOf(sub), store: inputOf(sub).value("store") };
    });
  }
  try {
    await program.parseAsync([...words], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help on a command that there is not is none.
    const meant = words.filter((word) => word !== "--help" && word !== "-h");
    if (error.exitCode === 0 && meant.length < words.length && !isKnown(meant, commands)) return await parseCommandLine(commands, summaries, meant, version);
    if (error.exitCode === 0) return { text, status: 0 };
    // A bare `caisson`, or a bare `caisson stack`, is answered with its help.
    if (error.code === "commander.help") return { text, status: 2 };
    const [message = "", suggestion] = error.message.replace(/^error: /, "").replaceAll("'", "`").split("\n");
    return { wrong: message.replace(/\.$/, ""), hint: [...suggestionHint(suggestion), helpHint(words, commands, summaries)].join(" ") };
  }
  return typed ?? { text: program.helpInformation(), status: 2 };
}

/** Whether words begin with a command, or with the first word of one and no other. */
function isKnown([first = "-", second = "-"]: readonly string[], commands: readonly Command[]): boolean {
  return first.startsWith("-") || commands.some(({ name }) => name === first || name === `${first} ${second}` || (second.startsWith("-") && name.startsWith(`${first} `)));
}

function configure(command: Commander, write: (text: string) => void): void {
  command.exitOverride().configureOutput({ writeOut: write, writeErr: write, outputError: () => undefined });
}

function addGroup(program: Commander, groups: Map<string, Commander>, name: string, summary: string, write: (text: string) => void): Commander {
  const group = program.command(name).description(summary).helpOption("-h, --help", "show this help");
  configure(group, write);
  groups.set(name, group);
  return group;
}

function toCommander(option: Option): CommanderOption {
  const made = new CommanderOption(option.short === undefined ? option.flag : `-${option.short}, ${option.flag}`, option.summary);
  made.env(variableOf(longName(option)));
  if (option.many === true) made.argParser((word: string, before: readonly string[] | undefined) => [...(before ?? []), ...splitList(word)]);
  return made;
}

function variableOf(name: string): string {
  return `CAISSON_${name.toUpperCase().replaceAll("-", "_")}`;
}

/** What commander calls `--dry-run`: `dryRun`. */
function attributeOf(name: string): string {
  return name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function longName(option: Option): string {
  return option.flag.slice(2).split(/[ =]/)[0] ?? "";
}

/** An empty word, as a variable leaves it that is not set (`--rev "$TAG"`), is never what somebody means; an empty variable in the environment is no word at all. */
function isTypedEmpty(command: Commander, option: Option): boolean {
  const name = attributeOf(longName(option));
  const value: unknown = command.getOptionValue(name);
  return command.getOptionValueSource(name) === "cli" && (value === "" || (Array.isArray(value) && value.length === 0));
}

function splitList(word: string): readonly string[] {
  return word.split(",").filter((part) => part !== "");
}

function inputOf(command: Commander): Input {
  const options = command.opts<Record<string, unknown>>();
  const read = (name: string): unknown => options[attributeOf(name)];
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
      // What commander calls `--no-recap` is a recap that is false.
      const [attribute, given] = name.startsWith("no-") ? [name.slice(3), false] : [name, true];
      // In the environment a flag is a word, CAISSON_JSON=0 means no; commander takes any for yes.
      const inEnvironment = command.getOptionValueSource(attributeOf(attribute)) === "env";
      return inEnvironment ? !["", "0", "false", "no"].includes((process.env[variableOf(name)] ?? "").toLowerCase()) : read(attribute) === given;
    },
  };
}

/** Of `(Did you mean build?)`: did you mean `build`? */
function suggestionHint(suggestion: string | undefined): readonly string[] {
  const near = /^\(Did you mean (?:one of )?(.+)\?\)$/.exec(suggestion ?? "")?.[1];
  return near === undefined ? [] : [`did you mean ${near.split(", ").map((word) => `\`${word}\``).join(" or ")}?`];
}

function helpHint(words: readonly string[], commands: readonly Command[], groups: Readonly<Record<string, string>>): string {
  const known = commands.find(({ name }) => name === words.slice(0, name.split(" ").length).join(" "));
  if (known !== undefined) return `caisson ${known.name} --help`;
  const [first = ""] = words;
  return Object.hasOwn(groups, first) ? `caisson ${first} --help` : "caisson --help lists the commands";
}
