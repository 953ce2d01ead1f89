import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync, statSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { prepareDeploy, preparePlan } from "../../src/deploy/deploy.ts";
import type { HostResult } from "../../src/deploy/apply/outcome.ts";
import { parsePlan, printPlan } from "../../src/deploy/plan/plan-file.ts";
import { readHistory } from "../../src/deploy/observe/history.ts";
import { readStatus } from "../../src/deploy/observe/status.ts";
import { prepareRollback } from "../../src/deploy/rollback.ts";
import type { Wanted } from "../../src/deploy/wanted.ts";
import type { HostPlan, Target } from "../../src/model/index.ts";
import { makeStack, openWorkbench, type HandMade, type Workbench } from "../support/hand-made.ts";

let bench: Workbench;
beforeEach(async () => {
  bench = await openWorkbench();
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

const SECRET = "p4ss w0rd/with\"all'of$it";

/** Its health is a file, its hook and its service write down the value that they see. */
function version(number: string, more: Partial<HandMade> = {}): HandMade {
  return {
    version: number,
    files: { "bin/see": '#!/bin/sh\necho "$1 ${PASSWORD-none}" >> "$CAISSON_STATE/seen"\n', "bin/well": '#!/bin/sh\n[ ! -e "$CAISSON_STATE/ill" ] || { echo "bad $PASSWORD"; exit 1; }\n', "etc/version": number },
    health: { argv: ["well"] },
    hooks: [{ at: "before-activate", argv: ["see", "hook"], once: "host", reversible: true, timeout: 20 }],
    ...more,
  };
}

function write(text: string): void {
  writeFileSync(join(bench.directory, ".env"), text);
}

function target(): Target {
  return {
    name: "production", roles: {}, keep: 5, environment: [join(bench.directory, ".env")],
    service: { kind: "command", restart: 'echo "start ${PASSWORD-none}" >> "$CAISSON_STATE/seen"; echo "the password is $PASSWORD"' },
    hosts: [{ name: "local", via: "local", address: "", root: join(bench.directory, "app") }],
    policy: { canary: 1, maxParallel: 1, maxFailed: 0, minHealthy: 0, healthyDeadline: 2 },
  };
}

async function deploy(wanted: Wanted, to: Target = target()): Promise<{ readonly plan: HostPlan | undefined; readonly result: HostResult | undefined }> {
  await using change = await prepareDeploy(bench.ctx, bench.store, wanted, to);
  const [result] = await change.apply();
  return { plan: change.plan.hosts[0], result };
}

function kinds(plan: HostPlan | undefined): readonly string[] | undefined {
  return plan?.steps.map(({ step }) => step).filter((step) => !["receive", "tree", "stage"].includes(step));
}

function seen(): readonly string[] {
  const path = join(bench.directory, "app/shared/seen");
  return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
}

/** The value on the host, as a shell that reads the file sees it. */
function there(): string {
  return execFileSync("sh", ["-c", '. ./hello; printf %s "$PASSWORD"'], { cwd: join(bench.directory, "app/env"), encoding: "utf8" });
}

describe("values of the environment", () => {
  it("lie on the host for our own user alone, and reach hooks, health commands and the service", async () => {
    write(`PASSWORD='p4ss w0rd/with"all'\n`);
    expect((await deploy(await makeStack(bench.store, version("1.0")))).result).toMatchObject({ outcome: "done" });
    expect(there()).toBe('p4ss w0rd/with"all');
    const file = realpathSync(join(bench.directory, "app/env/hello"));
    expect([statSync(file).mode & 0o777, statSync(join(file, "..")).mode & 0o777, statSync(join(file, "../..")).mode & 0o777]).toEqual([0o600, 0o700, 0o700]);
    expect(seen()).toEqual(['hook p4ss w0rd/with"all', 'start p4ss w0rd/with"all']);
  });

  it("are sent only when they have changed; changed alone, they make a switch of their own", async () => {
    const wanted = await makeStack(bench.store, version("1.0"));
    write("PASSWORD=one\nOTHER=x\n");
    expect(kinds((await deploy(wanted)).plan)).toEqual(["environment", "hook", "activate", "restart", "check", "confirm"]);
    write("# the same\nOTHER='x'\nPASSWORD=\"one\"\n");
    expect((await deploy(wanted)).result).toMatchObject({ outcome: "unchanged" });
    write("PASSWORD=two\n");
    const { plan, result } = await deploy(wanted);
    expect([kinds(plan), result?.outcome, plan?.from, plan?.to, plan?.restarts.length]).toEqual([["environment", "activate", "restart", "check", "confirm"], "done", "1.0", "1.0", 0]);
    expect([there(), seen()]).toEqual(["two", ["hook one", "start one", "start two"]]);
    expect(readdirSync(join(bench.directory, "app/.env"))).toHaveLength(1);
    expect((await deploy(wanted)).result).toMatchObject({ outcome: "unchanged" });
    const next = await makeStack(bench.store, version("1.1"));
    expect(kinds((await deploy(next)).plan)).not.toContain("environment");
    await using back = await prepareRollback(bench.ctx, bench.store, target());
    expect(await back.apply()).toMatchObject([{ outcome: "done" }]);
    expect(there()).toBe("two");
  });

  it("go back with a release that is ill, and with values alone that make it ill", async () => {
    const wanted = await makeStack(bench.store, version("1.0"));
    write("PASSWORD=good\n");
    await deploy(wanted);
    writeFileSync(join(bench.directory, "app/shared/ill"), "");
    write("PASSWORD=wrong\n");
    expect((await deploy(await makeStack(bench.store, version("1.1")))).result).toMatchObject({ outcome: "undone", now: "1.0" });
    expect(there()).toBe("good");
    const { result } = await deploy(wanted);
    expect(result).toMatchObject({ outcome: "undone", from: "1.0", to: "1.0", now: "1.0", problem: { code: "unhealthy" } });
    expect([there(), seen().slice(-2)]).toEqual(["good", ["start wrong", "start good"]]);
    expect(readlinkSync(join(bench.directory, "app/versions/current"))).toBe("1.0");
    expect([existsSync(join(bench.directory, "app/versions/previous")), readdirSync(join(bench.directory, "app/.env")).length]).toEqual([false, 1]);
    await rm(join(bench.directory, "app/shared/ill"));
    expect((await deploy(wanted)).result).toMatchObject({ outcome: "done" });
    expect(there()).toBe("wrong");
  });

  it("go away where a target says that it has none, and stay where it says nothing", async () => {
    const wanted = await makeStack(bench.store, version("1.0"));
    write("PASSWORD=one\n");
    await deploy(wanted);
    const { environment: _, ...silent } = target();
    expect((await deploy(wanted, silent)).result).toMatchObject({ outcome: "unchanged" });
    expect(there()).toBe("one");
    expect(kinds((await deploy(wanted, { ...target(), environment: [] })).plan)).toEqual(["environment", "activate", "restart", "check", "confirm"]);
    expect([existsSync(join(bench.directory, "app/env/hello")), seen().at(-1)]).toEqual([false, "start none"]);
    expect((await deploy(wanted, { ...target(), environment: [] })).result).toMatchObject({ outcome: "unchanged" });
  });

  it.each([
    ["a directory `env`", "env", "mkdir app/env && echo mine > app/env/hello"],
    ["a file `.env`", ".env", "echo mine > app/.env"],
    ["a directory `.env`", undefined, "mkdir -p app/.env/bin app/.env/.new-venv && echo mine > app/.env/bin/python"],
  ])("take nobody's place: %s of somebody else stays as it is", async (_, refused, spoil) => {
    const { environment: __, ...silent } = target();
    await deploy(await makeStack(bench.store, version("1.0")), silent);
    execFileSync("sh", ["-c", spoil], { cwd: bench.directory });
    const before = execFileSync("sh", ["-c", "find app/env app/.env -type f -exec grep -H mine {} + || true"], { cwd: bench.directory, encoding: "utf8" });
    write("PASSWORD=one\n");
    const { result } = await deploy(await makeStack(bench.store, version("1.1")));
    expect([result?.outcome, result?.problem?.message]).toEqual(refused === undefined ? ["done", undefined] : ["not-done", `\`${join(bench.directory, "app", refused)}\` is none of Caisson's; move it away, or choose another root`]);
    await deploy(await makeStack(bench.store, version("1.2")), silent);
    expect(execFileSync("sh", ["-c", "find app/env app/.env -type f -exec grep -H mine {} + || true"], { cwd: bench.directory, encoding: "utf8" })).toBe(before);
  });

  it("are refused with their file and line before any host is asked", async () => {
    write("PASSWORD=one\nhunter2\n");
    await expect(prepareDeploy(bench.ctx, bench.store, await makeStack(bench.store, version("1.0")), target())).rejects.toMatchObject({ code: "config-invalid", problems: [{ file: ".env", line: 2, message: "this line is no assignment" }] });
    expect(existsSync(join(bench.directory, "app"))).toBe(false);
  });

  it("are no part of a saved plan, and are read when it is carried out", async () => {
    const wanted = await makeStack(bench.store, version("1.0"));
    write("PASSWORD=once upon\n");
    let saved = "";
    {
      await using change = await prepareDeploy(bench.ctx, bench.store, wanted, target());
      await change.freeze();
      saved = printPlan(change.plan);
    }
    expect(saved).not.toContain("once upon");
    write("PASSWORD=a time\n");
    await using change = await preparePlan(bench.ctx, bench.store, parsePlan("plan.json", saved));
    expect(await change.apply()).toMatchObject([{ outcome: "done" }]);
    expect(there()).toBe("a time");
    write("PASSWORD=a time\nMORE=1\n");
    await using other = await prepareDeploy(bench.ctx, bench.store, wanted, target());
    write("PASSWORD=a time\nLESS=1\n");
    await using stale = await preparePlan(bench.ctx, bench.store, parsePlan("plan.json", printPlan(other.plan)));
    await expect(stale.apply()).rejects.toMatchObject({ code: "host-changed" });
  });
});

describe("fault 42: a secret of the environment", () => {
  /** Prints the secret whole, in pieces, and as others spell it; and fails. */
  const chatty = '#!/bin/sh\necho "it is $PASSWORD"; printf "%s" "$PASSWORD" | base64; python3 -c "import os, json, urllib.parse as u; p = os.environ[\\"PASSWORD\\"]; print(repr(p), json.dumps(p), u.quote(p), u.quote(p, safe=str()))"\nexit ${1:-0}\n';

  it("is nowhere but in its file and in the programs that it is for, whatever they print and however they fail", async () => {
    write(`PASSWORD=env:THE_PASSWORD\n`);
    Object.assign(bench.ctx.env, { THE_PASSWORD: SECRET });
    const files = { "bin/chat": chatty, "bin/well": '#!/bin/sh\necho "bad $PASSWORD"\n[ ! -e "$CAISSON_STATE/ill" ]\n' };
    const hook = { at: "before-activate", argv: ["chat"], once: "host", reversible: true, timeout: 20 } as const;
    const said: unknown[] = [];
    const shown = async (number: string, more: Partial<HandMade>): Promise<void> => {
      await using change = await prepareDeploy(bench.ctx, bench.store, await makeStack(bench.store, version(number, { files: { ...files, "etc/version": number }, ...more })), target());
      said.push(printPlan(change.plan), change.hosts.map(({ state }) => ({ ...state, environment: { ...state.environment, key: "" } })), await change.apply());
    };
    await shown("1.0", { hooks: [hook] });
    await shown("1.1", { hooks: [{ ...hook, argv: ["chat", "3"] }] });
    await shown("1.2", { hooks: [{ ...hook, argv: ["sh", "-c", "chat; exec sleep 100"], timeout: 1 }] });
    writeFileSync(join(bench.directory, "app/shared/ill"), "");
    await shown("1.3", { hooks: [] });
    await using chatters = await prepareDeploy(bench.ctx, bench.store, await makeStack(bench.store, version("1.4", { files, hooks: [] })), { ...target(), service: { kind: "command", restart: 'echo "bad $PASSWORD"; exit 1' } });
    said.push(await chatters.apply(), bench.events, await readHistory(bench.ctx, target(), 100), await readStatus(bench.ctx, bench.store, target()));
    const outcomes = said.flat().flatMap((each) => (each !== null && typeof each === "object" && "outcome" in each && "to" in each ? [each.outcome] : []));
    expect(outcomes).toEqual(["done", "not-done", "not-done", "undone", "undone"]);
    const spoken = JSON.stringify(said);
    expect(spoken).toMatch(/it is \*\*\* \| \*\*\*/);
    const root = join(bench.directory, "app");
    const onDisk = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) => !/^(?:\.env|env|shared)\//.test(path) && path !== "service.log" && statSync(join(root, path)).isFile()).map((path) => [path, readFileSync(join(root, path), "utf8")]);
    const inStore = spawnSync("grep", ["-rlF", "-e", "p4ss w0rd", join(bench.directory, "store")], { encoding: "utf8" }).stdout;
    for (const spelling of [SECRET, "p4ss w0rd", "p4ss%20w0rd", Buffer.from(SECRET).toString("base64"), JSON.stringify(SECRET).slice(1, -1)]) {
      expect(spoken).not.toContain(spelling);
      expect(spoken).not.toContain(JSON.stringify(spelling).slice(1, -1));
      expect(onDisk.filter(([, text]) => text?.includes(spelling) === true).map(([path]) => path)).toEqual([]);
    }
    expect(inStore).toBe("");
    expect(statSync(join(root, "service.log")).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(root, "hooks/1.2.log"), "utf8")).toMatch(/was killed after 1 s[^]*it is \*\*\*/);
  });
});
