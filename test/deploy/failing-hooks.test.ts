import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { planLines } from "../../src/cli/host-lines.ts";
import { prepareDeploy } from "../../src/deploy/deploy.ts";
import { readHistory } from "../../src/deploy/observe/history.ts";
import type { Wanted } from "../../src/deploy/wanted.ts";
import type { HostResult } from "../../src/deploy/apply/outcome.ts";
import * as library from "../../src/index.ts";
import type { Hook, Label, PackageName, Target } from "../../src/model/index.ts";
import { openAgent } from "../../src/transport/index.ts";
import { lackingDisks, mountDisk } from "../support/disks.ts";
import { makeStack, openWorkbench, type HandMade, type Workbench } from "../support/hand-made.ts";

let bench: Workbench;
beforeEach(async () => {
  bench = await openWorkbench();
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

/** A release whose one hook is a shell's text. */
function withHook(number: string, script: string, hook: Partial<Hook> = {}): HandMade {
  return { version: number, files: { "bin/hook": `#!/bin/sh\n${script}\n`, "etc/version": number }, hooks: [{ at: "before-activate", argv: ["hook"], once: "host", reversible: true, timeout: 20, ...hook }] };
}

function target(root: string = join(bench.directory, "app"), more: Partial<Target> = {}): Target {
  return { name: "local:app", roles: {}, service: { kind: "none" }, keep: 5, hosts: [{ name: "local", via: "local", address: "", root }], policy: { canary: 1, maxParallel: 1, maxFailed: 0, minHealthy: 0, healthyDeadline: 2 }, ...more };
}

async function deploy(made: HandMade | Wanted, to: Target = target()): Promise<HostResult | undefined> {
  await using change = await prepareDeploy(bench.ctx, bench.store, "stack" in made ? made : await makeStack(bench.store, made), to);
  return (await change.apply())[0];
}

/** Processes whose command line has a word, as /proc tells. */
function running(word: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => /^\d+$/.test(pid)).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0").includes(word);
    } catch {
      return false;
    }
  });
}

describe("fault 42: a hook", () => {
  it("that ends with 1 stops the deploy", async () => {
    expect(await deploy(withHook("1.0", "exit 1"))).toMatchObject({ outcome: "not-done", now: null, problem: { code: "hook-failed", message: "hook `hello before-activate: hook` ended with 1" } });
  });

  it("that hangs is killed at its limit with everything that it started, whoever they say they are", async () => {
    const script = "trap '' TERM\nsetsid sleep 4711 &\n(trap '' TERM; sleep 4711 & wait) &\necho waiting\nsleep 4711; sleep 4711";
    expect(await deploy(withHook("1.0", script, { timeout: 1 }))).toMatchObject({ outcome: "not-done", problem: { code: "hook-failed", message: "hook `hello before-activate: hook` was killed after 1 s: waiting" } });
    expect(running("4711")).toEqual([]);
  });

  it("that is ended by a signal says by which", async () => {
    expect((await deploy(withHook("1.0", "kill -SEGV $$")))?.problem?.message).toBe("hook `hello before-activate: hook` was ended by signal 11");
  });

  it("that prints 100 MB leaves the end of it, and takes no memory for the rest", async () => {
    const result = await deploy(withHook("1.0", "head -c 100000000 /dev/zero | tr '\\0' x; echo; echo the end; grep VmHWM /proc/$PPID/status; exit 1"));
    expect(result?.problem?.message.length).toBeLessThan(1000);
    expect(result?.problem?.message).toMatch(/ended with 1: [^]*the end \| VmHWM:\s+\d+ kB$/);
    expect(Number(/VmHWM:\s+(?<kilobytes>\d+)/.exec(result?.problem?.message ?? "")?.groups?.["kilobytes"])).toBeLessThan(60_000);
    const log = readFileSync(join(bench.directory, "app/hooks/1.0.log"), "utf8");
    expect(log.length).toBeLessThan(70_000);
    expect(log.trimEnd().split("\n").at(-2)).toBe("the end");
  });

  it("leaves nothing behind that would outlive it, and holds nobody up with its output", async () => {
    expect(await deploy(withHook("1.0", "setsid sleep 4712 &\nsleep 4712 &\nexit 0"))).toMatchObject({ outcome: "done" });
    expect(running("4712")).toEqual([]);
  });

  it("that cannot be run says why", async () => {
    expect((await deploy(withHook("1.0", "", { argv: ["no-such-program", "x"] })))?.problem?.message).toBe("hook `hello before-activate: no-such-program x` cannot be run: No such file or directory");
  });

  it("ends with the agent, when that loses whoever asked for it", async () => {
    await deploy(withHook("1.0", "exit 0"));
    const agent = await openAgent(bench.ctx, target().hosts[0] as never, { by: "test" });
    const hook: Hook = { at: "after-activate", argv: ["sh", "-c", "sleep 4713 & wait"], once: "host", reversible: true, timeout: 60 };
    void agent.ask({ step: "hook", release: "1.0" as Label, package: "hello" as PackageName, hook }).catch(() => undefined);
    while (running("4713").length === 0) await sleep(50);
    await agent[Symbol.asyncDispose]();
    while (running("4713").length > 0) await sleep(50);
    await expect(agent.observe()).rejects.toMatchObject({ code: "unknown-state" });
  });
});

