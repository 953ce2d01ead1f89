import { existsSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { prepareDeploy } from "../../src/deploy/deploy.ts";
import { exitStatus, type HostResult } from "../../src/deploy/apply/outcome.ts";
import { readStatus } from "../../src/deploy/observe/status.ts";
import { wantedStack, type Wanted } from "../../src/deploy/wanted.ts";
import { CaissonError, type Label, type PackageName, type Policy, type Target } from "../../src/model/index.ts";
import { mapConcurrently, type Context } from "../../src/system/index.ts";
import { planFrameCut, type FrameCutPlan } from "../support/frame-cut.ts";
import { makeStack, openWorkbench, type HandMade, type Workbench } from "../support/hand-made.ts";
import { lacking, startHosts, type Hosts } from "../support/hosts.ts";
import { judgeInterrupted, onCopy, untilUnlocked, type Interruptible } from "../support/interrupt-every-step.ts";
import { openLine, type LineDirection } from "../support/line.ts";
import { spread } from "../support/sweep-calls.ts";

let bench: Workbench;
beforeEach(async () => {
  bench = await openWorkbench();
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

function version(number: string, more: Partial<HandMade> = {}): HandMade {
  return { version: number, files: { "bin/hello": `#!/bin/sh\necho hello ${number}\n`, "etc/hello.conf": "greeting = hello\n" }, ...more };
}

function fleet(hosts: Hosts, policy: Partial<Policy> = {}): Target {
  return {
    name: "production", roles: {}, service: { kind: "none" }, keep: 5,
    hosts: hosts.all.map((host) => ({ name: host.name, via: "ssh", address: host.address, root: host.root("app") })),
    policy: { canary: 1, maxParallel: 4, maxFailed: 0, minHealthy: 0, healthyDeadline: 60, ...policy },
  };
}

function reaching(hosts: Hosts, env: Readonly<Record<string, string>> = hosts.env): Context {
  return { ...bench.ctx, env: { ...bench.ctx.env, ...env, HOME: bench.directory } };
}

async function deploy(ctx: Context, wanted: Wanted, to: Target, retry = false): Promise<readonly HostResult[]> {
  await using change = await prepareDeploy(ctx, bench.store, wanted, to, { retry });
  return await change.apply();
}

function outcomes(results: readonly HostResult[]): readonly string[] {
  return results.map(({ host, outcome }) => `${host} ${outcome}`);
}

describe.skipIf(lacking() !== undefined)("a rollout over ssh (needs sshd)", { timeout: 180_000 }, () => {
  it("row P13, fault 43: one host is slow, one dead, one lets nobody in: the others are done first, the slow one after them, and the retry touches the rest only", async () => {
    await using hosts = await startHosts({ count: 5 });
    await using line = await openLine(hosts, "h2");
    const to = fleet(hosts, { maxParallel: 5, maxFailed: 3 });
    const ctx = reaching(hosts);
    await deploy(ctx, await makeStack(bench.store, version("1.0")), to);
    await line.set({ rate: 10_000 });
    await hosts.get("h3").kill();
    await hosts.get("h4").restart({ sshd: ["AuthorizedKeysFile none"] });
    const seen = bench.events.length;
    const wanted = await makeStack(bench.store, version("1.1", { files: { "bin/hello": "#!/bin/sh\necho hello 1.1\n", "etc/noise": randomBytes(2_000_000).toString("base64") } }));
    const applied = deploy(ctx, wanted, to);
    const done = (): readonly string[] => bench.events.slice(seen).flatMap((event) => (event.type === "host" && event.outcome === "done" ? [event.host] : []));
    // More than ten seconds' worth on that line, however slow this machine is; it need not be waited for.
    while (done().length < 2) await sleep(50);
    await line.set({ rate: 0 });
    const results = await applied;
    expect(outcomes(results)).toEqual(["h1 done", "h2 done", "h3 not-done", "h4 not-done", "h5 done"]);
    expect(exitStatus(results.map(({ outcome }) => outcome))).toBe(4);
    expect(results.map(({ problem }) => problem?.code)).toEqual([undefined, undefined, "host-unreachable", "permission", undefined]);
    expect(done().at(-1)).toBe("h2");
    await hosts.get("h3").restart();
    await hosts.get("h4").restart();
    expect(outcomes(await deploy(ctx, wanted, to, true))).toEqual(["h3 done", "h4 done"]);
  });

  it("fault 17: a line that is silent for a while, from the switch on, is noticed; the host went back by itself, and says so when it can be reached again", async () => {
    await using hosts = await startHosts({ count: 1 });
    await using line = await openLine(hosts, "h1");
    // Longer than a host waits for a word from us.
    const to = fleet(hosts, { minHealthy: 28, healthyDeadline: 60 });
    const ctx = reaching(hosts);
    await deploy(ctx, await makeStack(bench.store, version("1.0")), to);
    const link = join(hosts.get("h1").root("app"), "versions/current");
    const wanted = await makeStack(bench.store, version("1.1", { health: { argv: ["sh", "-c", "sleep 3"] } }));
    const applied = deploy(ctx, wanted, { ...to, service: { kind: "command", restart: "true" } });
    while (readlinkSync(link) !== "1.1") await sleep(10);
    await line.silence();
    while (readlinkSync(link) !== "1.0") await sleep(50);
    await line.mend();
    expect(await applied).toMatchObject([{ outcome: "undone", now: "1.0", problem: { code: "unknown-state" } }]);
    expect(await readStatus(ctx, bench.store, to)).toMatchObject([{ current: { label: "1.0", state: "active" }, undid: { label: "1.1", detail: "controller lost" } }]);
    expect(outcomes(await deploy(ctx, await makeStack(bench.store, version("1.2")), to))).toEqual(["h1 done"]);
  });
});

describe.skipIf(lacking() !== undefined)("hooks that run once for all hosts (need sshd)", () => {
  it("row P13, fault 42: run on one of several hosts over ssh, before any is switched, not again, and bar the switch where their host is lost meanwhile", async () => {
    await using hosts = await startHosts({ count: 3 });
    await using line = await openLine(hosts, "h1");
    const to = fleet(hosts, { maxFailed: 2 });
    const ctx = reaching(hosts);
    const links = hosts.all.map((host) => join(host.root("app"), "versions/current"));
    const [ran, begun, go] = ["ran", "begun", "go"].map((name) => join(bench.directory, name)) as [string, string, string];
    const said = (): readonly string[] => readFileSync(ran, "utf8").trim().split("\n");
    const hooked = (number: string, script: string): HandMade => version(number, { files: { "bin/note": `#!/bin/sh\n${script}\necho "\${CAISSON_RELEASE##*/}" $(readlink ${links.map((link) => `'${link}'`).join(" ")}) "$(dirname "$CAISSON_STATE")" >> '${ran}'\n` }, hooks: [{ at: "before-activate", argv: ["note"], once: "stack", reversible: true, timeout: 120 }] });
    const first = hosts.get("h1").root("app");
    await deploy(ctx, await makeStack(bench.store, version("1.0")), to);
    const wanted = await makeStack(bench.store, hooked("1.1", ""));
    expect(outcomes(await deploy(ctx, wanted, to))).toEqual(["h1 done", "h2 done", "h3 done"]);
    expect(outcomes(await deploy(ctx, wanted, to))).toEqual(["h1 unchanged", "h2 unchanged", "h3 unchanged"]);
    expect(said()).toEqual([`1.1 1.0 1.0 1.0 ${first}`]);

    const slow = await makeStack(bench.store, hooked("1.2", `touch '${begun}'; while ! test -e '${go}'; do sleep 0.1; done`));
    const applied = deploy(ctx, slow, to);
    while (!existsSync(begun)) await sleep(20);
    await line.cut();
    const results = await applied;
    // What h1 did last cannot be known, and the others wait for what all depend on.
    expect([outcomes(results), results.map(({ problem }) => problem?.code)]).toEqual([["h1 not-done", "h2 not-done", "h3 not-done"], ["unknown-state", "cancelled", "cancelled"]]);
    expect(results[1]?.problem?.message).toBe("not begun: hook `hello before-activate: note` failed on h1");
    expect(links.map((link) => readlinkSync(link))).toEqual(["1.1", "1.1", "1.1"]);
    await untilUnlocked(bench, first);
    writeFileSync(go, "");
    expect(outcomes(await deploy(ctx, slow, to))).toEqual(["h1 done", "h2 done", "h3 done"]);
    expect(said()).toEqual([`1.1 1.0 1.0 1.0 ${first}`, `1.2 1.1 1.1 1.1 ${first}`]);
  });
});

describe.skipIf(lacking() !== undefined)("a line that breaks at a frame (needs sshd)", () => {
  it.each<LineDirection>(["toHost", "fromHost"])("fault 18: %s, before a frame or in the middle of it: is never a false success, and the next run converges", { timeout: 400_000 }, async (direction) => {
    await using hosts = await startHosts({ count: 2 });
    await using first = await openLine(hosts, "h1");
    await using second = await openLine(hosts, "h2");
    const lines = { h1: first, h2: second };
    const [old, young] = [await makeStack(bench.store, version("1.0", { health: { argv: ["hello"] } })), await makeStack(bench.store, version("1.1", { health: { argv: ["hello"] } }))];
    const template = join(bench.directory, "template");
    const local = (root: string): Target => ({ ...fleet(hosts), hosts: [{ name: "local", via: "local", address: "", root }] });
    await deploy(bench.ctx, old, local(template));
    const wanted = await wantedStack(bench.store, { name: "hello" as PackageName, label: "1.1" as Label });
    const change: Interruptible = { action: "deploy", stack: "hello@1.1", template, from: "1.0", to: "1.1", target: local, prepare: (to) => prepareDeploy(bench.ctx, bench.store, wanted, to) };
    const over = async (name: "h1" | "h2", root: string, plan?: FrameCutPlan): Promise<{ readonly result: HostResult | undefined; readonly frames: number; readonly broken: boolean }> => {
      const cut = planFrameCut(hosts, name, lines[name], plan);
      const to = { ...fleet(hosts), hosts: [{ name, via: "ssh" as const, address: hosts.get(name).address, root }] };
      const [result] = await deploy(reaching(hosts, cut.env), young, to).catch((error: unknown) => {
        if (error instanceof CaissonError) return [];
        throw error;
      });
      const seen = cut.seen();
      return { result, frames: seen[direction], broken: seen.broken };
    };
    const { frames } = await onCopy(bench, change, (root) => over("h1", root));
    expect(frames).toBeGreaterThan(8);
    // One of the two at each of some frames; where a full sweep is asked for, both at each.
    const all = process.env["SWEEP"] === "all";
    const points = spread(frames, 12).flatMap((frame, at) => (all ? [false, true] : [at % 2 === 1]).map((half) => ({ frame, half })));
    const free: ("h1" | "h2")[] = ["h1", "h2"];
    const faults = await mapConcurrently(points, 2, async ({ frame, half }) => await onCopy(bench, change, async (root) => {
      const name = free.pop() ?? "h1";
      const { result } = await over(name, root, { direction, frame, half });
      free.push(name);
      return (await judgeInterrupted(bench, change, root, result)).map((fault) => `${direction} ${half ? "half of " : ""}frame ${frame} of ${frames}: ${fault}`);
    }));
    expect(faults.flat()).toEqual([]);
  });
});
