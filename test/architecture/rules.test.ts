import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { hostileWheels } from "../python/hostile-wheels.ts";

const root = join(import.meta.dirname, "../..");
const texts = readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".test.ts")).map((name) => readFileSync(join(root, "test", name), "utf8"));

it("gives every rule about locks, archives and wheels a test with its name, or a line in docs/reference/rules.md", () => {
  const rules = Object.entries({ P: 19, Z: 15, W: 28, T: 11 }).flatMap(([letter, count]) => Array.from({ length: count }, (_, at) => `${letter}${at + 1}`));
  const excused = [...readFileSync(join(root, "docs/reference/rules.md"), "utf8").matchAll(/^\| `(?<rule>[PZWT]\d+)`/gm)].map((found) => found.groups?.["rule"] ?? "");
  const hostile = new Set(hostileWheels.map(({ rule }) => rule));
  const named = (rule: string): boolean => hostile.has(rule) || texts.some((text) => new RegExp(`wheels [^"\`]*\\b${rule}\\b|["\`']${rule}["\`':]`).test(text));
  expect(rules.filter((rule) => !named(rule)).toSorted()).toEqual(excused.toSorted());
});