describe("fault 47: malicious words", () => {
  it("in a hook are words and nothing else, for shells, journals and terminals", async () => {
    const argv = ["hook", "$(touch ran)", "`touch ran`", "; touch ran", "a\nb", "\u001b[2J", "-oProxyCommand=touch ran", "../../../etc", "'\"", "%s"];
    const made = withHook("1.0", 'for word; do printf "[%s]" "$word"; done > "$CAISSON_STATE/words"', { argv });
    await using change = await prepareDeploy(bench.ctx, bench.store, await makeStack(bench.store, made), target());
    const lines = planLines({ library }, change.plan);
    // oxlint-disable-next-line no-control-regex -- these are what is looked for
    expect(lines.filter((line) => /[\x00-\x1f\x7f]/.test(line))).toEqual([]);
    expect(lines.at(-1)).toContain('hook "$(touch ran)" "`touch ran`" "; touch ran" "a\\nb" "\\u001b[2J"');
    expect(await change.apply()).toMatchObject([{ outcome: "done" }]);
    const [told] = await readHistory(bench.ctx, target(), 10);
    expect(told?.entries.find(({ event }) => event === "hook")?.hook).toBe("hello before-activate: hook $(touch ran) `touch ran` ; touch ran a?b ?[2J -oProxyCommand=touch ran ../../../etc '\" %s");
    expect((await deploy(withHook("1.1", "printf 'a\\033[2Jb\\007c'; exit 1")))?.problem?.message).toBe("hook `hello before-activate: hook` ended with 1: a?[2Jb?c");
    expect(readFileSync(join(bench.directory, "app/shared/words"), "utf8")).toBe(argv.slice(1).map((word) => `[${word}]`).join(""));
    expect(execFileSync("find", [bench.directory, "-name", "ran"], { encoding: "utf8" })).toBe("");
  });

  it.each<readonly [string, Partial<Hook>, string]>([
    ["a package", {}, "../../../tmp"],
    ["a package of two lines", {}, "hello\nx"],
  ])("for %s are refused by the agent before anything runs", async (_, hook, owner) => {
    await deploy(withHook("1.0", "exit 0"));
    await using agent = await openAgent(bench.ctx, target().hosts[0] as never, { by: "test" });
    const made = withHook("1.0", "", hook).hooks?.[0] as Hook;
    expect(await agent.ask({ step: "hook", release: "1.0" as Label, package: owner as PackageName, hook: made })).toMatchObject({ done: false, code: "name-invalid" });
    expect(await agent.ask({ step: "hook", release: "../1.0" as Label, package: "hello" as PackageName, hook: made })).toMatchObject({ done: false, code: "name-invalid" });
  });

  it.each([["a command", 'A="$(id)"\n'], ["no quotes", "A=1\n"], ["two lines that are one", 'A="1"\nB="2" C="3"\n'], ["another's name", 'A B="1"\n'], ["an end that is missing", 'A="1"']])("in an environment are refused by the agent, and not repeated: %s", async (_, text) => {
    await deploy(withHook("1.0", "exit 0"));
    await using agent = await openAgent(bench.ctx, target().hosts[0] as never, { by: "test" });
    expect(await agent.ask({ step: "environment", packages: ["hello" as PackageName], names: ["A"] }, Buffer.from(text))).toEqual({ done: false, code: "name-invalid", detail: "the environment that was sent is not made of assignments in double quotes" });
    expect(await agent.ask({ step: "environment", packages: ["../hello" as PackageName], names: ["A"] }, Buffer.from('A="1"\n'))).toMatchObject({ done: false, code: "name-invalid" });
    expect(readdirSync(join(bench.directory, "app")).filter((name) => name.includes("env"))).toEqual([]);
  });
});

