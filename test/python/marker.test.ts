import fc from "fast-check";
import { expect, test } from "vitest";
import { CaissonError } from "../../src/model/index.ts";
import { evaluateMarker, parseMarker, parseRequirement, platformFromFacts, platformPreset } from "../../src/python/index.ts";
import { askPackaging, hasPackaging } from "../support/python-oracle.ts";

const platform = platformFromFacts({ os: { id: "debian", release: "12" }, arch: "aarch64", libc: { family: "glibc", version: "2.36" }, python: "3.11.7" }, "ran");
const environment = { ...platform.markers, platform_release: "6.1.0-18-amd64", platform_version: "#1 SMP" };

const variables = ["python_version", "python_full_version", "os_name", "os.name", "sys_platform", "platform_machine", "platform_system", "platform_release", "implementation_version", "implementation_name", "platform_python_implementation", "python_implementation"];
const operators = ["==", "!=", "<", "<=", ">", ">=", "in", "not in", "~=", "==="];
const texts = ["3.11", "3.8", "3.11.7", "3.9.*", "3.12", "3", "posix", "nt", "linux", "linux2", "aarch64", "x86_64", "CPython", "cpython", "6.1", "6", "", "3.11 3.12", "Linux"];
const quoted = fc.constantFrom(...texts).map((text) => (text.length % 2 === 0 ? `'${text}'` : `"${text}"`));
const item = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(fc.constantFrom(...variables), fc.constantFrom(...operators), quoted).map((parts) => parts.join(" ")) },
  { weight: 2, arbitrary: fc.tuple(quoted, fc.constantFrom(...operators), fc.constantFrom(...variables)).map((parts) => parts.join(" ")) },
  { weight: 1, arbitrary: fc.constantFrom("extra == 'web'", "extra=='We_b'", "'web' == extra", "extra != \"web\"", "extra == 'other'", "'w' in extra") },
);
const { marker } = fc.letrec<{ marker: string }>((tie) => ({
  marker: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    { weight: 3, arbitrary: item },
    { weight: 2, arbitrary: fc.tuple(tie("marker"), fc.constantFrom(" and ", " or ", "  and\t"), tie("marker")).map((parts) => parts.join("")) },
    { weight: 1, arbitrary: tie("marker").map((inner) => `( ${inner})`) },
  ),
}));
const sample = <T>(arbitrary: fc.Arbitrary<T>, count: number): T[] => fc.sample(arbitrary, { numRuns: count, seed: 508 });

function orError<T>(work: () => T): T | "error" {
  try {
    return work();
  } catch (error) {
    if (error instanceof CaissonError && error.code === "requirements-broken") return "error";
    throw error;
  }
}

test.skipIf(!hasPackaging)("a marker holds exactly when PyPA packaging says so (needs PyPA packaging)", () => {
  const questions = sample(fc.tuple(marker, fc.constantFrom("", "web", "We.B")), 4000).map(([text, extra]) => ({ text, extra, environment }));
  const answers = askPackaging(
    "from packaging.markers import Marker\nfor q in questions:\n  try: answers.append(Marker(q['text']).evaluate(dict(q['environment'], extra=q['extra'])))\n  except Exception: answers.append('error')",
    questions,
  ) as (boolean | "error")[];
  expect(answers.filter((answer) => answer === true).length).toBeGreaterThan(300);
  // Where one side of `and` decides, packaging still evaluates the other; both readings are the specification's.
  const wrong = questions
    .map(({ text, extra }, at) => [text, extra, orError(() => evaluateMarker(parseMarker(text), environment, extra === "" ? [] : [extra])), answers[at]])
    .filter(([, , ours, theirs]) => ours !== theirs && theirs !== "error");
  expect(wrong).toEqual([]);
});

