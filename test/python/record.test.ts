import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { expect, it } from "vitest";
import { compareBytewise } from "../../src/model/index.ts";
import { parseEntryPoints } from "../../src/python/wheel/entry-points.ts";
import { parseRecord, printRecord, type RecordRow } from "../../src/python/wheel/record.ts";

function python(program: string, questions: unknown): unknown {
  return JSON.parse(execFileSync("python3", ["-I", "-c", `import json, sys\nquestions = json.load(sys.stdin)\nanswers = []\n${program}\njson.dump(answers, sys.stdout)`], { input: JSON.stringify(questions), encoding: "utf8", maxBuffer: 1 << 28 }));
}

const name = fc.stringMatching(/^[a-z0-9",' _é+-]{1,10}$/).filter((text) => text.trim() === text);
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((steps) => steps.join("/"));
const row = fc.record({ path, hash: fc.option(fc.constantFrom("sha256=abc_-0", "sha512=xyz"), { nil: undefined }), size: fc.option(fc.nat(), { nil: undefined }) });
const samples = fc.sample(fc.uniqueArray(row, { selector: (each) => each.path, maxLength: 6 }), { numRuns: 300, seed: 376 });

function asRow(each: (typeof samples)[number][number]): RecordRow {
  const [algorithm = "", value = ""] = each.hash?.split("=") ?? [];
  return { path: each.path, ...(each.hash === undefined ? {} : { hash: { algorithm, value } }), ...(each.size === undefined ? {} : { size: each.size }) };
}

it("wheels W7: reads what Python's csv module writes, whatever quotes and line ends it uses", () => {
  const texts = python(
    `import csv, io
for at, rows in enumerate(questions):
    out = io.StringIO()
    csv.writer(out, lineterminator=["\\n", "\\r\\n"][at % 2], quoting=[csv.QUOTE_MINIMAL, csv.QUOTE_ALL][at % 3 == 0]).writerows([r["path"], r.get("hash") or "", "" if r.get("size") is None else r["size"]] for r in rows)
    answers.append(out.getvalue())`,
    samples,
  ) as string[];
  expect(texts.map((text) => [...parseRecord(text).values()])).toEqual(samples.map((rows) => rows.map(asRow)));
});

it("wheels W21: writes what Python's csv module reads, and reads it itself", () => {
  const texts = samples.map((rows) => printRecord(rows.map(asRow)));
  const read = python('import csv\nfor t in questions: answers.append([[r[0], r[1], r[2]] for r in csv.reader(t.splitlines())])', texts);
  expect(read).toEqual(samples.map((rows) => rows.map((each) => [each.path, each.hash ?? "", each.size === undefined ? "" : String(each.size)])));
  expect(texts.map((text) => [...parseRecord(text).values()])).toEqual(samples.map((rows) => rows.map(asRow)));
});

it("wheels W14: finds the entry points that Python's configparser finds, and refuses what it refuses", () => {
  const line = fc.constantFrom("[console_scripts]", "[gui_scripts]", " [other]", "[console_scripts] ; x", "a = m:f", "b=m.n:f.g", "  c = m:f", "    d = m:f [x]", "E = m : f", "# comment", "  ; comment", "", "  ", "g", "= m:f", "\th=m:f", "[x");
  const texts = fc.sample(fc.array(line, { maxLength: 7 }), { numRuns: 2000, seed: 14 }).map((lines) => lines.join("\n"));
  const theirs = python(
    `import configparser, re
for t in questions:
    p = configparser.ConfigParser(delimiters=("=",), strict=False, interpolation=None)
    p.optionxform = str
    try:
        p.read_string(t)
        found = {k: re.sub(r"\\s*\\[.*\\]$", "", v) for s in ("console_scripts", "gui_scripts") if p.has_section(s) for k, v in p.items(s)}
        answers.append("refused" if any(not re.fullmatch(r"[a-z.]+\\s*:\\s*[a-z.]+", v) for v in found.values()) else sorted([k, re.sub(r"\\s", "", v)] for k, v in found.items()))
    except configparser.Error:
        answers.append("refused")`,
    texts,
  ) as (string | string[][])[];
  const ours = texts.map((text) => {
    try {
      return parseEntryPoints(text).map(({ name: script, value }) => [script, value]).toSorted(([a = ""], [b = ""]) => compareBytewise(a, b));
    } catch (error) {
      return String(error).startsWith("CaissonError: W14: ") ? "refused" : String(error);
    }
  });
  expect(theirs.filter((answer) => answer !== "refused" && answer.length > 0).length).toBeGreaterThan(100);
  const different = texts.map((text, at) => [text, ours[at], theirs[at]]).filter(([, own, their]) => JSON.stringify(own) !== JSON.stringify(their));
  expect(different).toEqual([]);
});
