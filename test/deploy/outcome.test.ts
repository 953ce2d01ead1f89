import { expect, it } from "vitest";
import { exitStatus } from "../../src/deploy/apply/outcome.ts";
import { printSize } from "../../src/deploy/plan/size.ts";
import type { HostOutcome } from "../../src/model/index.ts";

it.each<readonly [readonly HostOutcome[], number]>([
  [[], 0],
  [["done"], 0],
  [["unchanged"], 0],
  [["done", "unchanged"], 0],
  [["not-done"], 1],
  [["not-done", "not-done"], 1],
  [["undone"], 3],
  [["undone", "not-done"], 3],
  [["done", "not-done"], 4],
  [["done", "undone"], 4],
  [["unchanged", "undone", "not-done"], 4],
  [["partly-done"], 4],
  [["partly-done", "not-done"], 4],
  [["partly-done", "unknown"], 5],
  [["unknown"], 5],
  [["done", "unknown"], 5],
  [["undone", "not-done", "unknown"], 5],
])("gives the hosts' outcomes %j the exit status %i", (outcomes, status) => {
  expect(exitStatus(outcomes)).toBe(status);
});

it.each([[0, "0 B"], [999, "999 B"], [1000, "1.0 kB"], [1949, "1.9 kB"], [9949, "9.9 kB"], [9951, "10 kB"], [999_499, "999 kB"], [999_500, "1.0 MB"], [194_000_000, "194 MB"], [6_100_000_000, "6.1 GB"], [5e12, "5000 GB"]])("writes %i bytes as %s", (bytes, text) => {
  expect(printSize(bytes)).toBe(text);
});