test.skipIf(!hasPackaging)("wheels P14: `extras` and `dependency_groups` are sets of normalised names (needs PyPA packaging)", () => {
  const text = "'Web.UI' in extras and \"docs\" not in dependency_groups";
  expect(evaluateMarker(parseMarker(text), environment, ["web-ui", "x"], [])).toBe(true);
  expect(evaluateMarker(parseMarker(text), environment, ["web-ui"], ["Docs"])).toBe(false);
  expect(evaluateMarker(parseMarker(text), environment)).toBe(false);
  const cases = sample(fc.record({ name: fc.constantFrom("a", "A", "b_c", "B.C"), set: fc.constantFrom("extras", "dependency_groups"), operator: fc.constantFrom("in", "not in"), extras: fc.subarray(["A", "b-c"]), groups: fc.subarray(["a", "B_c"]) }), 200);
  const answers = askPackaging(
    "from packaging.markers import Marker, default_environment\nfor q in questions: answers.append(Marker(repr(q['name']) + ' ' + q['operator'] + ' ' + q['set']).evaluate({'extras': set(q['extras']), 'dependency_groups': set(q['groups'])}, context='lock_file'))",
    cases,
  );
  expect(cases.map((c) => evaluateMarker(parseMarker(`'${c.name}' ${c.operator} ${c.set}`), environment, c.extras, c.groups))).toEqual(answers);
});

test("one of several extras is enough", () => {
  const needed = parseMarker("extra == 'a' and python_version >= '3'");
  expect(evaluateMarker(needed, environment, ["b", "a"])).toBe(true);
  expect(evaluateMarker(needed, environment, ["b"])).toBe(false);
  expect(evaluateMarker(needed, environment)).toBe(false);
});

test("wheels T7: markers are those of the platform, whatever machine we run on", () => {
  const markers = platformPreset("centos-7-arm64")?.markers ?? {};
  expect(Object.keys(markers)).toHaveLength(11);
  expect(evaluateMarker(parseMarker("python_version < '3.9' and platform_machine == 'aarch64' and sys_platform == 'linux'"), markers)).toBe(true);
});

const name = fc.constantFrom("a", "Requests", "zope.interface", "a_b-C", "x1", "-bad", "bad-", "");
const extras = fc.constantFrom("", "", "[]", "[a]", " [ a , B_c ]", "[a,]", "[a b]", "[a");
const clause = fc.constantFrom(">=1", "==1.*", "~=2.0", "~=2", "<3", "!= 1.5", "===any thing", "===x-y", ">1.*", "==1.0+l", ">=1.0+l", "=1", "1.0", "== 1.0 ");
const specifier = fc.oneof({ weight: 4, arbitrary: fc.array(clause, { maxLength: 2 }).map((clauses) => clauses.join(",")) }, { weight: 1, arbitrary: fc.constantFrom("(>=1,<2)", " ( >=1 )", "(>=1", ">=1,", "()", "@ https://x.invalid/a.whl", "@ file:///a b", "@", " @ git+https://x.invalid/r@main#egg=a") });
const tail = fc.oneof({ weight: 2, arbitrary: fc.constant("") }, { weight: 2, arbitrary: item.map((text) => `; ${text}`) }, { weight: 1, arbitrary: fc.constantFrom(";", " ; x == '1'", ";os_name == 'posix' and", " # comment", "; python_version>='3'", " ;python_version>'3' ") });

test.skipIf(!hasPackaging)("a requirement is read as PyPA packaging reads it (needs PyPA packaging)", () => {
  const lines = sample(fc.tuple(name, extras, specifier, tail).map((parts) => parts.join("")), 4000);
  const answers = askPackaging(
    `from packaging.requirements import Requirement
from packaging.utils import canonicalize_name as n
for line in questions:
  try:
    r = Requirement(line)
    answers.append([n(r.name), r.name, sorted(set(map(n, r.extras))), sorted(set(str(r.specifier).split(','))), r.url, r.marker is not None])
  except Exception: answers.append('error')`,
    lines,
  ) as unknown[];
  expect(answers.filter((answer) => answer !== "error").length).toBeGreaterThan(500);
  const wrong = lines
    .map((line, at) => {
      const ours = orError(() => {
        const read = parseRequirement(line);
        return [read.name, read.written, read.extras.toSorted(), [...new Set(read.specifier.split(","))].toSorted(), read.url ?? null, read.marker !== undefined];
      });
      return { line, ours, theirs: answers[at] };
    })
    .filter(({ ours, theirs }) => JSON.stringify(ours) !== JSON.stringify(theirs));
  expect(wrong).toEqual([]);
});

test("a broken requirement is refused with the place", () => {
  expect(() => parseRequirement("requests>=2.*")).toThrow("`requests>=2.*` is not a requirement: expected a version that `>=` can compare instead of `2.*` at character 14");
  expect(() => parseMarker("python_version >= 3")).toThrow("`python_version >= 3` is not a marker: expected a variable such as `python_version`, or a quoted text at character 19");
});
