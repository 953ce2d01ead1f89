import { readdirSync, readFileSync } from "node:fs";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prepareDeploy } from "../../src/deploy/deploy.ts";
import { prepareRollback } from "../../src/deploy/rollback.ts";
import type { Wanted } from "../../src/deploy/wanted.ts";
import type { Target } from "../../src/model/index.ts";
import { createContext, type Context } from "../../src/system/index.ts";
import { openWorkbench, type Workbench } from "../support/hand-made.ts";
import { lacking, startHosts, type Hosts } from "../support/hosts.ts";
import { openLine, type Line } from "../support/line.ts";
import { makeManyWheels } from "../support/many-wheels.ts";

describe.skipIf(lacking() !== undefined)("an application of 120 modules and 69 dependencies, over ssh (needs sshd)", () => {
  let bench: Workbench;
  let hosts: Hosts;
  let line: Line;
  let ctx: Context;
  let first: Wanted;
  let second: Wanted;

  beforeAll(async () => {
    bench = await openWorkbench();
    hosts = await startHosts();
    line = await openLine(hosts, "h1", { roundTrip: 30 });
    ctx = createContext({ cwd: bench.directory, env: { ...hosts.env }, report: () => undefined, signal: new AbortController().signal });
    first = await makeManyWheels(bench.store, "1.0", "one");
    second = await makeManyWheels(bench.store, "1.1", "two");
    await deploy(first);
  });
  afterAll(async () => {
    await line[Symbol.asyncDispose]();
    await hosts[Symbol.asyncDispose]();
    await bench[Symbol.asyncDispose]();
  });

  function target(): Target {
    const { name, address, root } = hosts.get("h1");
    return { name: "production", roles: {}, service: { kind: "none" }, keep: 5, hosts: [{ name, via: "ssh", address, root: root("shop") }], policy: { canary: 1, maxParallel: 1, maxFailed: 0, minHealthy: 0, healthyDeadline: 10 } };
  }

  async function deploy(wanted: Wanted): Promise<{ readonly outcome: string | undefined; readonly sendBytes: number | undefined }> {
    await using change = await prepareDeploy(ctx, bench.store, wanted, target());
    const [result] = await change.apply();
    return { outcome: result?.outcome, sendBytes: change.plan.hosts[0]?.sendBytes };
  }

  /** Bytes both ways, ssh's own among them, and how often we spoke after the host had. */
  async function measured<Result>(work: () => Promise<Result>): Promise<Result & { readonly bytes: number; readonly turns: number }> {
    const before = await line.traffic();
    const result = await work();
    const after = await line.traffic();
    return { ...result, bytes: after.toHost + after.fromHost - before.toHost - before.fromHost, turns: after.turns - before.turns };
  }

  it("sends at most 25 kB for a line that has changed, in at most 15 round trips, and says so before", async () => {
    const { outcome, bytes, turns, sendBytes = 0 } = await measured(async () => await deploy(second));
    expect(outcome).toBe("done");
    expect(bytes).toBeLessThanOrEqual(25_000);
    expect(turns).toBeLessThanOrEqual(15);
    expect(sendBytes).toBeLessThan(5000);
    expect(readFileSync(hosts.get("h1").outside(join(hosts.get("h1").root("shop"), "versions/current/application/application/part_60.py")), "utf8")).toContain("two");
  });

  it("needs at most 11 kB to see that nothing is to be done, and one round trip more than a connection", async () => {
    const connected = await measured(async () => await hosts.get("h1").run("true"));
    const { outcome, bytes, turns } = await measured(async () => await deploy(second));
    expect(outcome).toBe("unchanged");
    expect(bytes).toBeLessThanOrEqual(11_000);
    expect(turns).toBeLessThanOrEqual(connected.turns + 1);
  });

  it("needs at most 13 kB to go back", async () => {
    const { outcome, bytes, turns } = await measured(async () => {
      await using change = await prepareRollback(ctx, bench.store, target());
      return { outcome: (await change.apply())[0]?.outcome };
    });
    expect(outcome).toBe("done");
    expect(bytes).toBeLessThanOrEqual(13_000);
    expect(turns).toBeLessThanOrEqual(15);
  });

  it("keeps the agent that is in use, and no other", async () => {
    const place = hosts.get("h1").outside(join(hosts.get("h1").root("shop"), ".agent"));
    const names = readdirSync(place);
    expect(new Set(names.map((name) => name.split(".")[0])).size).toBe(1);
    expect(names).toHaveLength(2);
  });

  it("tells everything whole where the host no longer has what a difference was told against", async () => {
    const kept = hosts.get("h1").outside(join(hosts.get("h1").root("shop"), "versions/1.0/application.json"));
    await chmod(kept, 0o644);
    await writeFile(kept, "{}");
    const next = await makeManyWheels(bench.store, "1.3", "four");
    await using change = await prepareDeploy(ctx, bench.store, next, target());
    expect(change.plan.hosts[0]?.steps.filter((step) => step.step === "receive" && step.packed?.base?.path === "versions/1.0/application.json")).toHaveLength(1);
    expect((await change.apply())[0]).toMatchObject({ outcome: "done" });
  });

  it("asks a host once more that has trees of which this store knows nothing", async () => {
    await using other = await openWorkbench();
    const third = await makeManyWheels(other.store, "1.2", "three");
    await using change = await prepareDeploy({ ...ctx, cwd: other.directory }, other.store, third, target());
    // Its trees are known now, and what they are made of is not: a wheel goes whole, and nothing else.
    const steps = change.plan.hosts[0]?.steps ?? [];
    expect(steps.filter(({ step }) => step === "tree")).toHaveLength(1);
    expect(steps.filter((step) => step.step === "tree" && step.like !== undefined)).toEqual([]);
    expect((await change.apply())[0]).toMatchObject({ outcome: "done" });
  });
});
