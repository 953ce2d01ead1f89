import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { parseEnvironmentFile } from "../../src/config/environment-file.ts";
import { printEnvironment, readEnvironment } from "../../src/config/index.ts";
import { CaissonError } from "../../src/model/index.ts";
import { createContext, ownPath, type Context } from "../../src/system/index.ts";

const directory = mkdtempSync(join(tmpdir(), "caisson environment "));
afterAll(() => rmSync(directory, { recursive: true }));

function context(env: Readonly<Record<string, string>> = {}): Context {
  return createContext({ cwd: directory, env: { PATH: process.env["PATH"] ?? "", ...env }, report: () => undefined, signal: new AbortController().signal });
}

async function valuesOf(text: string | Uint8Array, env: Readonly<Record<string, string>> = {}): Promise<Readonly<Record<string, string>>> {
  writeFileSync(join(directory, ".env"), text);
  return Object.fromEntries(await readEnvironment(context(env), [join(directory, ".env")]));
}

async function problemsOf(text: string | Uint8Array, env: Readonly<Record<string, string>> = {}): Promise<readonly string[]> {
  const error: unknown = await valuesOf(text, env).catch((caught: unknown) => caught);
  if (!(error instanceof CaissonError)) throw new Error("it was read");
  return error.problems.map(({ file = "", line = "", message }) => `${file}:${line} ${message}`);
}

describe("an environment file", () => {
  it.each<readonly [string, string, Readonly<Record<string, string>>]>([
    ["plain assignments, remarks and empty lines", "# a remark\n\nA=1\n  B = two words  \nexport C=x\n  # another\nD=", { A: "1", B: "two words", C: "x", D: "" }],
    ["letters that mean nothing without quotes", "A=$HOME `id` $(id) \\n ~ a#b & ; | > 'x' \"y\"\n", { A: "$HOME `id` $(id) \\n ~ a#b & ; | > 'x' \"y\"" }],
    ["a remark behind a value", "A=1 # one\nB='x # y' # z\nC=#\n", { A: "1", B: "x # y", C: "" }],
    ["single quotes, in which everything is itself", "A='a\\n$b \"c\" `d`'\n", { A: "a\\n$b \"c\" `d`" }],
    ["double quotes with the letters that a backslash makes", 'A="a\\n\\tb \\\\ \\" \\$ \\` $x"\n', { A: 'a\n\tb \\ " $ ` $x' }],
    ["values over several lines", "KEY='-----BEGIN\nx=y\n-----END'\nB=\"1\n2\"\n", { KEY: "-----BEGIN\nx=y\n-----END", B: "1\n2" }],
    ["lines that end as on Windows, and a mark at the start", "\uFEFFA=1\r\nB='x'\r\n", { A: "1", B: "x" }],
    ["letters beyond ASCII", "A=käse 🧀\n", { A: "käse 🧀" }],
    ["equals signs in a value", "URL=postgres://u:p@h/db?x=1&y==\n", { URL: "postgres://u:p@h/db?x=1&y==" }],
    ["words that are a text because they are quoted", "A='env:HOME'\nB=\"command:id\"\n", { A: "env:HOME", B: "command:id" }],
  ])("has %s", async (_, text, values) => {
    expect(await valuesOf(text)).toEqual(values);
  });

  it("takes a value from the environment of whoever deploys, or from what a command prints", async () => {
    expect(await valuesOf("A=env:SECRET\nB=command:printf '%s\\n\\n' \"a  b\"\nC=command:echo $HOME\nD=command:pwd\n", { SECRET: "x y" })).toEqual({ A: "x y", B: "a  b", C: "$HOME", D: directory });
  });

  it("is what the guide shows", () => {
    const shown = /```sh\n(?<text>[^]*?)```/.exec(readFileSync(ownPath("docs/guides/hooks.md"), "utf8"))?.groups?.["text"] ?? "";
    const { assignments, problems } = parseEnvironmentFile("guide", shown);
    expect(problems).toEqual([]);
    expect(assignments.map(({ name, value }) => `${name} ${value.from === "text" ? JSON.stringify(value.text) : value.from}`)).toEqual([
      "SECRET_KEY variable", "DATABASE_PASSWORD command", 'GREETING "hello  world & $friends"', 'MOTTO "say \\"when\\""', 'KEY "first line\\nsecond \\"line\\""', 'ALSO "over\\nseveral lines"', 'LITERAL "env:NOT_A_VARIABLE"',
    ]);
  });

  it("gives way to a file that is named behind it", async () => {
    writeFileSync(join(directory, "one"), "A=1\nB=1\n");
    writeFileSync(join(directory, "two"), "B=2\nC=2\n");
    expect(Object.fromEntries(await readEnvironment(context(), [join(directory, "one"), join(directory, "two")]))).toEqual({ A: "1", B: "2", C: "2" });
  });

  it("names every bad line at once, and never what stands in it", async () => {
    const text = [
      "hunter2", "A B=hunter2", "=hunter2", "1A=hunter2", "A-B=hunter2",
      "CAISSON_STATE=hunter2", "CAISSON_X=hunter2", "A=hunter2", "A=hunter2", "B=\"hun\\ter2\\x\"", "C='hunter2' hunter2", "D=env:HUNTER 2", "E=env:HUNTER2",
      "F=command:", "G=command:printf 'hunter2", "H=command:sh -c 'echo hunter2; echo hunter2 >&2; exit 3'", "I=command:no-such-program hunter2", "J=command:printf '\\377hunter2'", "K=hunt\u0007er2", "L='hunter2",
    ].join("\n");
    const problems = await problemsOf(text);
    expect(problems).toEqual([
      ".env:1 this line is no assignment", ".env:2 this line is no assignment", ".env:3 this line is no assignment", ".env:4 this line is no assignment", ".env:5 this line is no assignment",
      ".env:6 `CAISSON_STATE` is not for this file", ".env:7 `CAISSON_X` is not for this file", ".env:9 `A` is there twice",
      ".env:10 the value of `B` has a backslash before a letter that it means nothing for", ".env:11 the value of `C` goes on behind its closing quote", ".env:12 the value of `D` names no variable behind `env:`",
      ".env:14 the value of `F` has no command behind `command:`, or one with an open quote", ".env:15 the value of `G` has no command behind `command:`, or one with an open quote", ".env:20 the value of `L` has a quote that is left open",
      ".env:13 the value of `E` comes from the variable `HUNTER2`, which is not set here", ".env:16 the value of `H` comes from a command that ended with 3", ".env:17 the value of `I` comes from a command that cannot be run",
      ".env:18 the value of `J` comes from a command that prints something other than UTF-8", ".env:19 the value of `K` has a control character",
    ]);
    expect(problems.join("\n")).not.toContain("hunter2");
  });

  it.each<readonly [string, string | Uint8Array, RegExp]>([
    ["not text", Buffer.from([0x41, 0x3d, 0xff]), /is not UTF-8/],
    ["with a zero", "A=\0\n", /control character/],
    ["with a value that no program can be given", `A=${"x".repeat(131_070)}\n`, /128 kB/],
  ])("fault 47: is refused when it is %s", async (_, text, message) => {
    expect((await problemsOf(text)).join("\n")).toMatch(message);
  });

  it("is missed by its name", async () => {
    await expect(readEnvironment(context(), [join(directory, "none")])).rejects.toMatchObject({ code: "config-invalid", message: "there is no file `none`" });
  });
});

