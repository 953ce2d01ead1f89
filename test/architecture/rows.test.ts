import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "..");

/** What users of the older systems are promised of building, by the numbers of those promises. */
const building = ["P1", "P3", "P4", "P5", "P6", "P7", "P8", "P14", "P15", "P16", "P17", "P18", "W1", "W2", "W9", "N1", "N2", "N11", "N12"];

/** Rows in the names of tests: `row P4: ...`, `rows P9, P11: ...`, `... (rows P1, P3 to P7)`. */
function rowsIn(text: string): readonly string[] {
  const names = [...text.matchAll(/\b(?:it|test|describe)\b[^\n"'`]*(["'`])(?<name>(?:(?!\1)[^\n\\]|\\.)*)\1/g)].map(({ groups }) => groups?.["name"] ?? "");
  return names.flatMap((name) => [...name.matchAll(/\brows? ((?:[A-Z]\d+(?:, | and | to )?)+)/g)]).flatMap(([, list = ""]) =>
    [...list.matchAll(/([A-Z])(\d+)(?: to \1(\d+))?/g)].flatMap(([, letter = "", first = "0", last = first]) => Array.from({ length: Number(last) - Number(first) + 1 }, (_, at) => `${letter}${Number(first) + at}`)),
  );
}

it("gives every row about building a test with its number in its name", () => {
  const texts = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".test.ts") && !name.startsWith("architecture/")).map((name) => readFileSync(join(root, name), "utf8"));
  const tested = new Set(texts.flatMap(rowsIn));
  expect(building.filter((row) => !tested.has(row))).toEqual([]);
});
