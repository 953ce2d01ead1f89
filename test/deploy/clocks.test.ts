import { execFileSync } from "node:child_process";
import { existsSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { prepareDeploy } from "../../src/deploy/deploy.ts";
import { readHistory } from "../../src/deploy/observe/history.ts";
import type { HostResult } from "../../src/deploy/apply/outcome.ts";
import { preparePrune } from "../../src/deploy/prune.ts";
import { prepareRollback } from "../../src/deploy/rollback.ts";
import type { Wanted } from "../../src/deploy/wanted.ts";
import type { Policy, Target } from "../../src/model/index.ts";
import { makeStack, openWorkbench, type HandMade, type Workbench } from "../support/hand-made.ts";
import { has } from "../support/machine.ts";

const YEAR = 365 * 24 * 3600;

/** The loader takes a space for the end of a name. */
const library = join(tmpdir(), `caisson-wrong-clock-${process.pid}.so`);
afterAll(() => rmSync(library, { force: true }));

let bench: Workbench;
beforeEach(async () => {
  bench = await openWorkbench();
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

function version(number: string, more: Partial<HandMade> = {}): HandMade {
  return { version: number, files: { "bin/hello": `#!/bin/sh\necho hello ${number}\n` }, ...more };
}

function target(policy: Partial<Policy> = {}): Target {
  return { name: "production", roles: {}, service: { kind: "none" }, keep: 0, hosts: [{ name: "h1", via: "local", address: "", root: join(bench.directory, "app") }], policy: { canary: 1, maxParallel: 1, maxFailed: 0, minHealthy: 0, healthyDeadline: 30, ...policy } };
}

/** A host whose clock is wrong by so many seconds; `setClock` changes that at any moment. Its monotonic clock is its own. */
function withClock(seconds: number): Workbench["ctx"] {
  if (!existsSync(library)) execFileSync("gcc", ["-shared", "-fPIC", "-o", library, join(import.meta.dirname, "../support/wrong-clock.c"), "-ldl"]);
  setClock(seconds);
  return { ...bench.ctx, env: { ...bench.ctx.env, LD_PRELOAD: library, CLOCK_OFFSET: join(bench.directory, "clock") } };
}

function setClock(seconds: number): void {
  writeFileSync(join(bench.directory, "clock"), String(seconds));
}

async function deploy(ctx: Workbench["ctx"], wanted: Wanted, to: Target = target()): Promise<readonly HostResult[]> {
  await using change = await prepareDeploy(ctx, bench.store, wanted, to);
  return await change.apply();
}

describe.skipIf(!has("gcc"))("clocks that are wrong (needs gcc)", () => {
  it("fault 36: the order of releases is that in which they came, whatever the clock said, and how wrong it was is known", async () => {
    for (const [number, clock] of [["1.0", 10 * YEAR], ["1.1", -10 * YEAR], ["1.2", 0], ["1.3", -20 * YEAR]] as const) {
      expect(await deploy(withClock(clock), await makeStack(bench.store, version(number)))).toMatchObject([{ outcome: "done", now: number }]);
    }
    const [host] = await readHistory(bench.ctx, target(), 50);
    const confirmed = host?.entries.filter(({ event }) => event === "confirmed") ?? [];
    expect(confirmed.map(({ to }) => to)).toEqual(["1.0", "1.1", "1.2", "1.3"]);
    expect(confirmed.map(({ time }) => time)).not.toEqual(confirmed.map(({ time }) => time).toSorted((a, b) => a - b));
    await using back = await prepareRollback(withClock(10 * YEAR), bench.store, target());
    expect(await back.apply()).toMatchObject([{ outcome: "done", from: "1.3", now: "1.2" }]);
    await using prune = await preparePrune(bench.ctx, bench.store, target(), 1);
    expect(await prune.apply()).toMatchObject([{ removed: ["1.0"] }]);
    await using late = await prepareDeploy(withClock(-10 * YEAR), bench.store, await makeStack(bench.store, version("1.4")), target());
    expect(Math.round((late.hosts[0]?.skew ?? 0) / YEAR)).toBe(-10);
  });

  it("fault 36: a clock that jumps while a release is checked neither ends the check nor the host's patience with us", async () => {
    await deploy(bench.ctx, await makeStack(bench.store, version("1.0")));
    const slow = await makeStack(bench.store, version("1.1", { health: { argv: ["true"] } }));
    const ctx = withClock(0);
    const began = performance.now();
    const applied = deploy(ctx, slow, { ...target({ minHealthy: 3 }), service: { kind: "command", restart: "true" } });
    while (readlinkSync(join(bench.directory, "app/versions/current")) !== "1.1") await sleep(10);
    for (const seconds of [10 * YEAR, -10 * YEAR, 3600]) {
      setClock(seconds);
      await sleep(500);
    }
    expect(await applied).toMatchObject([{ outcome: "done", now: "1.1" }]);
    expect(performance.now() - began).toBeGreaterThan(3000);
  });
});
