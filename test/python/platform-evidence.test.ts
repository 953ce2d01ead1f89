import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Platform } from "../../src/model/index.ts";
import { compareDotted, needsInterpreterTree, platformPresets, platformSource } from "../../src/python/index.ts";

/** What `scripts/platforms.mjs` saw on real roots. */
interface Seen {
  /** `glibc 2.36` */
  readonly libc: string;
  readonly probed: string | { readonly os: Platform["os"]; readonly python: string; readonly tags: string };
  /** By platform: how an install of a bundle for it, and a start of what it installed, ended there. */
  readonly ran: Readonly<Record<string, { readonly status: number; readonly said: string }>>;
}

const root = join(import.meta.dirname, "../..");
const record = JSON.parse(readFileSync(join(root, "test/python/samples/platforms.json"), "utf8")) as Record<string, Seen>;

it("says of no platform that it ran where no bundle was seen to run on a root of it, whose own words are the preset's", () => {
  const presets = platformPresets();
  expect(presets.filter(({ evidence }) => evidence === "ran").map(({ label }) => label).toSorted()).toEqual(Object.keys(record).filter((label) => record[label]?.ran[label]?.status === 0).toSorted());
  for (const { label, os, libc, python, tags } of presets.filter(({ evidence }) => evidence === "ran")) {
    const seen = record[label];
    expect([label, seen?.libc, seen?.probed]).toEqual([label, `glibc ${libc.version}`, { os, python: expect.stringMatching(new RegExp(`^${python.version.replace(".", "\\.")}\\.`)) as string, tags: createHash("sha256").update(tags.join("\n")).digest("hex") }]);
    // The first patch release that came with it: what fits that fits every later one.
    expect(compareDotted(typeof seen?.probed === "object" ? seen.probed.python : "0", python.full ?? "")).toBeGreaterThanOrEqual(0);
  }
});

it("was seen to run what brings its Python on a system that is older than any Python of ours, and to refuse what is too new", () => {
  expect(record["ubuntu-1604"]).toMatchObject({ libc: "glibc 2.23", ran: { "centos-7": { status: 0, said: expect.stringMatching(/^hello 3\.8\./) as string }, "debian-8": { status: 0 }, "!debian-9": { status: 1, said: expect.stringContaining("is for debian-9 (glibc 2.24 or newer), and this machine has glibc 2.23") as string } } });
  expect(record["debian-12"]?.ran["!debian-13"]).toMatchObject({ status: 1 });
});

it("tells in docs/platforms.md what the presets say", () => {
  const rows = platformPresets().filter(({ arch }) => arch === "x86_64").map((platform) => {
    const arm = platformPresets().find(({ label }) => label === `${platform.label}-arm64`);
    const python = needsInterpreterTree(platform) ? `${platform.python.version}, brought along` : `${platform.python.version}, its own`;
    return `| \`${platform.label}\` | ${platform.libc.family} ${platform.libc.version} | ${python} | ${platform.evidence} | ${arm?.evidence ?? ""} | ${platformSource(platform) ?? ""} |`;
  });
  const page = readFileSync(join(root, "docs/platforms.md"), "utf8").split("\n").filter((line) => line.startsWith("| `"));
  expect(page).toEqual(rows);
});
