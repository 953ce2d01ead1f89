import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const all = Array.from({ length: 47 }, (_, at) => at + 1);

/** Rows of the fault matrix in the names of tests: one, some with commas, or the first and the last of many. */
function rowsIn(text: string): readonly number[] {
  return [...text.matchAll(/\bfaults? (\d+)(?: to (\d+))?(?:(?:, | and )(\d+))*/g)].flatMap(([whole, first = "0", last = first]) => {
    const named = [...whole.matchAll(/\d+/g)].map(([row]) => Number(row));
    return / to /.test(whole) ? [...named, ...Array.from({ length: Number(last) - Number(first) + 1 }, (_, at) => Number(first) + at)] : named;
  });
}

/** Rows by file, as `hosts/line.test.ts`. */
function rowsOfTests(): ReadonlyMap<string, ReadonlySet<number>> {
  const names = readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".test.ts") && !name.startsWith("architecture/"));
  return new Map(names.map((name) => [name, new Set(rowsIn(readFileSync(join(root, "test", name), "utf8")))]));
}

/** The lines of docs/reference/faults.md: `| 45 what | how | tests | promise |`, or `| 45 what | not tested: why |`. */
function linesOfPage(): readonly { readonly row: number; readonly tested: boolean; readonly files: readonly string[] }[] {
  const page = readFileSync(join(root, "docs/reference/faults.md"), "utf8");
  return [...page.matchAll(/^\| (\d+) [^|]+ \| (.+) \|$/gm)].map(([, row, rest = ""]) => ({
    row: Number(row),
    tested: !rest.startsWith("not tested: "),
    files: [...(rest.split(" | ")[1] ?? "").matchAll(/`([^`]+\.test\.ts)`/g)].map(([, file = ""]) => file),
  }));
}

it("gives every row of the fault matrix a test with its number, or a line in docs/reference/faults.md that says why not", () => {
  const tested = new Set([...rowsOfTests().values()].flatMap((rows) => [...rows]));
  const excused = linesOfPage().filter((line) => !line.tested).map(({ row }) => row);
  expect(all.filter((row) => !tested.has(row))).toEqual(excused);
  expect(all.length - excused.length).toBeGreaterThanOrEqual(40);
});

it("has a page about all rows in order, which names tests of each, and none that is not there", () => {
  const lines = linesOfPage();
  const tests = rowsOfTests();
  expect(lines.map(({ row }) => row)).toEqual(all);
  expect(lines.filter(({ tested, files }) => tested && files.length === 0)).toEqual([]);
  expect(lines.flatMap(({ row, files }) => files.filter((file) => tests.get(file)?.has(row) !== true).map((file) => `${file} has no test of fault ${row}`))).toEqual([]);
});
