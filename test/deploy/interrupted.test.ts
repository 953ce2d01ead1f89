import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prepareDeploy } from "../../src/deploy/deploy.ts";
import { prepareRollback } from "../../src/deploy/rollback.ts";
import { wantedStack, type Wanted } from "../../src/deploy/wanted.ts";
import type { Label, PackageName, Target } from "../../src/model/index.ts";
import { makeStack, openWorkbench, type HandMade, type Workbench } from "../support/hand-made.ts";
import { killAgentAtEveryStep, killCommandAtEveryStep, type Interruptible } from "../support/interrupt-every-step.ts";

let bench: Workbench;
let first: Wanted;
let second: Wanted;
/** Roots as they are before: one release, and two of which the second is current. */
let [one, two] = ["", ""];

function target(root: string): Target {
  return {
    name: "local:app", roles: {}, keep: 5,
    service: { kind: "command", restart: "true" },
    hosts: [{ name: "local", via: "local", address: "", root }],
    policy: { canary: 1, maxParallel: 1, maxFailed: 0, minHealthy: 0, healthyDeadline: 60 },
  };
}

function made(version: string): HandMade {
  return { version, files: { "bin/hello": `#!/bin/sh\necho hello ${version}\n`, "etc/hello.conf": "greeting = hello\n" }, health: { argv: ["hello"] } };
}

async function deploy(wanted: Wanted, root: string): Promise<void> {
  await using change = await prepareDeploy(bench.ctx, bench.store, wanted, target(root));
  expect(await change.apply()).toMatchObject([{ outcome: "done" }]);
}

beforeAll(async () => {
  bench = await openWorkbench();
  first = await makeStack(bench.store, made("1.0"));
  second = await makeStack(bench.store, made("1.1"));
  [one, two] = [join(bench.directory, "one"), join(bench.directory, "two")];
  await deploy(first, one);
  await deploy(first, two);
  await deploy(second, two);
});
afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

const secondDeploy = (): Interruptible => ({
  action: "deploy", stack: "hello@1.1", template: one, from: "1.0", to: "1.1", target,
  prepare: async (to, env) => await prepareDeploy({ ...bench.ctx, env: { ...bench.ctx.env, ...env } }, bench.store, await wantedStack(bench.store, { name: "hello" as PackageName, label: "1.1" as Label }), to),
});

const rollback = (): Interruptible => ({
  action: "rollback", stack: "hello@1.0", template: two, from: "1.1", to: "1.0", target,
  prepare: (to, env) => prepareRollback({ ...bench.ctx, env: { ...bench.ctx.env, ...env } }, bench.store, to, "1.0" as Label),
});

describe.each([["a second deploy", secondDeploy, 19, 18], ["a rollback", rollback, 10, 8]] as const)("%s", (_, change, ofAgent, ofCommand) => {
  it("faults 1 to 13: leaves one whole release and converges, wherever the agent is killed", { timeout: 300_000 }, async () => {
    expect(await killAgentAtEveryStep(bench, change())).toEqual({ interruptions: ofAgent, faults: [] });
  });

  it("fault 14: leaves one whole release and converges, wherever the command is killed", { timeout: 300_000 }, async () => {
    expect(await killCommandAtEveryStep(bench, change())).toEqual({ interruptions: ofCommand, faults: [] });
  });
});
