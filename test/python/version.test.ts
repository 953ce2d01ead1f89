import fc from "fast-check";
import { expect, test } from "vitest";
import { compareVersions, isSpecifier, normalizeVersion, satisfies } from "../../src/python/index.ts";
import { askPackaging, hasPackaging } from "../support/python-oracle.ts";

const number = fc.oneof({ weight: 6, arbitrary: fc.integer({ min: 0, max: 4 }).map(String) }, { weight: 1, arbitrary: fc.constantFrom("00", "01", "10", "2024") });
const separator = fc.constantFrom("", ".", "-", "_");
const suffix = (words: readonly string[]) => fc.tuple(separator, fc.constantFrom(...words), separator, fc.option(number, { nil: "" })).map((parts) => parts.join(""));
const maybe = (arbitrary: fc.Arbitrary<string>) => fc.option(arbitrary, { nil: "", freq: 3 });
const release = fc.array(number, { minLength: 1, maxLength: 4 }).map((numbers) => numbers.join("."));
const prefix = fc.constantFrom("", "", "", "", "v", "1!", "0!");
const publicVersion = fc
  .tuple(prefix, release, maybe(suffix(["a", "b", "rc", "c", "alpha", "beta", "pre", "preview", "RC"])), maybe(fc.oneof(suffix(["post", "rev", "r"]), number.map((n) => `-${n}`))), maybe(suffix(["dev", "DEV"])))
  .map((parts) => parts.join(""));
const local = maybe(fc.array(fc.constantFrom("a", "b", "1", "2", "01", "1e5", "0x10", "G"), { minLength: 1, maxLength: 3 }).map((labels) => `+${labels.join(".")}`));
const version = fc.tuple(publicVersion, local).map((parts) => parts.join(""));
const space = fc.constantFrom("", "", " ");
const clause = fc.oneof(
  fc.tuple(fc.constantFrom("==", "!=", "~=", "<", ">", "<=", ">=", "==="), space, publicVersion).map((parts) => parts.join("")),
  fc.tuple(fc.constantFrom("==", "!="), space, release).map((parts) => `${parts.join("")}.*`),
  fc.tuple(fc.constantFrom("==", "!=", "<="), version).map((parts) => parts.join("")),
  fc.tuple(fc.constantFrom("==", "~="), version).map((parts) => `${parts.join("")}.*`),
);
const specifier = fc.array(clause, { maxLength: 3 }).map((clauses) => clauses.join(","));
const sample = <T>(arbitrary: fc.Arbitrary<T>, count: number): T[] => fc.sample(arbitrary, { numRuns: count, seed: 440 });

test.skipIf(!hasPackaging)("versions are ordered as PyPA packaging orders them (needs PyPA packaging)", () => {
  const pairs = sample(fc.tuple(version, version), 6000);
  const answers = askPackaging("from packaging.version import Version as V\nfor a, b in questions: answers.append((V(a) > V(b)) - (V(a) < V(b)))", pairs) as number[];
  const wrong = pairs.filter(([a, b], at) => Math.sign(compareVersions(a, b)) !== answers[at]);
  expect(wrong).toEqual([]);
});

test.skipIf(!hasPackaging)("a version is spelled as PyPA packaging spells it (needs PyPA packaging)", () => {
  const texts = [...sample(version, 4000), ...sample(fc.string({ maxLength: 6 }), 500), "1.0-", "1..0", "", "1.0+", "1.0+a+b", "1.0 ", " v1 ", "1.0.x", "1a1b1", "dev", "1-1-1"];
  const answers = askPackaging("from packaging.version import Version as V, InvalidVersion\nfor t in questions:\n  try: answers.append(str(V(t)))\n  except InvalidVersion: answers.append(None)", texts) as (string | null)[];
  const wrong = texts.map((text, at) => [text, normalizeVersion(text) ?? null, answers[at]]).filter(([, ours, theirs]) => ours !== theirs);
  expect(wrong).toEqual([]);
});

test.skipIf(!hasPackaging)("a version is in a specifier exactly when PyPA packaging says so (needs PyPA packaging)", () => {
  const pairs = sample(fc.tuple(version, specifier), 8000);
  const answers = askPackaging(
    "from packaging.specifiers import SpecifierSet as S, InvalidSpecifier\nfor v, s in questions:\n  try: answers.append(S(s).contains(v, prereleases=True))\n  except InvalidSpecifier: answers.append(None)",
    pairs,
  ) as (boolean | null)[];
  expect(answers.filter((answer) => answer === true).length).toBeGreaterThan(500);
  const wrong = pairs.map(([v, s], at) => [v, s, isSpecifier(s) ? satisfies(v, s) : null, answers[at]]).filter(([, , ours, theirs]) => ours !== theirs);
  expect(wrong).toEqual([]);
});

test("no pre-release is in a specifier when pre-releases are not wanted", () => {
  expect(satisfies("2.0rc1", ">=1", { prereleases: false })).toBe(false);
  expect(satisfies("2.0.dev1", ">=2.0.dev0", { prereleases: false })).toBe(false);
  expect(satisfies("2.0.post1", ">=1", { prereleases: false })).toBe(true);
});

test("what is no version sorts before every version and is in no specifier", () => {
  expect(["1.0", "x", "0.1", "a"].toSorted(compareVersions)).toEqual(["a", "x", "0.1", "1.0"]);
  expect(satisfies("x", "")).toBe(true);
  expect(satisfies("x", ">=0")).toBe(false);
  expect(satisfies("x", "===X")).toBe(true);
});
