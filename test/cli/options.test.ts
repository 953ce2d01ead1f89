import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Command, Option } from "../../src/cli/command.ts";
import { groups, loadCommands } from "../../src/cli/commands/index.ts";
import { parseCommandLine, type Typed } from "../../src/cli/program.ts";
import { openWorkspaces, type Answer } from "../support/homes.ts";

const commands = await loadCommands([]);
const store: Option = { flag: "--store <dir>", summary: "" };
const all = commands.flatMap((command) => [...(command.options ?? []), store].map((option) => ({ command, option, name: `caisson ${command.name} ${option.flag}` })));

async function understand(words: readonly string[]): Promise<Typed> {
  return await parseCommandLine(commands, groups, words, "0");
}

/** All that a command's own code can ask of one option, after these words, with these variables in the environment of this very process. */
async function ask({ flag }: Option, words: readonly string[], variables: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const [long = "", takes] = flag.slice(2).split(" ");
  try {
    Object.assign(process.env, variables);
    const understood = await understand(words);
    if (!("command" in understood)) return understood;
    const { command, input, store: directory } = understood;
    const said = takes === undefined ? { has: input.has(long) } : { value: input.value(long), values: input.values(long) };
    return { command: command.name, ...said, arguments: input.arguments, directory };
  } finally {
    for (const variable of Object.keys(variables)) Reflect.deleteProperty(process.env, variable);
  }
}

/** A command with words for all that it cannot do without. */
function wordsOf({ name: typed, arguments: wanted = [] }: Command): readonly string[] {
  return [...typed.split(" "), ...wanted.filter(({ required }) => required === true).map(() => "something")];
}

describe("row P17: every option of every command is a variable too, and what is typed beats what is set", () => {
  it.each(all.map(({ name, ...rest }) => [name, rest] as const))("%s", async (_, { command, option }) => {
    const [flag = "", takes] = option.flag.split(" ");
    const variable = `CAISSON_${flag.slice(2).toUpperCase().replaceAll("-", "_")}`;
    const given = takes === undefined ? [] : [option.many === true ? "one,two" : "some thing"];
    const wanted = await ask(option, [...wordsOf(command), flag, ...given]);
    expect(wanted).toMatchObject({ command: command.name });
    expect(await ask(option, wordsOf(command), { [variable]: given[0] ?? "1" })).toEqual(wanted);
    expect(await ask(option, wordsOf(command))).not.toEqual(wanted);
    expect(await ask(option, [...wordsOf(command), flag, ...given], { [variable]: takes === undefined ? "0" : "other" })).toEqual(wanted);
  });
});

/** Every way to type a command wrongly that there is for it, with what is said then. */
const mistakes = commands.flatMap((command): readonly (readonly [words: string, wrong: RegExp, command: Command])[] => {
  const words = wordsOf(command).join(" ");
  const missing = command.arguments?.find(({ required }) => required === true);
  const valued = command.options?.find(({ flag }) => flag.includes("<"));
  return [
    [`${words} --no-such-option`, /^unknown option `--no-such-option`$/, command],
    ...(missing === undefined ? [] : [[command.name, /^missing required argument `/, command] as const]),
    ...(command.arguments?.some(({ many }) => many === true) === true ? [] : [[`${command.name} ${(command.arguments ?? []).map(() => "x").join(" ")} more`.replace("  ", " "), /^too many arguments/, command] as const]),
    ...(valued === undefined ? [] : [[`${words} ${valued.flag.split(" ")[0] ?? ""}`, /argument missing$/, command] as const]),
  ];
});

it.each(mistakes)("row P17: `caisson %s` is wrong, and says where to read on", async (words, wrong, command) => {
  expect(await understand(words.split(" "))).toEqual({ wrong: expect.stringMatching(wrong) as string, hint: `caisson ${command.name} --help` });
});

describe("row P17: a build", () => {
  const home = openWorkspaces()({ "config/VERSION": "1.0\n", "caisson.toml": '[workspace]\nname = "hello"\nplatforms = ["debian-12"]\n[packages.hello]\nkind = "files"\npath = "config"\n' });

  function build(words: readonly string[], env: Readonly<Record<string, string>> = {}): Answer {
    const answer = home.runWith(env, "build", ...words);
    // Steps that take their time have a line each, which begins with two spaces.
    return { ...answer, stderr: answer.stderr.replaceAll(/^ {2}.*\n/gm, "") };
  }

  it("prints paths on stdout and everything else on stderr, and is told by variables what it is told by options", () => {
    const paths = ["zip", "tar"].map((format) => `out put/hello-1.0-debian-12-arm64.${format}\n`).join("");
    const said = build([], { CAISSON_FORMAT: "zip,tar", CAISSON_OUTPUT: "out put", CAISSON_PLATFORM: "debian-12-arm64", CAISSON_ON_DISK: "1", CAISSON_OFFLINE: "true", CAISSON_STORE: join(home.directory, "stor age") });
    expect(said).toEqual({ status: 0, stdout: paths, stderr: expect.stringMatching(/^(?:sha256 [0-9a-f]{64} {2}out put\/\S+\n){2}$/) as string });
    expect(existsSync(join(home.directory, "stor age/blobs"))).toBe(true);
    expect(readdirSync(join(home.work, "out put"))).toHaveLength(4);
    const again = build(["--format", "zip,tar", "--output", "out put", "--platform", "debian-12-arm64", "--on-disk", "--offline", "--store", "../stor age"]);
    expect(again).toEqual({ status: 0, stdout: paths, stderr: expect.stringMatching(/^(?:nothing to build; sha256 [0-9a-f]{64} {2}out put\/\S+\n){2}$/) as string });
    const { stdout } = build([], { CAISSON_JSON: "1", CAISSON_OUTPUT: "out put" });
    expect(JSON.parse(stdout)).toMatchObject({ artifacts: [{ package: "hello", version: "1.0", path: "out put/hello-1.0-debian-12.tar.gz" }] });
  });

  it.each([
    [["--nope"], {}],
    [["--format", "tar.xyz"], {}],
    [[], { CAISSON_FORMAT: "tar.xyz" }],
    [["--platform", "solaris"], {}],
    [[], { CAISSON_PLATFORM: "solaris" }],
    [[], { SYSBASE: "solaris" }],
    [["nobody"], {}],
    [["no name;"], {}],
    [["--create"], {}],
    [["--rev", "1", "--on-disk"], {}],
    [[], { CAISSON_REV: "1", CAISSON_ON_DISK: "yes" }],
    [["--to-stack", "x;y"], {}],
    [["--find-links", "nowhere"], {}],
  ] as readonly (readonly [readonly string[], Readonly<Record<string, string>>])[])("that is asked for in wrong words (%j, %j) ends with 2 and one error, and makes nothing", (words, env) => {
    const said = build([...words, "--output", "nothing"], env);
    expect(said).toEqual({ status: 2, stdout: "", stderr: expect.stringMatching(/^error: [^\n]+\nhint: [^\n]+\n$/) as string });
    expect(existsSync(join(home.work, "nothing"))).toBe(false);
  });
});
