import { describe, expect, it } from "vitest";
import { mayGoAhead, partAtBarrier, type Staging } from "../../src/deploy/apply/barrier.ts";
import { foldNames } from "../../src/deploy/observe/fold.ts";
import { groupProblems } from "../../src/deploy/observe/group-problems.ts";
import type { Step } from "../../src/model/index.ts";
import { blob, digest, label, packageName } from "./samples.ts";

it.each<readonly [readonly string[], string]>([
  [["h1"], "h1"],
  [["web02", "web01", "web03"], "web[01-03]"],
  [["web9", "web10", "web11"], "web[9-11]"],
  [["web09", "web10"], "web[09-10]"],
  [["web9", "web010"], "web9, web010"],
  [["h1", "h3", "db"], "db, h1, h3"],
  [["h1.example.com", "h2.example.com", "h3.example.org"], "h[1-2].example.com, h3.example.org"],
  [["local:h1", "local:h2"], "local:h[1-2]"],
  [[], ""],
])("writes the names %j as %s", (names, text) => {
  expect(foldNames(names)).toBe(text);
});

describe("problems of several hosts", () => {
  it("are told by their cause, each once, with the hosts that have it", () => {
    const full = { code: "disk-full", message: "No space left on device: `/srv/shop/trees`" } as const;
    const found = [...["web1", "web2", "web3"].map((host) => ({ host, problem: full })), { host: "db", problem: { code: "permission", message: "Permission denied" } as const }];
    expect(groupProblems(found, "always").map(({ problem }) => problem.message)).toEqual(["web[1-3]: No space left on device: `/srv/shop/trees`", "db: Permission denied"]);
  });

  it("are the same where they differ in the host's name only", () => {
    const found = ["h1", "h2", "h11"].map((host) => ({ host, problem: { code: "host-unreachable", message: `cannot reach \`${host}\`: Connection refused` } as const }));
    expect(groupProblems(found, "unnamed").map(({ problem }) => problem.message)).toEqual(["cannot reach `h[1-2], h11`: Connection refused"]);
  });
});

describe("the barrier", () => {
  const activate: Step = { step: "activate", release: label("2"), saw: null, undoAfter: 20, service: { kind: "none" } };

  it("parts what changes nothing that runs from what may", () => {
    const staging: readonly Step[] = [{ step: "receive", blob: blob("a", 1) }, { step: "stage", release: label("2"), stack: { name: packageName("hello"), digest: digest("f") }, payloads: [] }];
    const switching: readonly Step[] = [activate, { step: "confirm", release: label("2") }];
    expect(partAtBarrier([...staging, ...switching])).toMatchObject({ staging, switching });
    expect(partAtBarrier(switching)).toMatchObject({ staging: [], switching });
    expect(partAtBarrier([{ step: "prune", keep: 1 }])).toMatchObject({ staging: [{ step: "prune" }], switching: [] });
  });

  const slow: Staging = { staged: 9, failed: 0, underWay: 1, waiting: 0, elapsed: 31, slowest: 10 };

  it.each<readonly [string, Partial<Staging>, number, boolean]>([
    ["goes on without a slow host that the policy could lose", {}, 1, true],
    ["waits for one that it could not lose", {}, 0, false],
    ["counts those that have failed already", { failed: 1 }, 1, false],
    ["waits while it is not slow for its kind", { elapsed: 29 }, 1, false],
    ["waits for ten seconds at least", { elapsed: 9, slowest: 0.1 }, 1, false],
    ["waits while others have not begun", { waiting: 1 }, 1, false],
    ["waits while nobody is ready", { staged: 0 }, 1, false],
  ])("row P13: %s", (_, change, maxFailed, ahead) => {
    expect(mayGoAhead({ ...slow, ...change }, maxFailed)).toBe(ahead);
  });
});