describe("fault 20: a disk that a hook has filled", () => {
  const fill = 'cat /dev/zero > "$CAISSON_STATE/big" 2>/dev/null; sync -f "$CAISSON_STATE"; cat /dev/zero >> "$CAISSON_STATE/big"; exit 1';

  it("keeps the old release before the switch, and lets go back behind it, with the values of the environment", async ({ skip }) => {
    skip(lackingDisks() !== undefined, lackingDisks());
    await using disk = await mountDisk({ megabytes: 16 });
    const root = join(disk.path, "app");
    const env = join(bench.directory, ".env");
    const to = target(root, { environment: [env], service: { kind: "command", restart: 'echo "$VALUE" > /dev/null' } });
    writeFileSync(env, "VALUE=old\n");
    const first = await makeStack(bench.store, withHook("1.0", "exit 0"));
    expect(await deploy(first, to)).toMatchObject({ outcome: "done" });
    for (const [number, at] of [["1.1", "before-activate"], ["1.2", "after-activate"]] as const) {
      writeFileSync(env, `VALUE=${number}\n`);
      expect(await deploy(withHook(number, fill, { at }), to)).toMatchObject({ outcome: at === "before-activate" ? "not-done" : "undone", now: "1.0", problem: { code: "hook-failed", message: expect.stringContaining("No space left on device") as string } });
      expect([readlinkSync(join(root, "versions/current")), readFileSync(join(root, "env/hello"), "utf8"), readdirSync(join(root, ".env")).length]).toEqual(["1.0", 'VALUE="old"\n', 1]);
      execFileSync("rm", [join(root, "shared/big")]);
    }
    await disk.fill();
    expect(await deploy(first, to)).toMatchObject({ outcome: "not-done", problem: { code: "disk-full" } });
    expect(readFileSync(join(root, "env/hello"), "utf8")).toBe('VALUE="old"\n');
    await disk.release();
    expect(await deploy(withHook("1.3", "exit 0"), to)).toMatchObject({ outcome: "done" });
    expect(readFileSync(join(root, "env/hello"), "utf8")).toBe('VALUE="1.2"\n');
  });

  it("goes back without a free inode, values of the environment included", async ({ skip }) => {
    skip(lackingDisks() !== undefined, lackingDisks());
    await using disk = await mountDisk({ megabytes: 16, inodes: 256 });
    const root = join(disk.path, "app");
    const env = join(bench.directory, ".env");
    const to = target(root, { environment: [env] });
    writeFileSync(env, "VALUE=old\n");
    expect(await deploy(withHook("1.0", "exit 0"), to)).toMatchObject({ outcome: "done" });
    writeFileSync(env, "VALUE=new\n");
    const inodes = 'n=0; while : > "$CAISSON_STATE/file-$n"; do n=$((n + 1)); done 2>/dev/null; exit 1';
    expect(await deploy(withHook("1.1", `(${inodes})\nexit 1`, { at: "after-activate" }), to)).toMatchObject({ outcome: "undone", now: "1.0", problem: { code: "hook-failed" } });
    expect([readlinkSync(join(root, "versions/current")), readFileSync(join(root, "env/hello"), "utf8"), existsSync(join(root, ".env-next")), statSync(join(root, "env")).isDirectory()]).toEqual(["1.0", 'VALUE="old"\n', false, true]);
  });
});
