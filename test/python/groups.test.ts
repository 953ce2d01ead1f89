import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CaissonError } from "../../src/model/index.ts";
import { expandGroups } from "../../src/python/index.ts";
import { askPackaging, hasPackaging } from "../support/python-oracle.ts";

const owner = { written: "web", file: "web/pyproject.toml" };

/** The requirements, or `message; hint` of what is wrong. */
function expand(table: unknown, ...wanted: readonly string[]): readonly string[] | string {
  try {
    return expandGroups(owner, table, wanted);
  } catch (error) {
    if (!(error instanceof CaissonError) || error.code !== "config-invalid") throw error;
    return `${error.message}; ${error.hint ?? ""}`;
  }
}

describe("expandGroups", () => {
  it("takes a group with those that it includes, by any spelling of a name, and each text once", () => {
    const groups = { "Prod": ["gunicorn", { "include-group": "o_bs" }], "o.bs": ["statsd", "gunicorn"], dev: ["pytest"] };
    expect(expand(groups, "prod")).toEqual(["gunicorn", "statsd"]);
    expect(expand(groups, "DEV", "O-bs", "prod")).toEqual(["pytest", "statsd", "gunicorn"]);
    expect(expand(groups)).toEqual([]);
  });

  it("refuses a group that there is not with the list of those that there are, and says who includes it", () => {
    expect(expand({ prod: [], dev: [] }, "nope")).toBe("`web` has no dependency group `nope`; its groups: prod, dev");
    expect(expand({ prod: [{ "include-group": "nope" }] }, "prod")).toBe("`web` has no dependency group `nope`, which `prod` includes; its groups: prod");
    expect(expand(undefined, "nope")).toBe("`web` has no dependency group `nope`; it has none at all");
  });

  it("refuses groups that include each other in a circle, two of one name, and what is neither text nor include", () => {
    const circle = { a: [{ "include-group": "b" }], b: [{ "include-group": "C" }], c: [{ "include-group": "b" }] };
    expect(expand(circle, "a")).toBe("dependency groups of `web` include each other in a circle: `b` -> `c` -> `b`; take one of these includes away");
    expect(expand({ a_b: [], "A.B": [] }, "a-b")).toBe("`web` has the dependency groups `a_b` and `A.B`, which are one name; letters' case and - _ . make no difference");
    expect(expand({ a: [{ "include-group": "b", more: 1 }], b: [] }, "a")).toBe('the dependency group `a` of `web` holds {"include-group":"b","more":1}; each entry is a requirement, or { include-group = "NAME" }');
    expect(expand({ a: "pytest" }, "a")).toBe("the dependency group `a` of `web` is no list; ");
  });

  it.skipIf(!hasPackaging)("gives what PyPA `packaging` gives for random groups (needs it)", () => {
    const names = ["a", "B_x", "b.y", "c"];
    const entry = fc.oneof({ weight: 3, arbitrary: fc.constantFrom("one", "two>=1", "three; python_version > '3'", "four[x]") }, { weight: 2, arbitrary: fc.constantFrom(...names, "A", "nope").map((name) => ({ "include-group": name })) });
    const table = fc.dictionary(fc.constantFrom(...names), fc.array(entry, { maxLength: 3 }));
    const cases = fc.sample(fc.tuple(table, fc.subarray([...names, "b-x"], { minLength: 1, maxLength: 2 })), { numRuns: 400, seed: 735 });
    const answers = askPackaging(`
from packaging.dependency_groups import resolve_dependency_groups
for table, wanted in questions:
    try:
        answers.append(sorted(set(str(r).replace(" ", "").replace('"', "'") for r in resolve_dependency_groups(table, *wanted))))
    except BaseException as error:
        answers.append("refused")
`, cases);
    const own = cases.map(([groups, wanted]) => {
      const found = expand(groups, ...wanted);
      return typeof found === "string" ? "refused" : [...new Set(found.map((text) => text.replaceAll(" ", "")))].toSorted();
    });
    expect(own).toEqual(answers);
    expect(own.filter((found) => found === "refused").length).toBeGreaterThan(50);
    expect(own.filter((found) => found.length > 1 && found !== "refused").length).toBeGreaterThan(50);
  });
});
