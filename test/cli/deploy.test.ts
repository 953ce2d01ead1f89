import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Home } from "../support/machine.ts";
import { makeHello, type Hello } from "./hello.ts";

const main = join(import.meta.dirname, "../../dist/bin/caisson.js");
let home: Home;
let work: string;
let build: Hello["build"];
beforeEach(() => {
  ({ home, work, build } = makeHello('[targets.production]\nhosts = ["local:h1", "local:h2"]\nrollout = { healthy_deadline = "2s" }\n'));
});
afterEach(() => home.remove());

interface Said {
  readonly status: number | null;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
}

function caisson(...words: readonly string[]): Said {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...words], { cwd: work, env: home.env, encoding: "utf8" });
  return { status, stdout: linesOf(stdout), stderr: linesOf(stderr) };
}

/** Progress, which begins with two spaces, is left out: it depends on how fast a machine is. */
function linesOf(text: string): readonly string[] {
  return text.split("\n").filter((line) => line !== "" && !/^ {2}\S/.test(line));
}

describe("caisson deploy", () => {
  it("says what it would do, does it, and says so", () => {
    build("1.0");
    const plan = caisson("deploy", "--to", "production", "--plan");
    expect(plan).toMatchObject({ status: 0, stderr: [] });
    expect(plan.stdout.map((line) => line.replaceAll(/\d+(?:\.\d+)? k?B/g, "<size>"))).toEqual(["plan hello@1.0 -> production, 2 hosts", "local:h1  none -> 1.0  send <size>  restart 0  hooks 0", "local:h2  none -> 1.0  send <size>  restart 0  hooks 0"]);
    expect(existsSync(join(work, "h1"))).toBe(false);
    expect(caisson("stack", "list").stdout).toEqual([]);
    expect(caisson("deploy", "--to", "production")).toEqual({ status: 0, stdout: ["local:h1  hello@1.0  active  (was: none)", "local:h2  hello@1.0  active  (was: none)"], stderr: ["deploy hello@1.0 (froze hello@1.0)"] });
    expect(caisson("deploy", "--to", "production")).toEqual({ status: 0, stdout: ["local:h1  hello@1.0  unchanged", "local:h2  hello@1.0  unchanged"], stderr: [] });
  });

  it("goes back from what is unhealthy, and ends with 3", () => {
    build("1.0");
    caisson("deploy", "--to", "production");
    build("1.1", "bad");
    const said = caisson("deploy", "--to", "production");
    expect(said).toEqual({
      status: 3,
      stdout: ["local:h1  hello@1.1  undone    (now: 1.0, healthy)", "local:h2  hello@1.1  not-done  (now: 1.0)"],
      stderr: ["deploy hello@1.1 (froze hello@1.1)", "local:h1: unhealthy: `grep -q good etc/state` ended with 1", "hint: caisson history --to production"],
    });
    expect(caisson("status", "--to", "production")).toEqual({ status: 0, stdout: ["local:h1  hello@1.0  active  healthy  (undid 1.1: `grep -q good etc/state` ended with 1)", "local:h2  hello@1.0  active  healthy"], stderr: [] });
    expect(caisson("history", "--to", "production").stdout.map((line) => line.split(/ {2,}/)).filter(([, , event]) => event === "undone").map(([host, , , release]) => [host, release])).toEqual([["local:h1", "1.0 -> 1.1"]]);
  });

  it("carries out a saved plan, and refuses it when a host has changed since", () => {
    build("1.0");
    expect(caisson("deploy", "--to", "production", "--plan-out", "plan.json")).toMatchObject({ status: 0, stderr: ["deploy hello@1.0 (froze hello@1.0)", "wrote plan.json; carry it out: caisson deploy plan.json"] });
    expect(existsSync(join(work, "h1"))).toBe(false);
    expect(caisson("deploy", "plan.json", "--to", "local:other")).toMatchObject({ status: 2 });
    expect(caisson("deploy", "plan.json")).toMatchObject({ status: 0, stdout: ["local:h1  hello@1.0  active  (was: none)", "local:h2  hello@1.0  active  (was: none)"] });
    expect(caisson("deploy", "plan.json")).toEqual({ status: 1, stdout: [], stderr: ["error: local:h1: changed since this was planned: current was none and is 1.0", "error: local:h2: changed since this was planned: current was none and is 1.0", "hint: plan it again"] });
    writeFileSync(join(work, "plan.json"), readFileSync(join(work, "plan.json"), "utf8").replace('"generation":0', '"generation":"none"'));
    expect(caisson("deploy", "plan.json")).toMatchObject({ status: 1 });
    expect(caisson("deploy", "plan.json").stderr[0]).toMatch(/^error: plan\.json: /);
  });

  it("tells programs what happens, one event per line, and the result last", () => {
    build("1.0");
    const { status, stdout } = caisson("deploy", "--to", "local:app", "--json");
    const events = stdout.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
    expect(status).toBe(0);
    expect(new Set(events.map(({ type }) => type))).toEqual(new Set(["version", "notice", "rollout", "phase", "step", "host", "started", "progress", "finished", "result"]));
    expect(events.at(-1)).toMatchObject({ type: "result", action: "deploy", ref: "hello@1.0", target: "local:app", status: 0, hosts: [{ host: "local", name: "hello", to: "1.0", from: null, outcome: "done", now: "1.0" }] });
  });

  it("needs no workspace for a directory of this machine", () => {
    build("1.0");
    caisson("deploy", "--to", "local:app");
    work = join(home.directory, "tmp");
    expect(caisson("deploy", "1.0", "--to", "local:island")).toEqual({ status: 0, stderr: [], stdout: ["local  hello@1.0  active  (was: none)"] });
    expect(caisson("status", "--to", "local:island")).toMatchObject({ status: 0, stdout: ["local  hello@1.0  active  healthy"] });
    expect(caisson("deploy", "--to", "local:island")).toMatchObject({ status: 2, stderr: ["error: say which stack or bundle to deploy", "hint: stacks: hello@1.0"] });
  });

  it("names what is wrong on the command line", () => {
    expect(caisson("deploy")).toMatchObject({ status: 2, stderr: ["error: say where: --to TARGET", "hint: a target of caisson.toml, user@host:/root, or local:DIR"] });
    expect(caisson("deploy", "--to", "nowhere")).toMatchObject({ status: 2 });
    expect(caisson("deploy", "dist/none.tar.gz", "--to", "local:app")).toMatchObject({ status: 2, stderr: ["error: there is no bundle `dist/none.tar.gz`", "hint: caisson build makes one in `dist`"] });
    expect(caisson("prune", "--to", "local:app", "--keep", "few")).toMatchObject({ status: 2 });
    expect(caisson("rollback", "--to", "local:app")).toMatchObject({ status: 1 });
  });

  it("fault 15: finishes the host under way when Ctrl-C comes once, begins no other, and says how the rest is taken up", async () => {
    build("1.0");
    caisson("deploy", "--to", "production");
    writeFileSync(join(work, "caisson.toml"), readFileSync(join(work, "caisson.toml"), "utf8").replace("grep -q good etc/state", "test -e ../../../shared/go").replace('"2s"', '"60s"'));
    build("1.1");
    const running = spawn(process.execPath, [main, "deploy", "--to", "production"], { cwd: work, env: home.env, stdio: ["ignore", "pipe", "pipe"] });
    const [out, err]: [string[], string[]] = [[], []];
    running.stdout.setEncoding("utf8").on("data", (text: string) => out.push(text));
    running.stderr.setEncoding("utf8").on("data", (text: string) => err.push(text));
    while (readlinkSync(join(work, "h1/versions/current")) !== "1.1") await sleep(10);
    running.kill("SIGINT");
    while (!err.join("").includes("stopping as soon as")) await sleep(10);
    for (const host of ["h1", "h2"]) writeFileSync(join(work, host, "shared/go"), "");
    const status = await new Promise((resolve) => running.once("close", resolve));
    expect([status, linesOf(out.join(""))]).toEqual([4, ["local:h1  hello@1.1  active    (was: 1.0)", "local:h2  hello@1.1  not-done  (now: 1.0)"]]);
    expect(linesOf(err.join("")).slice(1)).toEqual(["stopping as soon as local:h1 is done; Ctrl-C again undoes it now", "hint: the rest again: caisson deploy hello@1.1 --to production --retry"]);
    expect(caisson("deploy", "hello@1.1", "--to", "production", "--retry")).toMatchObject({ status: 0, stdout: ["local:h2  hello@1.1  active  (was: 1.0)"] });
  });

  it("fault 15: goes back when Ctrl-C comes twice while a release is checked, and says how it left things", async () => {
    build("1.0");
    caisson("deploy", "--to", "local:app");
    build("1.1", "bad");
    const running = spawn(process.execPath, [main, "deploy", "--to", "local:app"], { cwd: work, env: home.env, stdio: ["ignore", "pipe", "ignore"] });
    const out: string[] = [];
    running.stdout.setEncoding("utf8").on("data", (text: string) => out.push(text));
    while (readlinkSync(join(work, "app/versions/current")) !== "1.1") await sleep(10);
    running.kill("SIGINT");
    await sleep(300);
    running.kill("SIGINT");
    const status = await new Promise((resolve) => running.once("close", resolve));
    expect([status, out.join("")]).toEqual([3, "local  hello@1.1  undone  (now: 1.0)\n"]);
    expect(readlinkSync(join(work, "app/versions/current"))).toBe("1.0");
  });
});

