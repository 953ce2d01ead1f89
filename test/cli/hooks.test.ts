import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeHome, type Home } from "../support/machine.ts";

const main = join(import.meta.dirname, "../../dist/bin/caisson.js");
const SECRET = "s3cr3t horse battery";
let home: Home;
let work: string;
/** All that was ever said, also to programs. */
let heard: string;
beforeEach(() => {
  home = makeHome();
  heard = "";
  work = join(home.directory, "work");
  mkdirSync(join(work, "config"), { recursive: true });
  writeFileSync(join(work, ".env.production"), "PASSWORD=env:THE_PASSWORD\nGREETING=hello\n");
});
afterEach(() => home.remove());

interface Said {
  readonly status: number | null;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
}

function caisson(...words: readonly string[]): Said {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...words], { cwd: work, env: { ...home.env, THE_PASSWORD: SECRET }, encoding: "utf8" });
  heard += stdout + stderr;
  // Progress, which begins with two spaces, is left out: it depends on how fast a machine is.
  return { status, stdout: stdout.split("\n").filter((line) => line !== ""), stderr: stderr.split("\n").filter((line) => line !== "" && !/^ {2}\S/.test(line)) };
}

function build(version: string, state: string, hooks: string): void {
  writeFileSync(join(work, "caisson.toml"), `[workspace]
name = "hello"
[packages.hello]
kind = "files"
path = "config"
health = { command = '''sh -c 'echo "bad $PASSWORD"; grep -q good state' ''' }
hooks = [${hooks}]
[targets.production]
hosts = ["local:h1", "local:h2"]
environment = [".env.production"]
service = "command"
restart = 'echo "starting with $PASSWORD"'
rollout = { healthy_deadline = "2s", min_healthy = "0s" }
`);
  writeFileSync(join(work, "config/VERSION"), `${version}\n`);
  writeFileSync(join(work, "config/state"), `${state} ${version}\n`);
  expect(caisson("build")).toMatchObject({ status: 0 });
}

const migrate = `{ at = "before-activate", command = "sh -c 'echo migrating with $PASSWORD'", once = "stack" }`;

describe("hooks, as people see them", () => {
  it("stand in the plan with their words and what is to be known of them; what cannot be undone stays, with the next thing to type", () => {
    build("1.0", "good", "");
    expect(caisson("deploy", "--to", "production")).toMatchObject({ status: 0 });
    build("1.1", "ill", `${migrate}, { at = "stage", command = "true" }`);
    expect(caisson("deploy", "--to", "production", "--plan").stdout.map((line) => line.replace(/send \d+ \w+/, "send <size>"))).toEqual([
      "plan hello@1.1 -> production, 2 hosts",
      "local:h1  1.0 -> 1.1  send <size>  restart 0  hooks 2",
      "local:h2  1.0 -> 1.1  send <size>  restart 0  hooks 1",
      "  hook hello  all       stage            true",
      '  hook hello  local:h1  before-activate  sh -c "echo migrating with $PASSWORD"  (once, irreversible)',
    ]);
    expect(caisson("deploy", "--to", "production")).toEqual({
      status: 4,
      stdout: ["local:h1  hello@1.1  partly-done  (now: 1.1)", "local:h2  hello@1.1  not-done     (now: 1.0)"],
      stderr: [
        "deploy hello@1.1 (froze hello@1.1)",
        expect.stringMatching(/^local:h1: unhealthy: `sh -c echo "bad \$PASSWORD"; grep -q good state` ended with 1: bad \*\*\*.*; not taken back, because `hello before-activate: sh -c echo migrating with \$PASSWORD` cannot be$/),
        "hint: mend it and deploy again; or go back all the same, where 1.0 works with what the hooks have done: caisson rollback --to production --across-hooks",
      ],
    });
    expect(caisson("status", "--to", "production")).toMatchObject({ status: 4, stdout: [expect.stringMatching(/^local:h1 {2}hello@1\.1 {2}kept +unhealthy/), expect.stringMatching(/^local:h2 {2}hello@1\.0 {2}active/)] });
    expect(caisson("rollback", "--to", "local:h1")).toMatchObject({ status: 1, stderr: ["error: going back to `1.0` crosses `hello before-activate: sh -c echo migrating with $PASSWORD`, which cannot be undone", "hint: see to it that the older release works with what there is now, then add --across-hooks"] });
    expect(caisson("rollback", "--to", "local:h1", "--across-hooks")).toMatchObject({ status: 0, stdout: ["local  hello@1.0  active  (was: 1.1)"] });
  });

  it("fault 42: are told of without a value of the environment, in words, plans, files, events and errors", () => {
    build("1.0", "good", migrate);
    for (const words of [["--plan"], ["--plan", "--json"], ["--plan-out", "plan.json"], ["--json"]]) expect(caisson("deploy", "--to", "production", ...words)).toMatchObject({ status: 0 });
    build("1.1", "good", `{ at = "before-activate", command = '''sh -c 'echo "$PASSWORD is wrong" >&2; exit 5' ''' }`);
    expect(caisson("deploy", "--to", "production", "--json")).toMatchObject({ status: 1 });
    build("1.2", "ill", "");
    expect(caisson("deploy", "--to", "production")).toMatchObject({ status: 3 });
    for (const words of [["status"], ["status", "--json"], ["history"], ["history", "--json"], ["verify"], ["prune", "--plan"]]) caisson(...words, "--to", "production");
    caisson("config", "show");
    writeFileSync(join(work, ".env.production"), `PASSWORD=${SECRET}\nPASS WORD=${SECRET}\n`);
    expect(caisson("deploy", "--to", "production")).toMatchObject({ status: 1, stderr: [expect.stringMatching(/^error: \.env\.production:2: this line is no assignment$/), "hint: NAME=value, or # and a remark"] });
    expect(heard).toContain("*** is wrong");
    for (const spelling of [SECRET, SECRET.replaceAll(" ", "%20"), Buffer.from(SECRET).toString("base64")]) expect(heard).not.toContain(spelling);
    const files = readdirSync(home.directory, { recursive: true, encoding: "utf8" }).filter((path) => !/(?:^|\/)(?:\.env|env|shared)\/|service\.log$|\.env\.production$/.test(path));
    const telling = files.filter((path) => statSync(join(home.directory, path)).isFile() && readFileSync(join(home.directory, path)).includes(SECRET));
    expect(telling).toEqual([]);
    expect(existsSync(join(work, "plan.json"))).toBe(true);
  });
});
