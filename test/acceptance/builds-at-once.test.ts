import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, lstatSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { throwDice } from "../support/dice.ts";
import { lackingDisks, mountDisk } from "../support/disks.ts";
import { write } from "../support/forge.ts";
import { makeHome, project, type Home } from "../support/machine.ts";

/** What stands between two builds in one directory, and between one and the hand that ends it. SWEEP=all kills sixty. */
const all = process.env["SWEEP"] === "all";
const kills = all ? 60 : 3;
const dice = throwDice(Number(process.env["SEED"] ?? "1"));
const words = [join(project, "dist/bin/caisson.js"), "build", "--format", "tar.gz", "--format", "dir", "--format", "zip"];

let home: Home;
let work: string;
let wanted: Readonly<Record<string, string>>;
let duration: number;

beforeAll(async () => {
  home = makeHome();
  work = join(home.directory, "a place with ü");
  mkdirSync(work);
  write(work, {
    "caisson.toml": '[workspace]\nname = "two"\n\n[packages.web]\npath = "web"\n[packages.conf]\nkind = "files"\npath = "conf"\n',
    "web/pyproject.toml": '[build-system]\nrequires = ["flit_core>=3.9,<4"]\nbuild-backend = "flit_core.buildapi"\n\n[project]\nname = "web"\nversion = "1.0"\ndescription = "Web"\n',
    "web/web.py": '"""Web."""\n',
    "conf/VERSION": "1.0\n",
    ...Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`conf/${at}.ini`, `${"x".repeat(at * 500)}\n`])),
  });
  execFileSync("sh", ["-ec", "git init -q -b main && git add . && git commit -qm two"], { cwd: work, env: home.env });
  await run(home.env);
  const began = Date.now();
  await run(fresh());
  duration = Date.now() - began;
  wanted = digestsOf();
}, 300_000);
afterAll(() => home.remove());

/** A store and dist/ of its own, so that a build does all of its work. */
function fresh(): Readonly<Record<string, string>> {
  execFileSync("rm", ["-rf", join(work, "dist"), join(home.directory, "store")]);
  return { ...home.env, CAISSON_STORE: join(home.directory, "store") };
}

async function run(env: Readonly<Record<string, string>>, killAfter?: number): Promise<{ readonly status: number | null; readonly stderr: string }> {
  const child = spawn(process.execPath, words, { cwd: work, env, stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr.on("data", (chunk) => (stderr += String(chunk)));
  if (killAfter !== undefined) setTimeout(() => child.kill("SIGKILL"), killAfter);
  return await new Promise((resolve) => child.once("close", (status) => resolve({ status, stderr })));
}

/** All that people see in dist/: files by their digests, those of directories too. */
function digestsOf(): Readonly<Record<string, string>> {
  const dist = join(work, "dist");
  if (!existsSync(dist)) return {};
  const names = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((name) => !name.startsWith("."));
  return Object.fromEntries(names.toSorted().filter((name) => lstatSync(join(dist, name)).isFile()).map((name) => [name, createHash("sha256").update(readFileSync(join(dist, name))).digest("hex")]));
}

/** What stands in dist/ is whole: each file as it must be, and a directory with all of its files. */
function expectWhole(): void {
  const found = digestsOf();
  for (const [name, digest] of Object.entries(found)) expect({ name, digest }).toEqual({ name, digest: wanted[name] });
  for (const top of new Set(Object.keys(found).filter((name) => name.includes("/")).map((name) => name.split("/")[0] ?? ""))) {
    const below = (names: readonly string[]): readonly string[] => names.filter((name) => name.startsWith(`${top}/`));
    expect(below(Object.keys(found))).toEqual(below(Object.keys(wanted)));
  }
}

async function expectNext(env: Readonly<Record<string, string>>): Promise<void> {
  const { status, stderr } = await run(env);
  expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
  expect(digestsOf()).toEqual(wanted);
  expect(readdirSync(join(work, "dist")).filter((name) => name.startsWith("."))).toEqual([]);
}

describe("builds in one directory", () => {
  it("do not disturb each other: three at once give what one gives", async () => {
    const env = fresh();
    const results = await Promise.all([run(env), run(env), run(env)]);
    for (const { status, stderr } of results) expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
    expect(digestsOf()).toEqual(wanted);
    expect(readdirSync(join(work, "dist")).filter((name) => name.startsWith("."))).toEqual([]);
  });

  it(`leave nothing half-made when they are killed at any moment, and the next one makes the same`, { timeout: 3_000_000 }, async () => {
    for (let round = 0; round < kills; round++) {
      const env = fresh();
      // Every third is killed with another one beside it.
      const [, other] = await Promise.all([run(env, dice.number(Math.ceil(duration * 1.1))), ...(round % 3 === 2 ? [run(env)] : [])]);
      expect(other?.status ?? 0).toBe(0);
      expectWhole();
      await expectNext(env);
    }
  });

  it.skipIf(lackingDisks() !== undefined)("say that the disk is full, make nothing half, and go on when there is room (needs root and loop devices)", { timeout: 300_000 }, async () => {
    for (const left of all ? [0, 60_000, 200_000] : [60_000]) {
      await using disk = await mountDisk({ megabytes: 24 });
      execFileSync("rm", ["-rf", join(work, "dist")]);
      const env = { ...home.env, CAISSON_STORE: join(disk.path, "store") };
      await disk.fill(left);
      const { status, stderr } = await run(env);
      expect({ status, stderr }).toMatchObject({ status: 1, stderr: expect.stringMatching(/^error: no space left/m) as string });
      expect(stderr).not.toMatch(/bug:|\n\s+at /);
      expectWhole();
      await disk.release();
      await expectNext(env);
    }
  });

  it.skipIf(lackingDisks() !== undefined)("say so too where only dist/ has no room, and leave what stands there (needs root and loop devices)", { timeout: 300_000 }, async () => {
    await using disk = await mountDisk({ megabytes: 24 });
    const env = fresh();
    cpSync(work, join(disk.path, "work"), { recursive: true, filter: (path) => !path.endsWith("/dist") });
    const place = work;
    work = join(disk.path, "work");
    try {
      await disk.fill(30_000);
      const { status, stderr } = await run(env);
      expect({ status, stderr }).toMatchObject({ status: 1, stderr: expect.stringMatching(/^error: no space left/m) as string });
      expectWhole();
      await disk.release();
      await expectNext(env);
    } finally {
      work = place;
    }
  });
});
