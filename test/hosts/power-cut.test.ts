import { cpSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { prepareDeploy } from "../../src/deploy/deploy.ts";
import { prepareRollback } from "../../src/deploy/rollback.ts";
import { wantedStack, type Wanted } from "../../src/deploy/wanted.ts";
import type { Label, PackageName, Target } from "../../src/model/index.ts";
import { lackingDisks, mountCopy, mountDisk } from "../support/disks.ts";
import { makeStack, openWorkbench, type HandMade } from "../support/hand-made.ts";
import type { Interruptible } from "../support/interrupt-every-step.ts";
import { makeCallKiller } from "../support/kill-at-call.ts";
import { fastest, judgeCut, undisturbed } from "../support/sweep-calls.ts";

function target(root: string): Target {
  return { name: "local:app", roles: {}, service: { kind: "none" }, keep: 5, hosts: [{ name: "local", via: "local", address: "", root }], policy: { canary: 1, maxParallel: 1, maxFailed: 0, minHealthy: 0, healthyDeadline: 60 } };
}

function made(version: string): HandMade {
  return { version, files: { "bin/hello": `#!/bin/sh\necho hello ${version}\n`, "etc/hello.conf": "greeting = hello\n", "etc/version": version.repeat(5000) } };
}

/** One in so many calls, or all of them where a full sweep is asked for. */
const every = process.env["SWEEP"] === "all" ? 1 : 5;

it.skipIf(lackingDisks() !== undefined).each(["deploy", "rollback"] as const)("fault 45: a power cut at any call of a %s leaves one whole release, the new one for good once it is told, and the next run converges (needs root and loop devices)", { timeout: 600_000 }, async (action) => {
  await using bench = await openWorkbench({}, fastest);
  await using disk = await mountDisk({ megabytes: 8 });
  const killer = makeCallKiller(bench.directory);
  const [first, second] = [await makeStack(bench.store, made("1.0")), await makeStack(bench.store, made("1.1"))];
  const deploy = async (wanted: Wanted, root: string): Promise<void> => {
    await using change = await prepareDeploy(bench.ctx, bench.store, wanted, target(root));
    expect(await change.apply()).toMatchObject([{ outcome: "done" }]);
  };
  const template = join(bench.directory, "template");
  await deploy(first, template);
  if (action === "rollback") await deploy(second, template);
  const [from, to] = action === "deploy" ? (["1.0", "1.1"] as const) : (["1.1", "1.0"] as const);
  const wanted = await wantedStack(bench.store, { name: "hello" as PackageName, label: "1.1" as Label });
  const within = (env: Readonly<Record<string, string>>) => ({ ...bench.ctx, env: { ...bench.ctx.env, ...env } });
  const change: Interruptible = {
    action, stack: "hello@1.1", template, from, to, target,
    prepare: (where, env) => (action === "deploy" ? prepareDeploy(within(env), bench.store, wanted, where) : prepareRollback(within(env), bench.store, where, "1.0" as Label)),
  };
  const whole = await undisturbed(bench, killer, change);
  const root = join(disk.path, "copy-0");
  cpSync(template, root, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  await bench.ctx.run(["sync", "-f", root], { cwd: "/", env: bench.ctx.env });
  const env = killer.copying(every, disk.image);
  {
    await using prepared = await change.prepare(target(root), env);
    expect(await prepared.apply()).toMatchObject([{ outcome: "done", now: to }]);
  }
  {
    await using after = await disk.afterPowerCut();
    expect(readlinkSync(join(after.path, "copy-0/versions/current"))).toBe(to);
    expect(await judgeCut(killer, change, whole, join(after.path, "copy-0"))).toEqual([]);
  }
  const seen: string[] = [];
  for (const { call, image } of killer.copies(env)) {
    await using after = await mountCopy(image);
    const cut = join(after.path, "copy-0");
    seen.push(readlinkSync(join(cut, "versions/current")));
    expect([call, await judgeCut(killer, change, whole, cut)]).toEqual([call, []]);
  }
  // First the one, then the other, and never back.
  expect(seen).toEqual(seen.toSorted((a, b) => (action === "deploy" ? 1 : -1) * a.localeCompare(b)));
  expect(new Set(seen).size).toBe(2);
});