describe("caisson verify", () => {
  it("finds a file that somebody changed", () => {
    build("1.0");
    caisson("deploy", "--to", "local:app");
    expect(caisson("verify", "--to", "local:app")).toMatchObject({ status: 0, stderr: [] });
    const trees = join(work, "app/trees");
    const file = readdirSync(trees, { recursive: true, encoding: "utf8" }).find((path) => path.endsWith("/state")) ?? "";
    chmodSync(join(trees, file), 0o644);
    writeFileSync(join(trees, file), "good enough\n");
    expect(caisson("verify", "--to", "local:app")).toMatchObject({ status: 1, stderr: [`local: \`trees/${file}\` is bad`, "hint: caisson verify --to local:app --repair"] });
    expect(caisson("verify", "--to", "local:app", "--plan")).toMatchObject({ status: 2 });
    expect(caisson("verify", "--to", "local:app", "--repair", "--plan").stdout.slice(0, 2)).toEqual(["plan repair -> local:app, 1 host", expect.stringMatching(/^local {2}mend 1 tree and 1 release {2}send \d+ B$/)]);
    expect(caisson("verify", "--to", "local:app", "--repair")).toMatchObject({ status: 0, stdout: [expect.stringMatching(/^local {2}\d+ files {2}all as deployed$/)] });
    chmodSync(join(trees, file, ".."), 0o755);
    writeFileSync(join(trees, file, "../more"), "data");
    const events = caisson("verify", "--to", "local:app", "--repair", "--json");
    expect(JSON.parse(events.stdout.at(-1) ?? "")).toMatchObject({ type: "result", action: "repair", target: "local:app", status: 0, hosts: [{ host: "local", outcome: "done", now: "1.0", lacking: [], restart: [] }] });
    expect(caisson("verify", "--to", "local:app")).toMatchObject({ status: 0, stderr: [] });
    expect(caisson("history", "--to", "local:app").stdout.filter((line) => line.includes("  repaired  "))).toHaveLength(2);
  });
});

