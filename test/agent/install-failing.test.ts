import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { lackingDisks, mountDisk } from "../support/disks.ts";
import { makeCallKiller, type CallKiller, type Victim } from "../support/kill-at-call.ts";
import { spread } from "../support/sweep-calls.ts";
import { installWith, makeInstallGround } from "./install-ground.ts";

const { directory, makeBundle, remove } = makeInstallGround();
afterAll(remove);

/** Bundles to which something has happened, and what install.sh says of it. */
const broken: readonly (readonly [string, (bundle: string) => void, RegExp])[] = [
  ["a payload cut short", (bundle) => truncateSync(join(bundle, "data/payload.json"), 100), /^Error: `data\/payload\.json` is damaged$/m],
  ["a tree's document altered", (bundle) => execFileSync("sh", ["-c", 'for file in data/trees/*; do sed -i s/hello/jello/ "$file"; done'], { cwd: bundle }), /^Error: Installing hello-1\.0 failed: the document of tree `sha256:\w+` describes another tree$/m],
  ["a tree's document cut short", (bundle) => readdirSync(join(bundle, "data/trees")).forEach((name) => truncateSync(join(bundle, "data/trees", name), 100)), /^Error: Installing hello-1\.0 failed: the document of tree `sha256:\w+` is damaged$/m],
  ["a wheel cut short", (bundle) => truncateSync(join(bundle, "data/wheels/hello-1.0-py3-none-any.whl"), 60), /^Error: Installing hello-1\.0 failed: a wheel is not a zip file$/m],
  ["a directory in a wheel's place", (bundle) => execFileSync("sh", ["-c", 'rm data/wheels/*; mkdir data/wheels/hello-1.0-py3-none-any.whl'], { cwd: bundle }), /^Error: Installing hello-1\.0 failed: the blob `sha256:\w+` is not here$/m],
];

it.each(broken)("row P6: leaves nothing, not even directories above DST: %s", (name, harm, said) => {
  const bundle = makeBundle(name);
  harm(bundle);
  const before = readdirSync(directory);
  const { status, stderr } = installWith([], bundle, [join(directory, "above", "it", "env")]);
  expect(status).not.toBe(0);
  expect(stderr).toMatch(said);
  expect(stderr.split("Error: ").length).toBeLessThanOrEqual(2);
  expect(readdirSync(directory)).toEqual(before);
});

it("row P6: leaves nothing where data may not be read, or DST's directory not be written", () => {
  const bundle = makeBundle("unreadable");
  const place = join(directory, "closed");
  mkdirSync(place, { mode: 0o555 });
  // Whom no mode keeps from anything plays somebody else.
  const plain = process.getuid?.() === 0 ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh"] : ["sh"];
  execFileSync("chmod", ["755", directory]);
  expect(installWith(plain, bundle, [join(place, "env")])).toMatchObject({ status: 1, stderr: expect.stringMatching(/^Error: Setting up virtualenv failed: Permission denied: `.*closed\/\.new-env-\w+`$/m) as string });
  execFileSync("chmod", ["777", place]);
  execFileSync("chmod", ["000", join(bundle, "data/wheels/hello-1.0-py3-none-any.whl")]);
  expect(installWith(plain, bundle, [join(place, "env")])).toMatchObject({ status: 1, stderr: expect.stringMatching(/^Error: Installing hello-1\.0 failed: Permission denied: `.*\.whl`$/m) as string });
  expect(readdirSync(place)).toEqual([]);
});

const noDisks = lackingDisks();

it.skipIf(noDisks !== undefined)("row P6: leaves nothing on a full disk, wherever it fills up (needs root, mkfs.ext4 and loop devices)", async () => {
  await using disk = await mountDisk({ megabytes: 8 });
  const bundle = makeBundle("full");
  for (const left of [0, 12_288]) {
    await disk.fill(left);
    const { status, stderr } = installWith([], bundle, [join(disk.path, "env")]);
    expect({ left, status, stderr }).toEqual({ left, status: 1, stderr: expect.stringMatching(/^Error: [A-Z][^:]* failed: No space left on device/) as string });
    expect(readdirSync(disk.path).filter((name) => !name.startsWith(".filler"))).toEqual([]);
    await disk.release();
  }
  await disk.fillInodes(2);
  expect(installWith([], bundle, [join(disk.path, "env")])).toMatchObject({ status: 1, stderr: expect.stringContaining("No space left on device") as string });
  await disk.release();
  expect(readdirSync(disk.path)).toEqual([]);
  expect(installWith([], bundle, [disk.path])).toMatchObject({ status: 1, stdout: "", stderr: `Error: \`${disk.path}\` is a mount point, which nothing can take the place of; name a directory in it\n` });
  expect(installWith([], bundle, [join(disk.path, "env")]).status).toBe(0);
});

