import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { prepareDeploy } from "../../src/deploy/deploy.ts";
import type { HostResult } from "../../src/deploy/apply/outcome.ts";
import { prepareRollback } from "../../src/deploy/rollback.ts";
import type { Wanted } from "../../src/deploy/wanted.ts";
import type { Label, Target } from "../../src/model/index.ts";
import { openAgent } from "../../src/transport/index.ts";
import { lackingDisks, mountDisk } from "../support/disks.ts";
import { makeStack, openWorkbench, type HandMade, type Workbench } from "../support/hand-made.ts";
import { has } from "../support/machine.ts";
import { fastest } from "../support/sweep-calls.ts";

let bench: Workbench;
/** Stacks that are made already, so that the same change can be tried again. */
const stacks = new Map<string, Wanted>();
beforeEach(async () => {
  stacks.clear();
  bench = await openWorkbench({}, fastest);
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

function target(root: string): Target {
  return { name: "local:app", roles: {}, service: { kind: "none" }, keep: 5, hosts: [{ name: "local", via: "local", address: "", root }], policy: { canary: 1, maxParallel: 1, maxFailed: 0, minHealthy: 0, healthyDeadline: 5 } };
}

function version(number: string, more: Partial<HandMade> = {}): HandMade {
  return { version: number, files: { "bin/hello": `#!/bin/sh\necho hello ${number}\n`, "etc/hello.conf": "greeting = hello\n" }, health: { argv: ["true"] }, ...more };
}

async function deploy(made: HandMade, to: Target): Promise<HostResult | undefined> {
  const wanted = stacks.get(made.version) ?? (await makeStack(bench.store, made));
  stacks.set(made.version, wanted);
  await using change = await prepareDeploy(bench.ctx, bench.store, wanted, to);
  return (await change.apply())[0];
}

async function rollback(to: Target, release?: string): Promise<HostResult | undefined> {
  await using change = await prepareRollback(bench.ctx, bench.store, to, release as Label | undefined);
  return (await change.apply())[0];
}

/** From now on agents are started by these words of a shell; `"$@"` is the interpreter and what it is given. Nothing: as ever. */
function startAgentsBy(words: string): void {
  const bin = join(bench.directory, "bin");
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, "python3"), `#!/bin/sh\nPATH=\${PATH#*:}\nset -- "$(command -v python3)" "$@"\n${words === "" ? 'exec "$@"' : words}\n`);
  chmodSync(join(bin, "python3"), 0o755);
  Object.assign(bench.ctx.env, { PATH: `${bin}:${process.env["PATH"] ?? ""}` });
}

async function problemsOf(root: string): Promise<readonly unknown[]> {
  await using agent = await openAgent(bench.ctx, { name: "local", via: "local", address: "", root }, { by: "tester@here" });
  return (await agent.verify()).problems;
}

/** What a change that could not be made must leave: the old release whole, nothing half-made, and a host that takes the same change when the fault has gone. */
async function expectOldAndWell(root: string, made: HandMade, from: string): Promise<void> {
  expect(readlinkSync(join(root, "versions/current"))).toBe(from);
  expect(await problemsOf(root)).toEqual([]);
  expect(["trees", "versions"].flatMap((name) => readdirSync(join(root, name))).filter((name) => name.startsWith("."))).toEqual([]);
  expect(await deploy(made, target(root))).toMatchObject({ outcome: "done" });
  expect(await problemsOf(root)).toEqual([]);
}

describe("fault 23: an agent with limits", () => {
  const large = version("1.1", { files: { "bin/hello": "#!/bin/sh\n", "etc/large": Buffer.alloc(3_000_000, "0123456789abcdef\n").toString() } });

  it.each([["the size of files", "ulimit -f 2000"], ["open files", "ulimit -n 8"]])("fails as one that is killed, and leaves the old release: %s", async (_, limit) => {
    const root = join(bench.directory, "app");
    await deploy(version("1.0"), target(root));
    startAgentsBy(`${limit}\nexec "$@"`);
    const result = await deploy(large, target(root)).catch((error: unknown) => error as Error);
    expect(result).not.toMatchObject({ outcome: "done" });
    startAgentsBy("");
    await expectOldAndWell(root, large, "1.0");
  });
});

