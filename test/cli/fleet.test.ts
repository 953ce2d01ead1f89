import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { watchFleet } from "../../src/cli/fleet.ts";
import { foldRows } from "../../src/cli/host-lines.ts";
import * as library from "../../src/index.ts";
import { makeHome } from "../support/machine.ts";

const policy = { canary: 1, maxParallel: 4, maxFailed: 2, minHealthy: 0, healthyDeadline: 60 };

function rollout(count: number): library.Event & { readonly type: "rollout" } {
  return { type: "rollout", action: "deploy", ref: "shop@124", target: "prod", hosts: Array.from({ length: count }, (_, at) => `web${String(at + 1).padStart(2, "0")}`), policy };
}

describe("a rollout in a terminal", () => {
  it("row P13: has a line for each host while they fit: where it stands, since when, and what was sent", () => {
    const fleet = watchFleet(rollout(3), 0, library);
    fleet.follow({ type: "step", host: "web01", step: "receive", result: "done", bytes: 1_900_000 }, 0);
    fleet.follow({ type: "step", host: "web02", step: "stage", result: "done" }, 1000);
    fleet.follow({ type: "step", host: "web03", step: "check", result: "begun" }, 1000);
    expect(fleet.title).toBe("deploy shop@124 -> prod");
    expect(fleet.lines(4000, 10)).toEqual(["web01  staging  1.9 MB  4 s", "web02  staged", "web03  checking  3 s"]);
  });

  it("row P13: has a line for each standing where they do not, with counts, and the failed and the slowest by name", () => {
    const fleet = watchFleet(rollout(40), 0, library);
    for (let at = 1; at <= 40; at++) fleet.follow({ type: "step", host: `web${String(at).padStart(2, "0")}`, step: at < 36 ? "stage" : "receive", result: "done" }, at === 40 ? 0 : 6000);
    for (const host of ["web01", "web02", "web03"]) fleet.follow({ type: "host", host, outcome: "done" }, 6000);
    fleet.follow({ type: "host", host: "web17", outcome: "undone", problem: { code: "unhealthy", message: "503" } }, 6500);
    expect(fleet.lines(10_000, 20)).toEqual(["undone     1  web17", "done       3", "staged    31", "staging    5  slowest: web40 10 s"]);
    expect(fleet.summary).toBe("1 undone (web17), 3 done, 31 staged, 5 staging");
  });

  it("folds the result's rows that say the same, in a terminal that cannot show them all, and nowhere else", () => {
    const found = Array.from({ length: 40 }, (_, at) => [`web${String(at + 1).padStart(2, "0")}`, "shop@124", at === 16 ? "undone" : "active"]);
    expect(foldRows({ library, rows: 24 }, found)).toEqual([["web[01-16], web[18-40]", "shop@124", "active", "39 hosts"], ["web17", "shop@124", "undone"]]);
    expect(foldRows({ library, rows: 50 }, found)).toEqual(found);
    expect(foldRows({ library }, found)).toEqual(found);
  });

  it("row P13: names every host on stdout where nobody looks on, also in a plan those out of reach, in plain words, and how many of how many on stderr", () => {
    const home = makeHome();
    try {
      const work = join(home.directory, "work");
      mkdirSync(join(work, "config"), { recursive: true });
      const names = Array.from({ length: 10 }, (_, at) => `local:h${at + 1}`);
      writeFileSync(join(work, "caisson.toml"), `[workspace]\nname = "hello"\n[packages.hello]\nkind = "files"\npath = "config"\n[targets.production]\nhosts = ${JSON.stringify(names)}\nrollout = { max_failed = 2 }\n`);
      writeFileSync(join(work, "config/VERSION"), "1.0\n");
      for (const broken of ["h3", "h4"]) writeFileSync(join(work, broken), "no directory");
      const run = (...words: readonly string[]): ReturnType<typeof spawnSync> => spawnSync("caisson", words, { cwd: work, env: home.env, encoding: "utf8" });
      run("build");
      const planned = run("deploy", "--to", "production", "--plan");
      expect(String(planned.stdout).split("\n").slice(0, 1)).toEqual(["plan hello@1.0 -> production, 8 hosts"]);
      expect(String(planned.stdout)).toContain("local:h3  out of reach\nlocal:h4  out of reach\n");
      const { status, stdout, stderr } = run("deploy", "--to", "production");
      expect(status).toBe(4);
      expect(String(stdout).split("\n").filter((line) => line !== "").map((line) => line.replaceAll(/ +/g, " "))).toEqual(names.map((name) => (/h[34]$/.test(name) ? `${name} hello@1.0 not-done` : `${name} hello@1.0 active (was: none)`)));
      expect(String(stderr)).toContain(`local:h3: \`${work}/h3\` is not a directory; move it away, or choose another root\n`);
      expect(String(stderr)).toMatch(/^ {2}10 hosts: 8 done, 2 not-done \(local:h\[3-4\]\); .+ sent, .+ not sent; \d+\.\d s$/m);
      expect(String(stderr)).toContain("hint: the rest again: caisson deploy hello@1.0 --to production --retry\n");
      expect(`${String(stdout)}${String(stderr)}`).not.toContain("\u001b");
    } finally {
      home.remove();
    }
  });
});
