import { existsSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { prepareDeploy } from "../../src/deploy/deploy.ts";
import { exitStatus, type HostResult } from "../../src/deploy/outcome.ts";
import { preparePrune } from "../../src/deploy/prune.ts";
import { prepareRollback } from "../../src/deploy/rollback.ts";
import { readHistory } from "../../src/deploy/history.ts";
import type { Wanted } from "../../src/deploy/wanted.ts";
import type { Hook, Label, Target } from "../../src/model/index.ts";
import { makeStack, openWorkbench, type HandMade, type Workbench } from "../support/hand-made.ts";

let bench: Workbench;
beforeEach(async () => {
  bench = await openWorkbench();
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

/** A program `note` that writes down when and where it ran, and a `well` that is as well as a file says. */
function version(number: string, hooks: readonly Partial<Hook>[], more: Partial<HandMade> = {}): HandMade {
  const note = '#!/bin/sh\necho "$1 $(basename "$PWD") $(basename "$CAISSON_RELEASE") $(readlink ../current || echo none)" >> "$CAISSON_STATE/notes"\n[ ! -e "$CAISSON_STATE/fail-$1" ]\n';
  const well = '#!/bin/sh\n[ ! -e "$CAISSON_STATE/ill" ]\n';
  return {
    version: number, files: { "bin/note": note, "bin/well": well, "etc/version": number }, health: { argv: ["well"] },
    hooks: hooks.map((hook) => ({ at: "stage", argv: ["note", hook.at ?? "stage"], once: "host", reversible: true, timeout: 20, ...hook })),
    ...more,
  };
}

function target(...roots: readonly string[]): Target {
  const names = roots.length === 0 ? ["app"] : roots;
  return {
    name: "local:app", roles: {}, service: { kind: "none" }, keep: 5,
    hosts: names.map((root) => ({ name: names.length === 1 ? "local" : root, via: "local", address: "", root: join(bench.directory, root) })),
    policy: { canary: 1, maxParallel: 2, maxFailed: 0, minHealthy: 0, healthyDeadline: 1 },
  };
}

async function deploy(wanted: Wanted, to: Target = target()): Promise<readonly HostResult[]> {
  await using change = await prepareDeploy(bench.ctx, bench.store, wanted, to);
  return await change.apply();
}

function notes(root = "app"): readonly string[] {
  const path = join(bench.directory, root, "shared/notes");
  return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
}

function current(root = "app"): string {
  return readlinkSync(join(bench.directory, root, "versions/current"));
}

function put(root: string, name: string): void {
  writeFileSync(join(bench.directory, root, "shared", name), "");
}

describe("hooks", () => {
  it("run at their moments, in the release's real directory, once for each release", async () => {
    const all = (["after-activate", "stage", "before-activate", "remove"] as const).map((at) => ({ at }));
    await deploy(await makeStack(bench.store, version("1.0", all)));
    const second = await makeStack(bench.store, version("1.1", all));
    expect(await deploy(second)).toMatchObject([{ outcome: "done" }]);
    expect(await deploy(second)).toMatchObject([{ outcome: "unchanged" }]);
    expect(notes()).toEqual(["stage 1.0 1.0 none", "before-activate 1.0 1.0 none", "after-activate 1.0 1.0 1.0", "stage 1.1 1.1 1.0", "before-activate 1.1 1.1 1.0", "after-activate 1.1 1.1 1.1"]);
  });
});
