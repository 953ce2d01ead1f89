import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import { expect, it } from "vitest";
import { prepareDeploy } from "../../src/deploy/deploy.ts";
import type { HostResult } from "../../src/deploy/apply/outcome.ts";
import type { Wanted } from "../../src/deploy/wanted.ts";
import type { Target } from "../../src/model/index.ts";
import { openAgent, type Agent } from "../../src/transport/index.ts";
import { file, install, makeHost, stack, stream, tree } from "../agent/host.ts";
import { makeStack, openWorkbench, type HandMade } from "../support/hand-made.ts";
import { lacking, startHosts } from "../support/hosts.ts";
import { untilUnlocked } from "../support/interrupt-every-step.ts";
import { openLine } from "../support/line.ts";

function version(number: string, large: string): HandMade {
  return { version: number, files: { "bin/hello": `#!/bin/sh\necho hello ${number}\n`, "etc/large": large } };
}

it.skipIf(lacking() !== undefined)("faults 16 and 19: a connection that is reset, or that inverts a bit, in the midst of a blob publishes nothing of it, and the next run converges (needs sshd)", { timeout: 120_000 }, async () => {
  await using hosts = await startHosts();
  await using line = await openLine(hosts, "h1");
  await using bench = await openWorkbench(hosts.env);
  const root = hosts.get("h1").root("app");
  const to: Target = { name: "production", roles: {}, service: { kind: "none" }, keep: 5, hosts: [{ name: "h1", via: "ssh", address: hosts.get("h1").address, root }], policy: { canary: 1, maxParallel: 1, maxFailed: 0, minHealthy: 0, healthyDeadline: 60 } };
  const deploy = async (wanted: Wanted): Promise<HostResult | undefined> => {
    await using change = await prepareDeploy(bench.ctx, bench.store, wanted, to);
    return (await change.apply())[0];
  };
  expect(await deploy(await makeStack(bench.store, version("1.0", "small")))).toMatchObject({ outcome: "done" });
  const places = (): readonly string[] => ["trees", "versions"].flatMap((name) => readdirSync(join(root, name)));
  const faults = [{ cutAfter: { direction: "toHost", bytes: 200_000 } }, { flipAt: { direction: "toHost", byte: 200_000 } }] as const;
  for (const [at, fault] of faults.entries()) {
    const label = `1.${at + 1}`;
    const wanted = await makeStack(bench.store, version(label, randomBytes(300_000).toString("base64")));
    const before = places();
    const current = readlinkSync(join(root, "versions/current"));
    await line.set(fault);
    const result = await deploy(wanted);
    expect([fault, result]).toMatchObject([fault, { outcome: "not-done", now: current, problem: { code: "unknown-state" } }]);
    // The host hears of the cut when it does; the one that was there holds the lock until it has swept.
    await untilUnlocked(bench, root);
    const there = places();
    // What was whole may stay for the next run; the blob that was broken is nowhere.
    expect([there.filter((name) => name.startsWith(".")), before.filter((name) => !there.includes(name))]).toEqual([[], []]);
    expect([existsSync(join(root, "versions", label)), readlinkSync(join(root, "versions/current"))]).toEqual([false, current]);
    expect(await deploy(wanted)).toMatchObject({ outcome: "done", now: label });
    await using agent = await openAgent(bench.ctx, to.hosts[0]!, { by: "tester@here" });
    expect((await agent.verify()).problems).toEqual([]);
  }
});

/** Bytes that are not those that were announced, where nothing on the way has noticed it. */
const broken: readonly (readonly [string, (bytes: Uint8Array) => Uint8Array])[] = [
  ["one bit is inverted", (bytes) => bytes.map((byte, at) => (at === 100 ? byte ^ 1 : byte))],
  ["it is cut short", (bytes) => bytes.subarray(0, -1)],
  ["more follows", (bytes) => Buffer.concat([bytes, Buffer.from("x")])],
];

it.each(broken)("fault 19: a blob of which %s is refused when it has come, nothing is linked, and the same again goes through", async (_, spoil) => {
  await using host = makeHost();
  await using agent = await host.open();
  await install(agent, stack("1"));
  const made = tree(file("root/x", "x".repeat(5000)));
  const { descriptor, bytes } = made.document;
  const send = async (to: Agent, sent: Uint8Array): Promise<unknown> => {
    const bytesOnTheWay = deflateRawSync(sent);
    return await to.ask({ step: "receive", blob: descriptor, packed: { size: bytesOnTheWay.length } }, stream(bytesOnTheWay));
  };
  expect(await send(agent, spoil(bytes))).toMatchObject({ done: false, code: "digest-mismatch" });
  expect(await agent.ask({ step: "tree", id: made.id, document: descriptor })).toMatchObject({ done: false, code: "blob-missing" });
  expect(existsSync(join(host.root, "trees", made.id.slice(7)))).toBe(false);
  expect(await agent.observe()).toMatchObject({ current: "1" });
  expect(await agent.ask({ step: "receive", blob: descriptor }, stream(bytes))).toMatchObject({ done: true });
  expect(await agent.ask({ step: "tree", id: made.id, document: descriptor })).toMatchObject({ done: true, changed: true });
});