describe("fault 27: a host without places that others rely on", () => {
  it("needs no HOME, and no directory for what is temporary", async () => {
    const root = join(bench.directory, "app");
    startAgentsBy('unset HOME USER LOGNAME\nTMPDIR=/nonexistent/tmp\nexport TMPDIR\nexec "$@"');
    expect(await deploy(version("1.0"), target(root))).toMatchObject({ outcome: "done" });
    expect(await deploy(version("1.1"), target(root))).toMatchObject({ outcome: "done" });
    expect(await rollback(target(root))).toMatchObject({ outcome: "done", now: "1.0" });
  });

  it.skipIf(process.getuid?.() !== 0 || !has("unshare") || fastest === "/tmp")("writes nothing to /tmp, /var/tmp and home, which are read-only and noexec (needs root)", async () => {
    const root = join(bench.directory, "app");
    // The agent's program may itself lie in one of them.
    startAgentsBy('agent=$(mktemp -d -p "${0%/*}") && cp "$3" "$agent" && three=$agent/agent.py\npython=$1 && shift 3\nexec unshare --mount sh -c \'for place in /tmp /var/tmp "$HOME"; do test ! -d "$place" || case "$0" in "$place"/*) ;; *) mount -t tmpfs -o ro,noexec,size=4k none "$place" ;; esac; done; exec "$@"\' "$python" "$python" -I "$three" "$@"');
    Object.assign(bench.ctx.env, { HOME: "/var" });
    expect(await deploy(version("1.0"), target(root))).toMatchObject({ outcome: "done" });
    expect(await deploy(version("1.1"), target(root))).toMatchObject({ outcome: "done" });
    expect(await problemsOf(root)).toEqual([]);
  });
});

