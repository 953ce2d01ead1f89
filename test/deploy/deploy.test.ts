import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { applyPlan } from "../../src/deploy/apply/apply.ts";
import { prepareDeploy } from "../../src/deploy/deploy.ts";
import { exitStatus, type HostResult } from "../../src/deploy/apply/outcome.ts";
import { preparePrune } from "../../src/deploy/prune.ts";
import { prepareRollback } from "../../src/deploy/rollback.ts";
import { readStatus } from "../../src/deploy/observe/status.ts";
import { readHistory } from "../../src/deploy/observe/history.ts";
import type { Wanted } from "../../src/deploy/wanted.ts";
import { CaissonError, type HostAddress, type Label, type Service, type Target } from "../../src/model/index.ts";
import type { Context } from "../../src/system/index.ts";
import { openAgent, type Agent } from "../../src/transport/index.ts";
import { makeStack, openWorkbench, type HandMade, type Workbench } from "../support/hand-made.ts";

let bench: Workbench;
beforeEach(async () => {
  bench = await openWorkbench();
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

function version(number: string, more: Partial<HandMade> = {}): HandMade {
  return { version: number, files: { "bin/hello": `#!/bin/sh\necho hello ${number}\n`, "etc/hello/hello.conf": "greeting = hello\n" }, ...more };
}

function target(service: Service = { kind: "none" }, ...roots: readonly string[]): Target {
  const names = roots.length === 0 ? ["app"] : roots;
  return {
    name: "local:app", roles: {}, service, keep: 5,
    hosts: names.map((root) => ({ name: names.length === 1 ? "local" : root, via: "local", address: "", root: join(bench.directory, root) })),
    policy: { canary: 1, maxParallel: 2, maxFailed: 0, minHealthy: 0, healthyDeadline: 2 },
  };
}

async function deploy(wanted: Wanted, to: Target = target()): Promise<readonly HostResult[]> {
  await using change = await prepareDeploy(bench.ctx, bench.store, wanted, to);
  return await change.apply();
}

async function rollback(to: Target = target(), release?: string): Promise<readonly HostResult[]> {
  await using change = await prepareRollback(bench.ctx, bench.store, to, release as Label | undefined);
  return await change.apply();
}

function said(root = "app"): string {
  return execFileSync(join(bench.directory, root, "versions/current/bin/hello"), { encoding: "utf8" }).trim();
}

function current(root = "app"): string {
  return readlinkSync(join(bench.directory, root, "versions/current"));
}

function everyPath(): readonly string[] {
  return readdirSync(bench.directory, { recursive: true, encoding: "utf8" }).toSorted((a, b) => (a < b ? -1 : 1));
}

describe("deploy", () => {
  it("row P9: switches a first, a second and a third time, and keeps what was current before", async () => {
    const outcomes: unknown[] = [];
    for (const number of ["1.0", "1.1", "1.2"]) {
      const [result] = await deploy(await makeStack(bench.store, version(number)));
      outcomes.push([result?.outcome, result?.from, result?.now, current(), said()]);
    }
    expect(outcomes).toEqual([
      ["done", null, "1.0", "1.0", "hello 1.0"],
      ["done", "1.0", "1.1", "1.1", "hello 1.1"],
      ["done", "1.1", "1.2", "1.2", "hello 1.2"],
    ]);
    expect(readlinkSync(join(bench.directory, "app/versions/previous"))).toBe("1.1");
  });

  it("row P11: does nothing where the stack is current, and leaves no temporary file here or there", async () => {
    const wanted = await makeStack(bench.store, version("1.0"));
    await deploy(wanted);
    const before = everyPath();
    expect(await deploy(wanted)).toMatchObject([{ outcome: "unchanged", from: "1.0", now: "1.0" }]);
    expect(everyPath()).toEqual(before);
    expect(before.filter((path) => /\.(?:tmp|new|trash|part)|incoming/.test(path))).toEqual([]);
  });

  it("row P11: leaves nothing behind when it fails", async () => {
    await deploy(await makeStack(bench.store, version("1.0")));
    const bad = await makeStack(bench.store, version("1.1", { files: { "bin/hello": "#!/bin/sh\nexit 3\n" }, health: { argv: ["hello"] } }));
    expect(await deploy(bad)).toMatchObject([{ outcome: "undone", from: "1.0", now: "1.0", problem: { code: "unhealthy" } }]);
    expect(current()).toBe("1.0");
    expect(everyPath().filter((path) => /\.(?:tmp|new|trash|part|current-)|incoming/.test(path))).toEqual([]);
  });

  it("takes the first release away again when it is unhealthy", async () => {
    const bad = await makeStack(bench.store, version("1.0", { health: { argv: ["false"] } }));
    expect(await deploy(bad)).toMatchObject([{ outcome: "undone", from: null, now: null }]);
    expect(existsSync(join(bench.directory, "app/versions/current"))).toBe(false);
  });

  it("sends the second time what has changed and no more", async () => {
    await deploy(await makeStack(bench.store, version("1.0")));
    await using change = await prepareDeploy(bench.ctx, bench.store, await makeStack(bench.store, version("1.1")), target());
    expect(change.plan.hosts[0]?.steps.map(({ step }) => step)).toEqual(["receive", "receive", "tree", "receive", "stage", "activate", "confirm"]);
    expect(change.plan.hosts[0]?.keptBytes).toBeGreaterThan(0);
  });

  it("refuses a plan when the host has changed since", async () => {
    const wanted = await makeStack(bench.store, version("1.1"));
    await using late = await prepareDeploy(bench.ctx, bench.store, wanted, target());
    await deploy(await makeStack(bench.store, version("1.0")));
    expect(await late.apply()).toMatchObject([{ outcome: "not-done", problem: { code: "host-changed" } }]);
    expect(current()).toBe("1.0");
  });

  it("runs the owner's command after the switch, with the release and its state, and again after going back", async () => {
    const log = join(bench.directory, "service.txt");
    const service: Service = { kind: "command", restart: `printf '%s %s\\n' "\${CAISSON_RELEASE##*/}" "\${CAISSON_STATE##*/}" >> '${log}'` };
    await deploy(await makeStack(bench.store, version("1.0")), target(service));
    const bad = await makeStack(bench.store, version("1.1", { health: { argv: ["false"] } }));
    expect(await deploy(bad, target(service))).toMatchObject([{ outcome: "undone", now: "1.0" }]);
    expect(execFileSync("cat", [log], { encoding: "utf8" })).toBe("1.0 shared\n1.1 shared\n1.0 shared\n");
  });

  it("goes back when the owner's command fails, and says what it said", async () => {
    await deploy(await makeStack(bench.store, version("1.0")), target({ kind: "command", restart: "true" }));
    const [result] = await deploy(await makeStack(bench.store, version("1.1")), target({ kind: "command", restart: "case $CAISSON_RELEASE in *1.1) echo no such unit >&2; exit 5;; esac" }));
    expect(result).toMatchObject({ outcome: "undone", now: "1.0", problem: { code: "process-failed" } });
    expect(result?.problem?.message).toContain("no such unit");
  });

  it("row P13: gives each of several hosts a result, and stops at the first that fails", async () => {
    const hosts = target({ kind: "none" }, "h1", "h2", "h3");
    expect(await deploy(await makeStack(bench.store, version("1.0")), hosts)).toMatchObject([{ host: "h1", outcome: "done" }, { host: "h2", outcome: "done" }, { host: "h3", outcome: "done" }]);
    const bad = await makeStack(bench.store, version("1.1", { health: { argv: ["false"] } }));
    const results = await deploy(bad, hosts);
    expect(results.map(({ host, outcome, now }) => [host, outcome, now])).toEqual([["h1", "undone", "1.0"], ["h2", "not-done", "1.0"], ["h3", "not-done", "1.0"]]);
    expect(results[1]?.problem?.message).toBe("not begun: h1 is undone");
  });

  it("fault 15: stops before the switch when it is asked to, and changes nothing", async () => {
    await deploy(await makeStack(bench.store, version("1.0")));
    await using change = await prepareDeploy(bench.ctx, bench.store, await makeStack(bench.store, version("1.1")), target());
    bench.stop();
    expect(await change.apply()).toMatchObject([{ outcome: "not-done", now: "1.0", problem: { code: "cancelled" } }]);
    expect(current()).toBe("1.0");
  });

  it("fault 15: goes back when it is asked twice to stop between the switch and the confirmation", async () => {
    await deploy(await makeStack(bench.store, version("1.0")));
    const slow = await makeStack(bench.store, version("1.1", { files: { "bin/hello": `#!/bin/sh\ntouch '${join(bench.directory, "asked")}'; exec sleep 60\n` }, health: { argv: ["hello"] } }));
    await using change = await prepareDeploy(bench.ctx, bench.store, slow, { ...target(), policy: { ...target().policy, healthyDeadline: 60 } });
    const applied = change.apply();
    while (!existsSync(join(bench.directory, "asked"))) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(current()).toBe("1.1");
    bench.stop();
    bench.insist();
    expect(await applied).toMatchObject([{ outcome: "undone", now: "1.0", problem: { code: "cancelled" } }]);
    expect(current()).toBe("1.0");
  });
});

/** Apply with an agent that is killed at a point, and whatever becomes of a second contact. */
async function deployWithFault(point: string, again: (ctx: Context, host: HostAddress) => Promise<Agent>): Promise<readonly HostResult[]> {
  const wanted = await makeStack(bench.store, version("1.1", { health: { argv: ["hello"] } }));
  const ctx = { ...bench.ctx, env: { ...bench.ctx.env, CAISSON_FAULT: point } };
  await using change = await prepareDeploy(ctx, bench.store, wanted, target());
  const { plan } = change;
  let contacts = 0;
  return await applyPlan(ctx, bench.store, plan, async (host) => (contacts++ === 0 ? await openAgent(ctx, host, { by: "tester" }) : await again(ctx, host)));
}

describe("deploy, when contact is lost", () => {
  it("asks once more what is true", async () => {
    await deploy(await makeStack(bench.store, version("1.0")));
    expect(await deployWithFault("check:before", (ctx, host) => openAgent(ctx, host, { by: "tester" }))).toMatchObject([{ outcome: "undone", now: "1.0" }]);
  });

  it("says that it does not know when nobody can be asked", async () => {
    await deploy(await makeStack(bench.store, version("1.0")));
    const results = await deployWithFault("check:before", () => Promise.reject(new CaissonError([{ code: "host-unreachable", message: "no route" }])));
    expect(results).toMatchObject([{ outcome: "unknown", now: undefined, problem: { code: "unknown-state" } }]);
    expect(exitStatus(results.map(({ outcome }) => outcome))).toBe(5);
  });

  it("has changed nothing when that is before the switch", async () => {
    await deploy(await makeStack(bench.store, version("1.0")));
    expect(await deployWithFault("stage:middle", () => Promise.reject(new Error("nobody needs to ask")))).toMatchObject([{ outcome: "not-done", now: "1.0" }]);
    expect(current()).toBe("1.0");
  });
});

describe("two deployers at once", () => {
  it("get in each other's way without harm: one wins, the other is told who is at work, and waits for a while", async () => {
    await deploy(await makeStack(bench.store, version("1.0")));
    const flag = join(bench.directory, "flag");
    const slow = await makeStack(bench.store, version("1.1", { health: { argv: ["sh", "-c", `while ! test -e '${flag}'; do sleep 0.1; done`] } }));
    const other = await makeStack(bench.store, version("1.2"));
    await using first = await prepareDeploy(bench.ctx, bench.store, slow, { ...target(), policy: { ...target().policy, healthyDeadline: 60 } });
    await using second = await prepareDeploy(bench.ctx, bench.store, other, target());
    const winning = first.apply();
    while (current() !== "1.1") await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await second.apply()).toMatchObject([{ outcome: "not-done", problem: { code: "host-busy" } }]);
    const holder = "`tester@.+` has been changing this host since .+ UTC \\(deploy hello@1\\.1, process \\d+\\)";
    await expect(prepareDeploy(bench.ctx, bench.store, other, target(), { patience: 0.1 })).rejects.toMatchObject({ code: "host-busy", message: expect.stringMatching(`^local: ${holder}$`) as string, hint: "wait until that has ended, then run the same command again" });
    const waiting = prepareDeploy(bench.ctx, bench.store, other, target(), { patience: 600 });
    await expect.poll(() => bench.events, { timeout: 60_000 }).toContainEqual({ type: "notice", message: expect.stringMatching(`^local: ${holder}; waiting for 600 s at most$`) as string });
    writeFileSync(flag, "");
    expect(await winning).toMatchObject([{ outcome: "done" }]);
    await using third = await waiting;
    expect(await third.apply()).toMatchObject([{ outcome: "done", from: "1.1", now: "1.2" }]);
  });
});

describe("rollback", () => {
  it("row P12: goes back to what was current before, or to a release by name", async () => {
    for (const number of ["1.0", "1.1", "1.2"]) await deploy(await makeStack(bench.store, version(number)));
    expect(await rollback()).toMatchObject([{ outcome: "done", name: "hello", from: "1.2", now: "1.1" }]);
    expect(said()).toBe("hello 1.1");
    expect(await rollback(target(), "1.0")).toMatchObject([{ outcome: "done", from: "1.1", now: "1.0" }]);
    expect(said()).toBe("hello 1.0");
    expect(await rollback(target(), "1.0")).toMatchObject([{ outcome: "unchanged" }]);
  });

  it("row P12: refuses where there is nothing to go back to", async () => {
    await deploy(await makeStack(bench.store, version("1.0")));
    await expect(rollback()).rejects.toMatchObject({ code: "ref-unknown", message: "local has no previous release" });
    await expect(rollback(target(), "0.9")).rejects.toMatchObject({ code: "ref-unknown", message: "local has no release `0.9`", hint: "releases there: 1.0" });
  });
});

describe("prune", () => {
  it("row P12: keeps the current, the previous and so many others, and takes unused trees along", async () => {
    for (const number of ["1.0", "1.1", "1.2", "1.3"]) await deploy(await makeStack(bench.store, version(number)));
    await using change = await preparePrune(bench.ctx, bench.store, target(), 1);
    expect(change.plan.hosts[0]?.removes).toEqual(["1.0"]);
    expect(await change.apply()).toMatchObject([{ outcome: "done", removed: ["1.0"] }]);
    expect(readdirSync(join(bench.directory, "app/versions")).toSorted()).toEqual(["1.1", "1.2", "1.3", "current", "previous"]);
    expect(readdirSync(join(bench.directory, "app/trees")).filter((name) => !name.includes("."))).toHaveLength(4);
  });
});

describe("status", () => {
  it("tells what is current, whether it is well, and what was undone last", async () => {
    expect(await readStatus(bench.ctx, bench.store, target())).toEqual([{ host: "local", previous: null, health: "unchecked" }]);
    await deploy(await makeStack(bench.store, version("1.0", { health: { argv: ["hello"] } })));
    await deploy(await makeStack(bench.store, version("1.1", { health: { argv: ["hello"] } })));
    expect(await readStatus(bench.ctx, bench.store, target())).toMatchObject([{ host: "local", current: { label: "1.1", name: "hello", state: "active" }, previous: "1.0", health: "healthy" }]);
    await deploy(await makeStack(bench.store, version("1.2", { health: { argv: ["false"] } })));
    const [status] = await readStatus(bench.ctx, bench.store, target());
    expect(status).toMatchObject({ current: { label: "1.1" }, health: "healthy", undid: { label: "1.2" } });
    expect(status?.undid?.detail).toContain("`false` ended with 1");
  });

  it("tells of the others where a host is lost while it is asked", async () => {
    await deploy(await makeStack(bench.store, version("1.0")), target({ kind: "none" }, "h1"));
    const ctx = { ...bench.ctx, env: { ...bench.ctx.env, CAISSON_FAULT: "running:before" } };
    expect(await readStatus(ctx, bench.store, target({ kind: "none" }, "h1", "h2"))).toMatchObject([{ host: "h1", problem: { code: "unknown-state" } }, { host: "h2", previous: null, health: "unchecked" }]);
  });
});

describe("history", () => {
  it("tells what was done, by whom, newest last", async () => {
    await deploy(await makeStack(bench.store, version("1.0")));
    await deploy(await makeStack(bench.store, version("1.1")));
    const [host] = await readHistory(bench.ctx, target(), 3);
    expect(host?.entries.map(({ event, from, to, by }) => [event, from, to, by?.split("@")[0]])).toEqual([["switching", "1.0", "1.1", "tester"], ["activated", "1.0", "1.1", "tester"], ["confirmed", "1.0", "1.1", "tester"]]);
  });
});
