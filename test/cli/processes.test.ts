import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeHome, type Home } from "../support/machine.ts";

let home: Home;
let work: string;

beforeAll(() => {
  home = makeHome();
  work = join(home.directory, "work");
  mkdirSync(join(work, "files/bin"), { recursive: true });
  writeFileSync(join(work, "caisson.toml"), `[workspace]
name = "shop"
[packages.shop]
kind = "files"
path = "files"
processes.say = { command = "say $GREETING", requires = ["GREETING"] }
processes.wait = "sh -c 'echo waiting; exec sleep 1000'"
[targets.here]
root = "srv"
service = "command"
restart = 'printf "plain\\n\\033[31mred\\n"'
rollout = { min_healthy = "0s" }
[targets.production]
root = "/srv/shop"
hosts = ["deploy@h1", "h2"]
service = "systemd"
user = "app"
[targets.none]
root = "none"
`);
  writeFileSync(join(work, "files/VERSION"), "1.0\n");
  writeFileSync(join(work, "files/bin/say"), "#!/bin/sh\nprintf '<%s>' \"$@\"\ncat\nexit 7\n", { mode: 0o755 });
  const built = caisson("build", "--to-stack", "1", "--create");
  if (built.status !== 0) throw new Error(built.stderr);
});
afterAll(() => home.remove());

function caisson(...words: readonly string[]) {
  return caissonWith({}, "", ...words);
}

function caissonWith(env: Readonly<Record<string, string>>, input: string, ...words: readonly string[]) {
  const { status, stdout, stderr } = spawnSync("caisson", words, { cwd: work, env: { ...home.env, ...env }, input, encoding: "utf8" });
  // Progress depends on how fast a machine is.
  return { status, stdout, stderr: stderr.replaceAll(/^ {2}\S.*\n/gm, "") };
}

describe("caisson run", () => {
  it("starts a process with its words, ours behind them, our streams and its own status, and leaves nothing", () => {
    expect(caissonWith({ GREETING: "good day" }, "from outside", "run", "1:say", "--", "--to", "you all")).toEqual({ status: 7, stdout: "<good day><--to><you all>from outside", stderr: "" });
    expect(readdirSync(join(home.directory, "tmp")).filter((name) => name.startsWith("caisson-run"))).toEqual([]);
  });

  it("says as a host would what must be set, and what there is to start", () => {
    expect(caisson("run", "1:say")).toMatchObject({ status: 64, stderr: "error: set GREETING (process `say` needs GREETING)\n" });
    expect(caisson("run", "1")).toMatchObject({ status: 2, stderr: "error: `shop@1` has several things to start\nhint: caisson run shop@1:NAME, one of say, wait\n" });
    expect(caisson("run", "1:nobody").stderr).toMatch(/^error: `shop@1` has no process and no program `nobody`\n/);
  });

  it("takes a bundle, too, from anywhere", () => {
    const [bundle = ""] = caisson("build").stdout.trim().split("\n");
    const { status, stdout } = spawnSync("caisson", ["run", `${join(work, bundle)}:say`], { cwd: home.directory, env: { ...home.env, GREETING: "x" }, input: "", encoding: "utf8" });
    expect({ status, stdout }).toEqual({ status: 7, stdout: "<x>" });
  });

  it("ends what it has started when it is asked to", async () => {
    const child = spawn("caisson", ["run", "1:wait"], { cwd: work, env: { ...home.env }, stdio: ["ignore", "pipe", "inherit"] });
    await once(child.stdout, "data");
    child.kill("SIGTERM");
    expect(await once(child, "close")).toEqual([143, null]);
  });
});

describe("caisson logs", () => {
  it("prints what was said, harmless to a terminal, each line behind its host", () => {
    expect(caisson("deploy", "1", "--to", "here")).toMatchObject({ status: 0 });
    expect(caisson("logs", "--to", "here")).toEqual({ status: 0, stdout: "local  plain\nlocal  \u{fffd}[31mred\n", stderr: "" });
    expect(caisson("logs", "--to", "here", "--lines", "1", "--json")).toEqual({ status: 0, stdout: `${JSON.stringify({ host: "local", text: "\u{1b}[31mred" })}\n`, stderr: "" });
    expect(caisson("logs", "--to", "here", "--lines", "many")).toMatchObject({ status: 2 });
  });
});

describe("caisson units", () => {
  it("prints what root is to run, for one host or for all that are alike", () => {
    const { status, stdout } = caisson("units", "--to", "production", "--host", "h1");
    expect(status).toBe(0);
    expect(stdout).toContain("deploy ALL=(root) NOPASSWD: /usr/bin/systemctl --no-block restart caisson-shop-shop-say.service caisson-shop-shop-wait.service caisson-shop.target\n");
    expect(caisson("units", "1", "--to", "production", "--host", "h1").stdout).toBe(stdout);
    expect(caisson("units", "--to", "production", "--deployer", "deploy").stdout).toBe(stdout);
  });

  it("says when there is nothing to print", () => {
    expect(caisson("units", "--to", "production")).toMatchObject({ status: 2, stderr: "error: the address of h2 does not say who deploys there\nhint: --deployer USER\n" });
    expect(caisson("units", "--to", "none")).toMatchObject({ status: 2, stderr: "error: `none` needs no units of root's\nhint: this is for targets with service = \"systemd\"\n" });
    expect(caisson("units", "--to", "production", "--host", "h3")).toMatchObject({ status: 2, stderr: "error: `production` has no host `h3`\nhint: --host NAME, one of h1, h2\n" });
  });
});
