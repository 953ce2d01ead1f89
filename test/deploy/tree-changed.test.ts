import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { prepareDeploy } from "../../src/deploy/deploy.ts";
import type { HostResult } from "../../src/deploy/apply/outcome.ts";
import { prepareRollback } from "../../src/deploy/rollback.ts";
import type { Target } from "../../src/model/index.ts";
import { makeStack, openWorkbench, type Workbench } from "../support/hand-made.ts";

let bench: Workbench;
beforeEach(async () => {
  bench = await openWorkbench();
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

function target(root = "app"): Target {
  return { name: "local:app", roles: {}, service: { kind: "none" }, keep: 5, hosts: [{ name: "local", via: "local", address: "", root: join(bench.directory, root) }], policy: { canary: 1, maxParallel: 1, maxFailed: 0, minHealthy: 0, healthyDeadline: 2 } };
}

/** A release whose hook does something to the tree that holds its file `etc/settings`. */
async function deploy(number: string, script: string, root = "app"): Promise<HostResult | undefined> {
  const find = 'tree=$(dirname "$(dirname "$(dirname "$(grep -rl "the settings" "$CAISSON_RELEASE/../../trees" --include=settings)")")")\n';
  const made = { version: number, files: { "bin/hook": `#!/bin/sh\nset -e\n${find}${script}\n`, "etc/settings": "the settings\n", "etc/other": number }, hooks: [{ at: "before-activate", argv: ["hook"], once: "host", reversible: true, timeout: 20 } as const] };
  await using change = await prepareDeploy(bench.ctx, bench.store, await makeStack(bench.store, made), target(root));
  return (await change.apply())[0];
}

function message(result: HostResult | undefined): string | undefined {
  return result?.problem?.message.replace(/`.*\/trees\/[0-9a-f]{64}\//, "`TREE/");
}

describe("trees that something has written into", () => {
  it.each([
    ["a file more", 'chmod u+w "$tree/root/etc"; echo data > "$tree/root/etc/db.sqlite3"', "`TREE/root/etc/db.sqlite3` was written into an installed package"],
    ["a file that is longer", 'chmod u+w "$tree/root/etc/settings"; echo more >> "$tree/root/etc/settings"', "`TREE/root/etc/settings` of an installed package was changed"],
    ["a file of the same length", 'chmod u+w "$tree/root/etc/settings"; echo "THE settings" > "$tree/root/etc/settings"', "`TREE/root/etc/settings` of an installed package was changed"],
    ["a file less", 'chmod u+w "$tree/root/etc"; rm -f "$tree/root/etc/settings"', "`TREE/root/etc/settings` was removed from an installed package"],
    ["a link for a file", 'chmod u+w "$tree/root/etc"; cd "$tree/root/etc"; rm -f settings; ln -s /etc/passwd settings', "`TREE/root/etc/settings` of an installed package was changed"],
  ])("are found before anything is switched to them, with the file and the cure: %s", async (_, script, said) => {
    expect(await deploy("1.0", "true")).toMatchObject({ outcome: "done" });
    const result = await deploy("1.1", script);
    expect([result?.outcome, result?.now, result?.problem?.code, message(result)]).toEqual(["not-done", "1.0", "tree-changed", said]);
    expect(result?.problem?.hint).toMatch(/let the program write below CAISSON_STATE.*Django.*link = "copy".*caisson verify/);
    // What was written beside the files goes by the command that the hint names; changed bytes come from here alone.
    expect(result?.problem?.hint?.endsWith("caisson verify --repair")).toBe(!said.includes("was written into"));
    expect(readlinkSync(join(bench.directory, "app/versions/current"))).toBe("1.0");
  });

  it("are right again when the command is typed that the error names, which takes away what was written and loses nothing of it", async () => {
    await deploy("1.0", "true");
    const result = await deploy("1.1", 'chmod -R u+w "$tree/root"; mkdir -p "$tree/root/etc/new/deep"; echo data > "$tree/root/etc/it\'s a db"; echo more > "$tree/root/etc/new/deep/file"; echo top > "$tree/root/top"; chmod -R a-w "$tree/root"');
    expect(result).toMatchObject({ outcome: "not-done", problem: { code: "tree-changed" } });
    const mend = /^there: (mkdir -p .*?chmod u-w \S.*?); then let the program write/.exec(result?.problem?.hint ?? "")?.[1] ?? "";
    execFileSync("sh", ["-ec", mend]);
    const lost = join(bench.directory, "app/lost");
    expect([readdirSync(lost).toSorted(), readFileSync(join(lost, "it's a db"), "utf8"), readFileSync(join(lost, "new/deep/file"), "utf8")]).toEqual([["it's a db", "new", "top"], "data\n", "more\n"]);
    expect(await deploy("1.2", "true")).toMatchObject({ outcome: "done" });
  });

  it("stop every deploy that uses them until they are right again, and no rollback", async () => {
    await deploy("1.0", "true");
    await deploy("1.1", "true");
    expect(await deploy("1.2", 'chmod u+w "$tree/root/etc"; echo data > "$tree/root/etc/db"')).toMatchObject({ problem: { code: "tree-changed" } });
    expect(await deploy("1.3", "true")).toMatchObject({ outcome: "not-done", problem: { code: "tree-changed" } });
    await using back = await prepareRollback(bench.ctx, bench.store, target());
    expect(await back.apply()).toMatchObject([{ outcome: "done", now: "1.0" }]);
    const trees = join(bench.directory, "app/trees");
    for (const tree of readdirSync(trees).filter((name) => !name.includes("."))) rmSync(join(trees, tree, "root/etc/db"), { force: true });
    expect(await deploy("1.4", "true")).toMatchObject({ outcome: "done" });
  });

  it("are not those that only look it: bytecode, and files that a copy of the root has given other times", async () => {
    await deploy("1.0", "true");
    await cp(join(bench.directory, "app"), join(bench.directory, "copy"), { recursive: true, verbatimSymlinks: true });
    expect(execFileSync("find", [join(bench.directory, "copy/trees"), "-newer", join(bench.directory, "app/journal.jsonl"), "-name", "settings"], { encoding: "utf8" })).not.toBe("");
    expect(await deploy("1.1", 'chmod u+w "$tree/root/etc"; mkdir "$tree/root/etc/__pycache__"; echo > "$tree/root/etc/__pycache__/x.cpython-311.pyc"', "copy")).toMatchObject({ outcome: "done" });
    const notes = readdirSync(join(bench.directory, "copy/trees")).filter((name) => name.endsWith(".made"));
    expect(notes.length).toBeGreaterThan(2);
    expect(existsSync(join(bench.directory, "copy/versions/1.1"))).toBe(true);
    expect(readFileSync(join(bench.directory, "copy/trees", notes[0] ?? ""), "utf8")).toMatch(/^\d+ \d+ \S+\0$/);
  });
});
