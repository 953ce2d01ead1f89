import { existsSync, mkdirSync, readlinkSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { prepareDeploy } from "../../src/deploy/deploy.ts";
import { mergeHistories, readHistory } from "../../src/deploy/observe/history.ts";
import { prepareRollback } from "../../src/deploy/rollback.ts";
import { exitStatus, type HostResult } from "../../src/deploy/apply/outcome.ts";
import { readStatus } from "../../src/deploy/observe/status.ts";
import type { Wanted } from "../../src/deploy/wanted.ts";
import type { JournalEntry, Policy, Service, Target } from "../../src/model/index.ts";
import { makeStack, openWorkbench, type HandMade, type Workbench } from "../support/hand-made.ts";

let bench: Workbench;
beforeEach(async () => {
  bench = await openWorkbench();
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

function version(number: string, more: Partial<HandMade> = {}): HandMade {
  return { version: number, files: { "bin/hello": `#!/bin/sh\necho hello ${number}\n`, "etc/version": number }, ...more };
}

/** Well on every host whose root is not named `ill`: it fails there, and only there. */
function illOn(...hosts: readonly string[]): Partial<HandMade> {
  return { health: { argv: ["sh", "-c", `case "$CAISSON_RELEASE" in ${hosts.map((host) => `*/${host}/versions/*`).join("|")}) echo ill here; exit 1;; esac`] } };
}

function fleet(names: readonly string[], policy: Partial<Policy> = {}, service: Service = { kind: "none" }): Target {
  return {
    name: "production", roles: {}, service, keep: 5,
    hosts: names.map((name) => ({ name, via: "local", address: "", root: join(bench.directory, name) })),
    policy: { canary: 1, maxParallel: 2, maxFailed: 0, minHealthy: 0, healthyDeadline: 2, ...policy },
  };
}

async function deploy(wanted: Wanted, to: Target): Promise<readonly HostResult[]> {
  await using change = await prepareDeploy(bench.ctx, bench.store, wanted, to);
  return await change.apply();
}

function outcomes(results: readonly HostResult[]): readonly string[] {
  return results.map(({ host, outcome }) => `${host} ${outcome}`);
}

function current(host: string): string | undefined {
  const link = join(bench.directory, host, "versions/current");
  return existsSync(link) ? readlinkSync(link) : undefined;
}

/** A directory of somebody else's where the release would be: whoever stages there is refused. */
function occupy(host: string, label: string): void {
  mkdirSync(join(bench.directory, host, "versions", label), { recursive: true });
  writeFileSync(join(bench.directory, host, "versions", label, "mine"), "mine");
}

describe("a rollout over several hosts", () => {
  it("row P13: stages on all before it switches any, the canary alone, the others so many at a time", async () => {
    const names = ["h1", "h2", "h3", "h4", "h5"];
    await deploy(await makeStack(bench.store, version("1.0")), fleet(names));
    const before = bench.events.length;
    const to = fleet(names, { maxParallel: 2 });
    const slow = await makeStack(bench.store, version("1.1", { health: { argv: ["sleep", "0.3"] } }));
    expect(outcomes(await deploy(slow, to))).toEqual(names.map((name) => `${name} done`));
    const events = bench.events.slice(before);
    const lastStaged = events.findLastIndex((event) => event.type === "step" && event.step === "stage");
    const firstSwitched = events.findIndex((event) => event.type === "step" && event.step === "activate");
    expect(lastStaged).toBeLessThan(firstSwitched);
    // Between its `activate` and its result a host is under way.
    const underWay = new Set<string>();
    const together = events.flatMap((event) => {
      if (event.type === "step" && event.step === "activate" && event.result === "begun") underWay.add(event.host);
      else if (event.type === "host") underWay.delete(event.host);
      else return [];
      return [[...underWay].join(" ")];
    });
    expect(together.slice(0, 2)).toEqual(["h1", ""]);
    expect(Math.max(...together.map((hosts) => hosts.split(" ").length))).toBe(2);
  });

  it("row P13: activates nothing where more hosts cannot be staged than may fail, and says of each why", async () => {
    const to = fleet(["h1", "h2", "h3"]);
    await deploy(await makeStack(bench.store, version("1.0")), to);
    occupy("h2", "1.1");
    const results = await deploy(await makeStack(bench.store, version("1.1")), to);
    expect(results.map(({ host, outcome, now }) => [host, outcome, now])).toEqual([["h1", "not-done", "1.0"], ["h2", "not-done", "1.0"], ["h3", "not-done", "1.0"]]);
    expect(results.map(({ problem }) => problem?.message.replace(bench.directory, ""))).toEqual(["not begun: h2 is not-done", "`/h2/versions/1.1` is not one of Caisson's releases; move it away", "not begun: h2 is not-done"]);
    expect(exitStatus(results.map(({ outcome }) => outcome))).toBe(1);
    expect(["h1", "h2", "h3"].map(current)).toEqual(["1.0", "1.0", "1.0"]);
  });

  it("row P13: goes on without a host that cannot be staged, and without one out of reach, where so many may fail", async () => {
    const to = fleet(["h1", "h2", "h3", "h4"], { maxFailed: 2 });
    occupy("h1", "1.0");
    writeFileSync(join(bench.directory, "h3"), "no directory");
    const results = await deploy(await makeStack(bench.store, version("1.0")), to);
    expect(outcomes(results)).toEqual(["h1 not-done", "h2 done", "h3 not-done", "h4 done"]);
    expect(results[2]?.problem?.message).toContain("is not a directory");
    expect(exitStatus(results.map(({ outcome }) => outcome))).toBe(4);
  });

  it("row P13: counts hosts out of reach among those that may fail", async () => {
    const to = fleet(["h1", "h2", "h3"], { maxFailed: 1, maxParallel: 1 });
    writeFileSync(join(bench.directory, "h3"), "no directory");
    const results = await deploy(await makeStack(bench.store, version("1.0", illOn("h1"))), to);
    expect(outcomes(results)).toEqual(["h1 undone", "h2 not-done", "h3 not-done"]);
    expect(results[1]?.problem?.message).toBe("not begun: h1 is undone, 1 host is out of reach");
  });

  it("row P13: does not go on over a plan when the hosts out of reach are more than may fail", async () => {
    for (const host of ["h2", "h3"]) writeFileSync(join(bench.directory, host), "no directory");
    await expect(deploy(await makeStack(bench.store, version("1.0")), fleet(["h1", "h2", "h3"], { maxFailed: 1 }))).rejects.toMatchObject({ problems: [{ code: "host-unfit", message: `h[2-3]: \`${bench.directory}/h[2-3]\` is not a directory; move it away, or choose another root` }] });
    expect(current("h1")).toBeUndefined();
  });

  it("row P13: takes up only what is left, as the hosts say, and lets nobody go first who need not", async () => {
    const names = ["h1", "h2", "h3"];
    const to = fleet(names, { maxFailed: 1 });
    const wanted = await makeStack(bench.store, version("1.0"));
    occupy("h2", "1.0");
    await deploy(wanted, to);
    renameSync(join(bench.directory, "h2/versions/1.0"), join(bench.directory, "moved away"));
    await using change = await prepareDeploy(bench.ctx, bench.store, wanted, to, { retry: true });
    expect([change.plan.hosts.map(({ host }) => host.name), change.plan.policy.canary]).toEqual([["h2"], 0]);
    expect(outcomes(await change.apply())).toEqual(["h2 done"]);
    await using nothing = await prepareDeploy(bench.ctx, bench.store, wanted, to, { retry: true });
    expect(await nothing.apply()).toEqual([]);
    expect(outcomes(await deploy(wanted, to))).toEqual(["h1 unchanged", "h2 unchanged", "h3 unchanged"]);
  });

  it("row P12: a rollback that half of the hosts have not done is finished by the same again, and by no further one", async () => {
    const to = fleet(["h1", "h2", "h3"], { maxParallel: 1 });
    const flag = join(bench.directory, "ill");
    await deploy(await makeStack(bench.store, version("1.0", { health: { argv: ["sh", "-c", `case "$CAISSON_RELEASE" in */h2/*) test ! -e '${flag}';; esac`] } })), to);
    await deploy(await makeStack(bench.store, version("1.1")), to);
    const rollback = async (): Promise<readonly string[]> => {
      await using change = await prepareRollback(bench.ctx, bench.store, to);
      return outcomes(await change.apply());
    };
    writeFileSync(flag, "");
    expect(await rollback()).toEqual(["h1 done", "h2 undone", "h3 not-done"]);
    rmSync(flag);
    expect([await rollback(), ["h1", "h2", "h3"].map(current)]).toEqual([["h1 unchanged", "h2 done", "h3 done"], ["1.0", "1.0", "1.0"]]);
    expect([await rollback(), ["h1", "h2", "h3"].map(current)]).toEqual([["h1 unchanged", "h2 unchanged", "h3 unchanged"], ["1.0", "1.0", "1.0"]]);
    expect(bench.events).toContainEqual({ type: "notice", message: "what was switched to last was gone back from already; --to-release names another release" });
  });

  it("fault 38: is one round trip where the same stack is there, an older one is gone back to, and other content under its name is refused", async () => {
    const to = fleet(["h1", "h2"]);
    const [old, young] = [await makeStack(bench.store, version("1.0")), await makeStack(bench.store, version("1.1"))];
    for (const wanted of [old, young]) await deploy(wanted, to);
    const before = bench.events.length;
    expect(outcomes(await deploy(young, to))).toEqual(["h1 unchanged", "h2 unchanged"]);
    expect(bench.events.slice(before).flatMap((event) => (event.type === "step" ? [event.step] : []))).toEqual(["connect", "connect", "connect", "connect"]);
    expect((await deploy(old, to)).map(({ from, now }) => [from, now])).toEqual([["1.1", "1.0"], ["1.1", "1.0"]]);
    await using other = await openWorkbench();
    const same = await makeStack(other.store, version("1.1", { files: { "bin/hello": "#!/bin/sh\necho other\n" } }));
    await expect(prepareDeploy(bench.ctx, other.store, same, to)).rejects.toMatchObject({ code: "host-changed", message: "h[1-2] has another `hello@1.1`" });
    expect(["h1", "h2"].map(current)).toEqual(["1.0", "1.0"]);
  });
});

describe("two deployers at once", () => {
  it("fault 37: on overlapping hosts one takes all of its own, and the other none", async () => {
    const everywhere = fleet(["h1", "h2", "h3", "h4"]);
    await deploy(await makeStack(bench.store, version("1.0")), everywhere);
    // Nobody is well before the flag is there, so whoever wins is still at it when the other gives up.
    const flag = join(bench.directory, "flag");
    const slow = { health: { argv: ["sh", "-c", `while ! test -e '${flag}'; do sleep 0.1; done`] } };
    const [left, right] = [await makeStack(bench.store, version("1.1", slow)), await makeStack(bench.store, version("1.2", slow))];
    const policy = { maxParallel: 3, healthyDeadline: 60 };
    await using one = await prepareDeploy(bench.ctx, bench.store, left, fleet(["h1", "h2", "h3"], policy));
    await using two = await prepareDeploy(bench.ctx, bench.store, right, fleet(["h2", "h3", "h4"], policy));
    const applied = [one, two].map(async (each, at) => ({ at, results: await each.apply() }));
    const { at: loser, results: lost } = await Promise.race(applied);
    writeFileSync(flag, "");
    const won = (await applied[1 - loser])?.results ?? [];
    expect([won, lost].map((results) => results.map(({ outcome }) => outcome))).toEqual([["done", "done", "done"], ["not-done", "not-done", "not-done"]]);
    const winner = loser === 1 ? "1.1" : "1.2";
    expect(["h1", "h2", "h3", "h4"].map(current)).toEqual([loser === 1 ? "1.1" : "1.0", winner, winner, loser === 1 ? "1.0" : "1.2"]);
    // The host that only the loser wants is nobody's; of the others it hears who has them, or that it does not begin.
    const told = lost.filter(({ problem }) => problem?.code === "host-busy");
    expect(told.length).toBeGreaterThan(0);
    for (const { problem } of told) expect(problem?.message).toMatch(new RegExp(`^\`tester@.+\` has been changing this host since \\d{4}-.+ UTC \\(deploy hello@${winner.replace(".", "\\.")}, process \\d+\\)$`));
  });

  it("fault 37: a plan made before somebody else's change is refused on all hosts, and switches none", async () => {
    const to = fleet(["h1", "h2", "h3"], { maxFailed: 3 });
    await deploy(await makeStack(bench.store, version("1.0")), to);
    await using late = await prepareDeploy(bench.ctx, bench.store, await makeStack(bench.store, version("1.1")), to);
    await deploy(await makeStack(bench.store, version("1.2")), fleet(["h2"]));
    const results = await late.apply();
    expect(outcomes(results)).toEqual(["h1 not-done", "h2 not-done", "h3 not-done"]);
    expect(results.map(({ problem }) => problem?.code)).toEqual(["cancelled", "host-changed", "cancelled"]);
    expect(["h1", "h2", "h3"].map(current)).toEqual(["1.0", "1.2", "1.0"]);
  });
});

describe("a rollout that is stopped", () => {
  it("fault 15: finishes the hosts under way at the first Ctrl-C, and begins no other", async () => {
    const to = fleet(["h1", "h2", "h3"], { maxParallel: 1 });
    await deploy(await makeStack(bench.store, version("1.0")), to);
    const [asked, flag] = [join(bench.directory, "asked"), join(bench.directory, "flag")];
    const slow = await makeStack(bench.store, version("1.1", { files: { "bin/hello": `#!/bin/sh\ntouch '${asked}'; while ! test -e '${flag}'; do sleep 0.1; done\n` }, health: { argv: ["hello"] } }));
    await using change = await prepareDeploy(bench.ctx, bench.store, slow, { ...to, policy: { ...to.policy, healthyDeadline: 60 } });
    const applied = change.apply();
    while (!existsSync(asked)) await sleep(20);
    bench.stop();
    writeFileSync(flag, "");
    const results = await applied;
    expect(outcomes(results)).toEqual(["h1 done", "h2 not-done", "h3 not-done"]);
    expect(results[2]?.problem).toEqual({ code: "cancelled", message: "not begun: stopped on request" });
    expect(bench.events).toContainEqual({ type: "notice", message: "stopping as soon as h1 is done; Ctrl-C again undoes it now" });
    expect(["h1", "h2", "h3"].map(current)).toEqual(["1.1", "1.0", "1.0"]);
  });

  it("fault 41: by a host that is ill both ways, whatever may fail", async () => {
    const to = fleet(["h1", "h2", "h3"], { maxFailed: 3, maxParallel: 1 });
    const flag = join(bench.directory, "ill");
    await deploy(await makeStack(bench.store, version("1.0", { health: { argv: ["test", "!", "-e", flag] } })), to);
    writeFileSync(flag, "");
    const results = await deploy(await makeStack(bench.store, version("1.1", { health: { argv: ["false"] } })), to);
    expect(results.map(({ host, outcome, now, health }) => [host, outcome, now, health])).toEqual([["h1", "undone", "1.0", "unhealthy"], ["h2", "not-done", "1.0", undefined], ["h3", "not-done", "1.0", undefined]]);
    expect(results[0]?.problem?.message).toMatch(/^`false` ended with 1; 1\.0 is unhealthy as well: `test ! -e .+` ended with 1$/);
    const statuses = await readStatus(bench.ctx, bench.store, to);
    expect(statuses.map(({ current: release, health }) => [release?.label, health])).toEqual([["1.0", "unhealthy"], ["1.0", "unhealthy"], ["1.0", "unhealthy"]]);
  });

  it("row P13: by nothing that it can lose: a host that goes back is looked at, and the others go on", async () => {
    const to = fleet(["h1", "h2", "h3"], { maxFailed: 1, maxParallel: 1 });
    await deploy(await makeStack(bench.store, version("1.0", { health: { argv: ["true"] } })), to);
    const results = await deploy(await makeStack(bench.store, version("1.1", illOn("h2"))), to);
    expect(results.map(({ host, outcome, now, health }) => [host, outcome, now, health])).toEqual([["h1", "done", "1.1", undefined], ["h2", "undone", "1.0", "healthy"], ["h3", "done", "1.1", undefined]]);
  });
});

function entry(time: number, generation: number): JournalEntry {
  return { generation, time, event: "confirmed", from: null, to: null };
}

describe("history", () => {
  it("is one story of all hosts: each in its own order, together by their clocks as ours would have told them", () => {
    const merged = mergeHistories([
      { host: "h1", entries: [entry(100, 1), entry(300, 2)] },
      // An hour ahead, and set back once.
      { host: "h2", entries: [entry(3800, 1), entry(50, 2), entry(3950, 3)], skew: 3600 },
    ]);
    expect(merged.map(({ host, entry: line }) => `${host} ${line.generation}`)).toEqual(["h1 1", "h2 1", "h2 2", "h1 2", "h2 3"]);
  });

  it("tells what was done to all hosts, in the order in which it was done", async () => {
    const to = fleet(["h1", "h2"]);
    for (const number of ["1.0", "1.1"]) await deploy(await makeStack(bench.store, version(number)), to);
    const hosts = await readHistory(bench.ctx, to, 50);
    expect(hosts.map(({ host, entries }) => [host, entries.filter(({ event }) => event === "confirmed").map(({ to: label }) => label)])).toEqual([["h1", ["1.0", "1.1"]], ["h2", ["1.0", "1.1"]]]);
  });
});
