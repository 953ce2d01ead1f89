import { spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openWorkspaces } from "../support/homes.ts";

const main = join(import.meta.dirname, "../../dist/bin/caisson.js");
const home = openWorkspaces()({ "config/VERSION": "1.0\n", "caisson.toml": '[workspace]\nname = "hello"\n[packages.hello]\nkind = "files"\npath = "config"\nprefix = "etc"\n' });
const { work } = home;

/** What somebody types in the workspace, and reads: stdout, then stderr with `! ` before each line, then a status that is not 0. */
function type(words: readonly string[], env: Readonly<Record<string, string>> = {}, stdout: "pipe" | number = "pipe"): string {
  const said = spawnSync(process.execPath, [main, ...words], { cwd: work, env: { ...home.env, ...env }, encoding: "utf8", stdio: ["ignore", stdout, "pipe"] });
  return [...linesOf(said.stdout), ...linesOf(said.stderr).map((line) => `! ${line}`), ...(said.status === 0 ? [] : [`[${said.status}]`])].join("\n").replaceAll(work, "/desk");
}

/** Progress, which begins with two spaces, is left out; a file that stdout went to is not here. */
function linesOf(text: string | null): readonly string[] {
  return (text ?? "").split("\n").filter((line) => line !== "" && !/^ {2}\S/.test(line));
}

describe("what is typed wrong", () => {
  it("is answered with what was meant, and where to read on", () => {
    expect(type(["bild"])).toBe("! error: unknown command `bild`\n! hint: did you mean `build`? caisson --help lists the commands\n[2]");
    expect(type(["build", "--frmat", "zip"])).toBe("! error: unknown option `--frmat`\n! hint: did you mean `--format`? caisson build --help\n[2]");
    expect(type(["help", "stack", "lst"])).toBe("! error: unknown command `lst`\n! hint: did you mean `list`? caisson stack --help\n[2]");
    expect(type(["deploy", "a", "b", "--to", "local:x"])).toBe("! error: too many arguments for `deploy`. Expected 1 argument but got 2\n! hint: caisson deploy --help\n[2]");
  });

  it("is an option with nothing in it, as `--rev \"$TAG\"` leaves it where TAG is not set", () => {
    expect(type(["build", "--rev", ""])).toBe("! error: `--rev` was given nothing\n! hint: give it a value, or leave it out: caisson build --help\n[2]");
    expect(type(["build", "--platform", ","])).toContain("! error: `--platform` was given nothing");
    expect(type(["stack", "list", "--store", ""])).toContain("! error: `--store` was given nothing");
    expect(type(["stack", "list"], { CAISSON_STORE: "" })).toContain("there are no stacks yet");
    expect(type(["stack", "list", "--store", "."])).toMatch(/^! error: `\/desk` is no store, and something lies in it: `\S+`\n.*\n\[2\]$/);
    expect(readdirSync(work)).not.toContain("blobs");
  });

  it("is no flag: a variable that says no means no", () => {
    for (const no of ["", "0", "no", "False"]) expect(type(["stack", "list"], { CAISSON_JSON: no })).toContain("there are no stacks yet");
    expect(type(["stack", "list"], { CAISSON_JSON: "1" })).toBe('{"stacks":[]}');
    expect(type(["stack", "list", "--json"], { CAISSON_JSON: "0" })).toBe('{"stacks":[]}');
  });

  it("is two options that do not go together, or a directory that is not there", () => {
    expect(type(["build", "--rev", "1.0", "--on-disk"])).toBe("! error: --rev and --on-disk name different files\n! hint: leave one of them out\n[2]");
    expect(type(["build", "--find-links", "nowhere"])).toBe("! error: there is no directory `nowhere`\n! hint: --find-links names a directory of wheels and sdists\n[2]");
  });
});

describe("help", () => {
  it("comes for -h too, on stdout", () => {
    expect(type(["-h"])).toBe(type(["--help"]));
    expect(type(["stack", "-h"])).toBe(type(["stack", "--help"]));
    expect(type(["build", "-h"])).toMatch(/^Usage: caisson build /);
  });
});

describe("a place that cannot be used", () => {
  it("is no bug of ours: a file where a directory should be", () => {
    expect(type(["stack", "list", "--store", "caisson.toml"])).toMatch(/^! error: cannot write `\/desk\/caisson.toml`: something else has that name, or one above it\n! hint: move it away, or choose another place: --store DIR\n\[1\]$/);
    expect(type(["build", "--output", "caisson.toml"])).toContain("! error: cannot write `/desk/caisson.toml`: something else has that name, or one above it\n");
    expect(type(["build"])).toContain("dist/hello-1.0-");
    expect(type(["deploy", "--to", "local:x", "--plan-out", "config"])).toContain("! error: cannot open `/desk/config`: illegal operation on a directory\n");
    expect(type(["up", "--root", "caisson.toml"])).not.toContain("bug:");
  });

  it("is no bug of ours: a name longer than the disk takes", () => {
    expect(type(["stack", "list", "--store", "x".repeat(300)])).toContain("the name is too long for this file system\n");
  });

  it.skipIf(!existsSync("/dev/full"))("loses a result, and the status says so (needs /dev/full)", () => {
    const full = openSync("/dev/full", "w");
    expect(type(["config", "show"], {}, full)).toBe("! error: cannot write: no space left on device\n! hint: make room where it writes: temporary files lie in TMPDIR or /tmp, the rest in the store\n[1]");
    closeSync(full);
  });

  it("is not made by looking at it", () => {
    for (const command of ["status", "history", "verify", "rollback"]) type([command, "--to", "local:elsewhere"]);
    expect(readdirSync(work)).not.toContain("elsewhere");
    expect(type(["verify", "--to", "local:elsewhere"])).toBe("local  none");
  });
});