/** Install with a killer at work, and say how that ended. */
function interrupted(killer: CallKiller, bundle: string, target: string, at: number, victim: Victim): { readonly status: number; readonly calls: number } {
  const env = killer.env(at, victim);
  const { status, signal } = spawnSync(join(bundle, "install.sh"), ["-p", "python3", target], { cwd: "/", env: { ...process.env, ...env }, encoding: "utf8" });
  return { status: status ?? (signal === "SIGKILL" ? 137 : 1), calls: killer.counted(env) ?? 0 };
}

/** What stands at DST is a whole environment. */
function isWhole(target: string): boolean {
  return existsSync(target) && spawnSync(join(target, "bin/hello"), { encoding: "utf8" }).stdout === `hello ${target}\n`;
}

it("row P6: has all or nothing at DST when it is killed at any call, and the next install clears away what that left", { timeout: 240_000 }, () => {
  const killer = makeCallKiller(directory);
  const bundle = makeBundle("killed");
  const { calls } = interrupted(killer, bundle, join(directory, "whole", "env"), 0, "nobody");
  expect(calls).toBeGreaterThan(30);
  for (const at of spread(calls, 6)) {
    const target = join(directory, `killed at ${at}`, "env");
    interrupted(killer, bundle, target, at, "agent");
    expect({ at, there: existsSync(target) }).toEqual({ at, there: isWhole(target) });
    rmSync(target, { recursive: true, force: true });
    expect(installWith([], bundle, [target]).status).toBe(0);
    expect({ at, left: readdirSync(dirname(target)) }).toEqual({ at, left: ["env"] });
  }
});

it("row P6: leaves nothing when it is asked to end at any call, or is whole and says so", { timeout: 240_000 }, () => {
  const killer = makeCallKiller(directory);
  const bundle = makeBundle("asked");
  const { calls } = interrupted(killer, bundle, join(directory, "all", "env"), 0, "nobody");
  for (const at of spread(calls, 6)) {
    const target = join(directory, `asked at ${at}`, "env");
    const { status } = interrupted(killer, bundle, target, at, "asked");
    expect({ at, whole: isWhole(target), left: existsSync(dirname(target)) }).toEqual({ at, whole: status === 0, left: status === 0 });
  }
});

it("leaves alone what another install is making beside it, and whatever else has such a name", () => {
  const bundle = makeBundle("neighbours");
  const place = join(directory, "neighbours of env");
  const busy = join(place, ".new-env-0123456789ab");
  mkdirSync(busy, { recursive: true });
  writeFileSync(join(place, ".new-env-notes"), "mine");
  const script = 'exec 9<"$1"; flock 9; shift; exec "$@"';
  expect(spawnSync("sh", ["-c", script, "sh", busy, join(bundle, "install.sh"), join(place, "env")], { encoding: "utf8" })).toMatchObject({ status: 0 });
  expect(readdirSync(place).toSorted()).toEqual([".new-env-0123456789ab", ".new-env-notes", "env"]);
});

it("a second time is refused, and what stands there stays as it is", () => {
  const bundle = makeBundle("twice");
  const target = join(directory, "twice env");
  expect(installWith([], bundle, [target]).status).toBe(0);
  const before = statSync(target).mtimeMs;
  expect(installWith([], bundle, [target])).toMatchObject({ status: 1, stdout: "", stderr: `Error: \`${target}\` is there already and not an empty directory\n` });
  expect(statSync(target).mtimeMs).toBe(before);
  expect(execFileSync(join(target, "bin/hello"), { encoding: "utf8" })).toBe(`hello ${target}\n`);
});

it("goes on when nobody reads what it prints, or hears it at all, and through a link to an empty directory", () => {
  const bundle = makeBundle("unheard");
  mkdirSync(join(directory, "empty"));
  symlinkSync("empty", join(directory, "link"));
  const run = (how: string, target: string): number | null => spawnSync("bash", ["-c", `set -o pipefail; "$0" "$1" ${how}`, join(bundle, "install.sh"), target], { encoding: "utf8" }).status;
  expect(run("| true", join(directory, "unheard 1"))).toBe(0);
  expect(run(">&- 2>&- <&-", join(directory, "unheard 2"))).toBe(0);
  expect(run("", join(directory, "link"))).toBe(0);
  for (const target of ["unheard 1", "unheard 2", "empty"]) expect(execFileSync(join(directory, target, "bin/hello"), { encoding: "utf8" })).toBe(`hello ${join(directory, target)}\n`);
});