describe("what lies on a host", () => {
  const hostile = { PLAIN: "1", QUOTES: "a\"b'c", DOLLAR: "$HOME ${HOME} $(id) `id`", BACKSLASH: "a\\nb\\", LINES: "one\ntwo\n\nfour", EDGES: "  x\t", HASH: "# no", EMPTY: "", WIDE: "käse 🧀" };

  it.each(["dash", "bash", "busybox sh"])("fault 47: is read by %s as it was meant, whatever the values are", (shell) => {
    writeFileSync(join(directory, "env"), printEnvironment(new Map(Object.entries(hostile))));
    const [program = "", ...words] = shell.split(" ");
    const script = `set -a; . ./env; exec python3 -I -c 'import os, json; print(json.dumps({name: os.environ[name] for name in ${JSON.stringify(Object.keys(hostile))}}))'`;
    expect(JSON.parse(execFileSync(program, [...words, "-c", script], { cwd: directory, encoding: "utf8" }))).toEqual(hostile);
  });

  it("is itself an environment file with the same values", () => {
    const { assignments, problems } = parseEnvironmentFile("env", Buffer.from(printEnvironment(new Map(Object.entries(hostile)))).toString("utf8"));
    expect(problems).toEqual([]);
    expect(Object.fromEntries(assignments.map(({ name, value }) => [name, value.from === "text" ? value.text : value]))).toEqual(hostile);
  });
});
