import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Distribution } from "../../src/model/index.ts";
import { checkElf, platformFromFacts } from "../../src/python/index.ts";
import { askGlibcNeeds, download, glibcLists } from "../support/glibc-symbols.ts";
import { readWheelFile, realWheels, wheelNames } from "../support/real-wheels.ts";

const directory = realWheels() ?? "";
const lists = directory === "" ? undefined : glibcLists();

/** With C++ and without, Rust, libm, libraries of their own, the oldest and the newest tags; SWEEP=all takes all there are. */
const NAMES = process.env["SWEEP"] === "all" ? undefined : ["bcrypt", "cffi", "coverage", "editdistance", "greenlet", "markupsafe", "numpy", "psutil", "simplejson", "ujson"];

/** The oldest of these systems on which our gate lets a wheel pass. */
function oldestFit(distribution: Distribution, arch: "x86_64" | "aarch64"): string | undefined {
  return ["2.5", "2.12", "2.17", "2.24", "2.27", "2.28", "2.31", "2.34", "2.35", "2.36", "2.39"].find((version) => checkElf(distribution, platformFromFacts({ os: { id: "linux", release: "" }, arch, libc: { family: "glibc", version }, python: "3.11.0" }, "proven")).length === 0);
}

describe.skipIf(lists === undefined)("what the gate says of real wheels (needs the network once)", () => {
  it("wheels T9: is the newest glibc that pyelftools finds, whose symbols are all in that glibc by zig's lists, and the policy that auditwheel finds", async () => {
    const names = wheelNames(directory, NAMES).filter((name) => name.includes("_x86_64"));
    const theirs = askGlibcNeeds(lists ?? "", names.map((name) => join(directory, name)));
    const ours: Record<string, unknown> = {};
    for (const name of names) {
      const distribution = await readWheelFile(directory, name);
      ours[name] = { glibc: distribution.elf?.glibc, policy: `manylinux_${oldestFit(distribution, "x86_64")?.replace(".", "_")}` };
    }
    expect(ours).toEqual(Object.fromEntries(Object.entries(theirs).map(([name, { glibc, policy }]) => [name, { glibc: glibc.replace(/\.0$/, ""), policy }])));
    expect(Object.entries(theirs).flatMap(([name, { unknown }]) => unknown.map((symbol) => `${name}: ${symbol}`))).toEqual([]);
    expect(Object.values(theirs).reduce((sum, { symbols }) => sum + symbols, 0)).toBeGreaterThan(400);
  }, 240_000);

  it("wheels T9: is the same for aarch64, whose glibc begins with 2.17", async () => {
    const wheels = mkdtempSync(join(tmpdir(), "caisson-arm-"));
    try {
      download(wheels, ["markupsafe==3.0.3", "pyyaml==6.0.3", "psutil==7.1.0", "bcrypt==5.0.0"], ["--platform", "manylinux2014_aarch64", "--platform", "manylinux_2_28_aarch64", "--python-version", "3.11", "--abi", "cp311", "--abi", "abi3"]);
      const names = readdirSync(wheels);
      const theirs = askGlibcNeeds(lists ?? "", names.map((name) => join(wheels, name)));
      for (const name of names) {
        const distribution = await readWheelFile(wheels, name);
        expect([name, distribution.elf?.machines, distribution.elf?.glibc, theirs[name]?.unknown]).toEqual([name, ["aarch64"], theirs[name]?.glibc.replace(/\.0$/, ""), []]);
      }
    } finally {
      rmSync(wheels, { recursive: true, force: true });
    }
  }, 240_000);
});