describe.skipIf(lackingDisks() !== undefined)("disks that fail (needs root and loop devices)", { timeout: 120_000 }, () => {
  it.each([["bytes", undefined], ["inodes", 512]] as const)("%s: faults 20 and 21: a disk that is full refuses a new release, and lets go back to the old one", async (what, inodes) => {
    await using disk = await mountDisk({ megabytes: 16, ...(inodes === undefined ? {} : { inodes }) });
    const root = join(disk.path, "app");
    await deploy(version("1.0"), target(root));
    await deploy(version("1.1"), target(root));
    const fill = what === "bytes" ? disk.fill : disk.fillInodes;
    await fill();
    const large = version("1.2", { files: { "bin/hello": "#!/bin/sh\necho hello 1.2\n", "etc/large": "0123456789abcdef\n".repeat(20_000) } });
    expect(await deploy(large, target(root))).toMatchObject({ outcome: "not-done", now: "1.1", problem: { code: "disk-full" } });
    expect(await rollback(target(root))).toMatchObject({ outcome: "done", from: "1.1", now: "1.0" });
    expect(await rollback(target(root), "1.1")).toMatchObject({ outcome: "done", from: "1.0", now: "1.1" });
    await disk.release();
    await expectOldAndWell(root, large, "1.1");
  });

  it("fault 20: a disk that fills up while a release comes in or is made keeps the old one, and takes the new one when there is room", async () => {
    await using disk = await mountDisk({ megabytes: 16 });
    const root = join(disk.path, "app");
    await deploy(version("1.0"), target(root));
    const outcomes = new Set<string | undefined>();
    for (const [at, left] of [4_000, 100_000, 450_000, 850_000, 950_000, 1_300_000].entries()) {
      const before = readlinkSync(join(root, "versions/current"));
      const made = version(`1.${at + 1}`, { files: { "bin/hello": `#!/bin/sh\necho hello 1.${at + 1}\n`, "etc/large": randomBytes(300_000).toString("base64") } });
      await disk.fill(left);
      const result = await deploy(made, target(root));
      outcomes.add(result?.outcome);
      expect([["done", made.version, undefined], ["not-done", before, "disk-full"]]).toContainEqual([result?.outcome, result?.now, result?.problem?.code]);
      expect([readlinkSync(join(root, "versions/current")), await problemsOf(root)]).toEqual([result?.now, []]);
      await disk.release();
      expect((await deploy(made, target(root)))?.outcome).toBe(result?.outcome === "done" ? "unchanged" : "done");
    }
    expect(outcomes).toEqual(new Set(["done", "not-done"]));
  });

  it.each(["before-activate", "after-activate"] as const)("fault 20: a disk that is full %s does not keep the switch from being made, or taken back, and confirmed", async (at) => {
    await using disk = await mountDisk({ megabytes: 16 });
    const root = join(disk.path, "app");
    await deploy(version("1.0"), target(root));
    const fill = '#!/bin/sh\ncat /dev/zero > "$CAISSON_STATE/big" 2>/dev/null; sync -f "$CAISSON_STATE"; cat /dev/zero >> "$CAISSON_STATE/big" 2>/dev/null; exit 0\n';
    const filling = (number: string, health: string): HandMade => version(number, { files: { "bin/hello": `#!/bin/sh\necho hello ${number}\n`, "bin/fill": fill }, hooks: [{ at, argv: ["fill"], once: "host", reversible: true, timeout: 20 }], health: { argv: [health] } });
    expect(await deploy(filling("1.1", "false"), target(root))).toMatchObject({ outcome: "undone", now: "1.0" });
    expect([readlinkSync(join(root, "versions/current")), await problemsOf(root)]).toEqual(["1.0", []]);
    rmSync(join(root, "shared/big"), { force: true });
    expect(await deploy(filling("1.2", "true"), target(root))).toMatchObject({ outcome: "done", now: "1.2" });
    expect([readlinkSync(join(root, "versions/current")), await problemsOf(root)]).toEqual(["1.2", []]);
    expect(await rollback(target(root))).toMatchObject({ outcome: "done", now: "1.0" });
  });

  it("fault 22: a disk that is read-only, or that the kernel gives up, is said to be so, and the old release runs", async () => {
    await using disk = await mountDisk({ megabytes: 16 });
    const root = join(disk.path, "app");
    await deploy(version("1.0"), target(root));
    const made = version("1.1");
    await disk.readOnly(true);
    await expect(deploy(made, target(root))).rejects.toMatchObject({ code: "permission", message: expect.stringContaining("it is on a file system that is read-only") as string });
    expect(execFileSync(join(root, "versions/current/bin/hello"), { encoding: "utf8" })).toBe("hello 1.0\n");
    await disk.readOnly(false);
    await expectOldAndWell(root, made, "1.0");
    await disk.breakDown();
    expect(await deploy(version("1.2"), target(root))).toMatchObject({ outcome: "not-done", problem: { message: expect.stringMatching(/^(?:Read-only file system|Input\/output error): `/) as string } });
    expect(execFileSync(join(root, "versions/current/bin/hello"), { encoding: "utf8" })).toBe("hello 1.1\n");
  });

  it("fault 26: trees on another file system than releases are copied, and are as whole", async () => {
    await using disk = await mountDisk({ megabytes: 16 });
    const root = join(bench.directory, "app");
    mkdirSync(join(root, "trees"), { recursive: true });
    execFileSync("mount", ["--bind", disk.path, join(root, "trees")]);
    try {
      expect(await deploy(version("1.0"), target(root))).toMatchObject({ outcome: "done" });
      expect(await deploy(version("1.1"), target(root))).toMatchObject({ outcome: "done" });
      expect(execFileSync(join(root, "versions/current/bin/hello"), { encoding: "utf8" })).toBe("hello 1.1\n");
      expect(await rollback(target(root))).toMatchObject({ outcome: "done", now: "1.0" });
      expect(await problemsOf(root)).toEqual([]);
    } finally {
      execFileSync("umount", [join(root, "trees")]);
    }
  });
});
