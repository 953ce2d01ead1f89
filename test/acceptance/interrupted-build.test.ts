import { execFileSync, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeHome, project, type Home } from "../support/machine.ts";

let home: Home;
let shop: string;
let wanted: Readonly<Record<string, string>>;
let duration: number;

beforeAll(() => {
  home = makeHome();
  shop = join(home.directory, "shop");
  cpSync(join(project, "examples/shop"), shop, { recursive: true });
  execFileSync("sh", ["-ec", "git init -q -b main && git add . && git commit -qm shop && caisson lock 2>/dev/null >&2 && git add . && git commit -qm locked"], { cwd: shop, env: home.env });
  const began = Date.now();
  execFileSync("caisson", ["build"], { cwd: shop, env: home.env, stdio: "ignore" });
  duration = Date.now() - began;
  wanted = bundles();
}, 120_000);
afterAll(() => home.remove());

function bundles(): Readonly<Record<string, string>> {
  const dist = join(shop, "dist");
  if (!existsSync(dist)) return {};
  return Object.fromEntries(readdirSync(dist).filter((name) => name.endsWith(".tar.gz")).map((name) => [name, createHash("sha256").update(readFileSync(join(dist, name))).digest("hex")]));
}

/** A store and dist/ of its own, so that each build does all of its work. */
function fresh(): Readonly<Record<string, string>> {
  execFileSync("rm", ["-rf", join(shop, "dist"), join(home.directory, "store")]);
  return { ...home.env, CAISSON_STORE: join(home.directory, "store") };
}

/** Start a build and send a signal to it after so many milliseconds. */
async function interrupt(env: Readonly<Record<string, string>>, signal: NodeJS.Signals, after: number): Promise<{ readonly status: number | null; readonly stderr: string }> {
  const child = spawn(process.execPath, [join(project, "dist/bin/caisson.js"), "build"], { cwd: shop, env, stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr.on("data", (chunk) => (stderr += String(chunk)));
  setTimeout(() => child.kill(signal), after);
  const status = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { status, stderr };
}

/** What is in dist/ is whole, what is in the store is right, and the same command again makes everything. */
function expectSound(env: Readonly<Record<string, string>>): void {
  for (const [name, digest] of Object.entries(bundles())) expect({ name, digest }).toEqual({ name, digest: wanted[name] });
  const verified = spawnSync("caisson", ["store", "verify"], { cwd: shop, env, encoding: "utf8" });
  expect({ status: verified.status, stderr: verified.stderr }).toMatchObject({ status: 0 });
  const again = spawnSync("caisson", ["build"], { cwd: shop, env, encoding: "utf8" });
  expect({ status: again.status, stderr: again.status === 0 ? "" : again.stderr }).toEqual({ status: 0, stderr: "" });
  expect(bundles()).toEqual(wanted);
  expect(readdirSync(join(shop, "dist")).filter((name) => name.startsWith("."))).toEqual([]);
}

describe("a build that is interrupted", () => {
  it.each([0.1, 0.3, 0.5, 0.7, 0.9])("by kill -9 after %d of its time leaves nothing half-made, and the next one works", async (share) => {
    const env = fresh();
    await interrupt(env, "SIGKILL", duration * share);
    expectSound(env);
  });

  it.each([0.2, 0.5, 0.8])("by Ctrl-C after %d of its time says so and ends with 1", async (share) => {
    const env = fresh();
    const { status, stderr } = await interrupt(env, "SIGINT", duration * share);
    // A build that was quicker this time ended well.
    expect([0, 1]).toContain(status);
    expect(status === 0 ? "error: stopped on request" : stderr).toMatch(/^error: stopped on request/m);
    expect(stderr).not.toMatch(/bug:|\n\s+at /);
    expectSound(env);
  });

  it.skipIf(process.getuid?.() !== 0)("by a full disk says so, and goes on when there is room (needs root for a small file system)", () => {
    const disk = join(home.directory, "small");
    mkdirSync(disk);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=600k", "tmpfs", disk]);
    try {
      execFileSync("rm", ["-rf", join(shop, "dist")]);
      const env = { ...home.env, CAISSON_STORE: join(disk, "store") };
      const full = spawnSync("caisson", ["build"], { cwd: shop, env, encoding: "utf8" });
      expect({ status: full.status, stderr: full.stderr }).toMatchObject({ status: 1, stderr: expect.stringMatching(/^error: no space left/m) });
      expect(bundles()).toEqual({});
      execFileSync("mount", ["-o", "remount,size=200m", disk]);
      expectSound(env);
    } finally {
      execFileSync("umount", [disk]);
    }
  });
});
