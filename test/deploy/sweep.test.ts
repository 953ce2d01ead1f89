import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { prepareDeploy } from "../../src/deploy/deploy.ts";
import { prepareRollback } from "../../src/deploy/rollback.ts";
import { wantedStack, type Wanted } from "../../src/deploy/wanted.ts";
import type { Label, PackageName, Target } from "../../src/model/index.ts";
import { makeStack, openWorkbench, type HandMade, type Workbench } from "../support/hand-made.ts";
import { onCopy, type Interruptible } from "../support/interrupt-every-step.ts";
import { makeCallKiller, type CallKiller, type Victim } from "../support/kill-at-call.ts";
import { has } from "../support/machine.ts";
import { fastest, killAtCalls } from "../support/sweep-calls.ts";

let bench: Workbench;
let killer: CallKiller;
/** Roots as they are before: one release, and two of which the second is current. */
let [one, two] = ["", ""];

/** Each release has values of its own, and its service writes down which release it runs. */
function target(root: string, version: string): Target {
  const values = join(bench.directory, `.env-${version}`);
  writeFileSync(values, `VERSION=${version}\n`);
  return {
    name: "local:app", roles: {}, keep: 5, environment: [values],
    service: { kind: "command", restart: 'echo "${CAISSON_RELEASE##*/}" > "$CAISSON_STATE/running"' },
    hosts: [{ name: "local", via: "local", address: "", root }],
    policy: { canary: 1, maxParallel: 1, maxFailed: 0, minHealthy: 0, healthyDeadline: 60 },
  };
}

function made(version: string): HandMade {
  return { version, files: { "bin/hello": `#!/bin/sh\necho hello ${version}\n`, "etc/hello.conf": "greeting = hello\n" }, health: { argv: ["true"] } };
}

async function deploy(wanted: Wanted, root: string, version: string): Promise<void> {
  await using change = await prepareDeploy(bench.ctx, bench.store, wanted, target(root, version));
  expect(await change.apply()).toMatchObject([{ outcome: "done" }]);
}

/** I2: what runs is what is current. */
function lookAtService(root: string, current: string): readonly string[] {
  const running = readFileSync(join(root, "shared/running"), "utf8").trim();
  return running === current ? [] : [`${running} runs, and ${current} is current`];
}

/** A deploy brings values; a rollback leaves those that are in force. */
function lookAtValues(root: string, current: string): readonly string[] {
  const values = readFileSync(join(root, "env/hello"), "utf8").trim();
  return values === `VERSION="${current}"` ? [] : [`${current} has the values ${values}`];
}

beforeAll(async () => {
  bench = await openWorkbench({}, fastest);
  killer = makeCallKiller(bench.directory);
  const [first, second] = [await makeStack(bench.store, made("1.0")), await makeStack(bench.store, made("1.1"))];
  [one, two] = [join(bench.directory, "template-one"), join(bench.directory, "template-two")];
  await deploy(first, one, "1.0");
  await deploy(first, two, "1.0");
  await deploy(second, two, "1.1");
});
afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

const secondDeploy = (): Interruptible => ({
  action: "deploy", stack: "hello@1.1", template: one, from: "1.0", to: "1.1", target: (root) => target(root, "1.1"),
  look: (root, current) => [...lookAtService(root, current), ...lookAtValues(root, current)],
  prepare: async (to, env) => await prepareDeploy({ ...bench.ctx, env: { ...bench.ctx.env, ...env } }, bench.store, await wantedStack(bench.store, { name: "hello" as PackageName, label: "1.1" as Label }), to),
});

const rollback = (): Interruptible => ({
  action: "rollback", stack: "hello@1.0", template: two, from: "1.1", to: "1.0", target: (root) => target(root, "1.0"), look: lookAtService,
  prepare: (to, env) => prepareRollback({ ...bench.ctx, env: { ...bench.ctx.env, ...env } }, bench.store, to, "1.0" as Label),
});

/** 200 of them in a usual run; with SWEEP=all each call is one. */
const kills: readonly (readonly [row: string, victim: Victim, what: string, change: () => Interruptible, count: number])[] = [
  ["faults 1 to 13", "agent", "a second deploy", secondDeploy, 115],
  ["faults 1 to 13", "agent", "a rollback", rollback, 35],
  ["fault 23", "worker", "a second deploy", secondDeploy, 30],
  ["fault 14", "command", "a second deploy", secondDeploy, 12],
  ["fault 14", "command", "a rollback", rollback, 8],
];

for (const [row, victim, what, change, count] of kills) {
  it(`${row}: ${what} leaves one whole release, the one that is told, and converges, at whichever call the ${victim} is killed`, { timeout: 900_000 }, async () => {
    const swept = await killAtCalls(bench, killer, change(), victim, count);
    expect(swept.faults).toEqual([]);
    expect(swept.kills).toBeGreaterThanOrEqual(count);
  });
}

/** Calls of the kernel that change a file system, by Python's name for them. Opening and writing are not among them: the shells that an agent starts do those, too. */
const CHANGING: Readonly<Record<string, string>> = {
  rename: "rename", renameat2: "syscall", link: "link", symlink: "symlink", unlink: "unlink", mkdir: "mkdir", rmdir: "rmdir",
  chmod: "chmod", fchmod: "fchmod", fsync: "fsync", syncfs: "syncfs", fallocate: "fallocate64", pwrite64: "pwrite",
};

it.skipIf(!has("strace"))("knows of every call by which a deploy changes the host, as strace sees them (needs strace)", async () => {
  const log = join(bench.directory, "template-trace");
  const traced = makeCallKiller(bench.directory, ["strace", "-f", "-qq", "-e", `trace=${Object.keys(CHANGING).join(",")}`, "-e", "signal=none", "-o", log]);
  const change = secondDeploy();
  const env = traced.env(0, "nobody");
  await onCopy(bench, change, async (root) => {
    await using prepared = await change.prepare(change.target(root), env);
    expect(await prepared.apply()).toMatchObject([{ outcome: "done" }]);
  });
  const seen = readFileSync(log, "utf8").split("\n").flatMap((line) => (line.includes("/killer-") ? [] : [CHANGING[/^\d+ +(\w+)\(/.exec(line)?.[1] ?? ""] ?? []])).flat();
  const known = traced.names(env).filter((name) => Object.values(CHANGING).includes(name));
  expect(tally(known)).toEqual(tally(seen));
  expect(seen.length).toBeGreaterThan(50);
});

function tally(names: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries([...new Set(names)].toSorted().map((name) => [name, names.filter((each) => each === name).length]));
}