describe("caisson up", () => {
  it("leaves no process behind when it is killed by SIGKILL", async () => {
    build("1.0");
    const flag = join(home.directory, "alive");
    const beat = `processes.beat = "sh -c 'echo beat; while sleep 0.1; do date +%N > \\"$0\\"; done' $FLAG"`;
    writeFileSync(join(work, "caisson.toml"), readFileSync(join(work, "caisson.toml"), "utf8").replace("health =", `${beat}\nhealth =`));
    const running = spawn(process.execPath, [main, "up"], { cwd: work, env: { ...home.env, FLAG: flag }, stdio: ["ignore", "pipe", "pipe"] });
    const err: string[] = [];
    running.stderr.setEncoding("utf8").on("data", (text: string) => err.push(text));
    const [line] = await new Promise<readonly string[]>((resolve) => running.stdout.setEncoding("utf8").once("data", (text: string) => resolve(text.split("\n"))));
    expect(line).toMatch(/^local {2}hello@dev-[0-9a-f]{8} {2}active {2}\(was: none\)$/);
    expect(err.join("")).toContain("beat | beat");
    expect(caisson("status", "--to", "local:.caisson/up").stdout).toEqual([`${line}`.replace(/active.*/, "active  healthy")]);
    expect(caisson("up").stderr[0]).toBe(`error: \`caisson up\` runs here already, as process ${running.pid}`);
    running.kill("SIGKILL");
    // It writes ten times in a second.
    for (let before = ""; before !== readFileSync(flag, "utf8"); await sleep(1500)) before = readFileSync(flag, "utf8");
  });
});
