import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createMeter } from "../../src/cli/rate.ts";
import { serveIndex, type IndexServer } from "../build/index-server.ts";
import { makeWheel } from "../python/made-wheel.ts";
import { makeHome, project, type Home } from "../support/machine.ts";

/** Four megabytes that do not compress. */
const noise = Buffer.alloc(4_000_000);
for (let at = 0; at < noise.length; at += 32) createHash("sha256").update(String(at)).digest().copy(noise, at);

const { fileName, bytes } = makeWheel({ files: { "demo/noise.bin": noise } });
const sha256 = createHash("sha256").update(bytes).digest("hex");

let home: Home;
let work: string;
let server: IndexServer;
beforeEach(async () => {
  home = makeHome();
  work = join(home.directory, "work");
  mkdirSync(work);
  server = await serveIndex([{ name: "demo", fileName, bytes, sha256 }]);
  server.mischief.set(fileName, ["hold"]);
  writeFileSync(join(work, "requirements.txt"), "demo\n");
  writeFileSync(join(work, "pylock.toml"), `lock-version = "1.0"\ncreated-by = "test"\n\n[[packages]]\nname = "demo"\nversion = "1.0"\n\n[[packages.wheels]]\nname = "${fileName}"\nurl = "${server.url.replace(/simple$/, "files")}/${fileName}"\nsize = ${bytes.length}\nhashes = { sha256 = "${sha256}" }\n`);
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  home.remove();
});

interface Watched {
  readonly child: ReturnType<typeof spawn>;
  /** Wait until all that was shown matches. */
  readonly shows: (pattern: RegExp) => Promise<string>;
  readonly ended: Promise<{ readonly status: number | null; readonly shown: string }>;
}

function nobodyLooks(): void {}

/** Run words, and watch what a person would see. */
function watch(...[program = "", ...words]: readonly string[]): Watched {
  const child = spawn(program, words, { cwd: work, env: home.env, stdio: ["pipe", "pipe", "pipe"] });
  let shown = "";
  let look: () => void = nobodyLooks;
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => ((shown += String(chunk)), look()));
  const ended = new Promise<{ readonly status: number | null; readonly shown: string }>((resolve) => child.once("close", (status) => resolve({ status, shown })));
  const shows = async (pattern: RegExp): Promise<string> =>
    await new Promise((resolve, reject) => {
      look = () => (pattern.test(shown) ? resolve(shown) : undefined);
      void ended.then(({ status }) => reject(new Error(`it ended with ${status} and showed ${shown}`)));
      look();
    });
  return { child, shows, ended };
}

const terminal = ["python3", join(project, "test/support/in-terminal.py")];

describe("progress", () => {
  it("has one line for a step that takes long where nobody looks on: bytes, of how many, and how fast", async () => {
    const { shows, ended } = watch("caisson", "build");
    await shows(/ {2}fetch 1 file 2\.0 MB of 4\.0 MB, \d+(?:\.\d)? [kM]?B\/s\n/);
    server.release();
    const { status, shown } = await ended;
    expect(status, shown).toBe(0);
    expect(shown.match(/fetch 1 file/g)).toHaveLength(1);
    expect(shown).not.toContain("\u001b");
  });

  it("has a live line in a terminal, which is gone when the work is done", async () => {
    const { shows, ended } = watch(...terminal, "caisson", "build");
    expect(await shows(/fetch 1 file 2\.0 MB of 4\.0 MB, \d+(?:\.\d)? [kM]?B\/s/)).toContain("\r\u001b[J  fetch 1 file");
    server.release();
    const { status, shown } = await ended;
    expect(status, shown).toBe(0);
    const left = shown.slice(shown.lastIndexOf("\u001b[J") + 3);
    expect(left).toMatch(/^(?:dist\/work-\S+\.tar\.gz\r\n)?sha256 [0-9a-f]{64}\r\n$/);
  });

  it("ends with Ctrl-C in a terminal, says so once, and leaves nothing half-made", async () => {
    const { child, shows, ended } = watch(...terminal, "caisson", "build");
    await shows(/fetch 1 file 2\.0 MB of 4\.0 MB/);
    child.stdin?.write("\u0003");
    const { status, shown } = await ended;
    expect(status, shown).toBe(1);
    expect(shown.match(/error:/g)).toHaveLength(1);
    expect(shown).toMatch(/stopped on request\r\n$/);
    expect(existsSync(join(work, "dist"))).toBe(false);
    const store = join(home.directory, ".local/share/caisson/store");
    expect([...readdirSync(join(store, "tmp")), ...readdirSync(join(store, "blobs/sha256"))]).toEqual([]);
    expect(readdirSync(join(home.directory, "tmp"))).toEqual([]);
    expect(await watch("caisson", "build").ended).toMatchObject({ status: 0 });
  });
});

describe("a rate", () => {
  it("is the mean of the last seconds, falls to nothing when nothing comes, and is unknown at first", () => {
    const meter = createMeter(0);
    meter.note(100, 500);
    expect(meter.rate(900)).toBeUndefined();
    for (let second = 1; second <= 20; second++) meter.note(1000 * second, 1000 * second);
    expect(meter.rate(20_000)).toBe(1000);
    for (let second = 21; second <= 40; second++) meter.note(20_000 + 50 * (second - 20), 1000 * second);
    expect(meter.rate(40_000)).toBe(50);
    expect(meter.rate(60_000)).toBe(0);
  });

  it("is never less than nothing, also when bytes came in vain", () => {
    const meter = createMeter(0);
    meter.note(5000, 1000);
    meter.note(0, 2000);
    expect(meter.rate(3000)).toBe(0);
  });
});
