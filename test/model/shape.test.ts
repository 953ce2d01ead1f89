import { expect, it } from "vitest";
import { nearestWord, printKeyPath, shapes, type Mismatch, type Shape } from "../../src/model/index.ts";

const { either, integer, list, object, oneOf, optional, record, text } = shapes;

const shape = object({
  name: text(),
  size: optional(integer()),
  kind: optional(oneOf("a", "b")),
  tags: optional(list(text())),
  parts: optional(record(object({ path: text() }), "a table of parts", (name) => /^\w+$/.test(name))),
  health: optional(either(text("an address", (word) => word.startsWith("http")), object({ url: text() }))),
});

function mistakesIn(value: unknown, like: Shape<unknown> = shape): readonly string[] {
  const found: Mismatch[] = [];
  like.read(value, [], (mistake) => found.push(mistake));
  return found.map(({ at, message, hint }) => `${printKeyPath(at)}: ${message} (${hint ?? ""})`);
}

it("gives back a value that fits, and nothing that was not asked for", () => {
  const value = { name: "x", size: 3, kind: "a", tags: ["t"], parts: { p: { path: "." } }, health: { url: "u" } };
  expect(shape.read(value, [], () => undefined)).toEqual(value);
  expect(mistakesIn(value)).toEqual([]);
  expect(shape.read({ name: "x", other: 1 }, [], () => undefined)).toEqual({ name: "x" });
});

it("tells every mistake at once, with its place and what was expected", () => {
  expect(mistakesIn({ nmae: 1, size: -1, kind: "c", tags: ["t", 2, true], parts: { "a b": { path: 5 }, c: {} }, health: "x" })).toEqual([
    "nmae: unknown key `nmae` (did you mean `name`?)",
    ": `name` is missing (expected a string)",
    "size: size is `-1` (expected a whole number, 0 or more)",
    "kind: kind is `c` (expected one of `a`, `b`)",
    "tags[1]: tags[1] is `2` (expected a string)",
    "tags[2]: tags[2] is `true` (expected a string)",
    'parts."a b": `a b` is not a legal name here ()',
    'parts."a b".path: parts."a b".path is `5` (expected a string)',
    "parts.c: `path` is missing (expected a string)",
    "health: health is `x` (expected an address, or a table)",
  ]);
  expect(mistakesIn([])).toEqual([": the value is a list (expected a table)"]);
  expect(mistakesIn(new Date(0))).toEqual([": the value is a value of another kind (expected a table)"]);
});

it("takes keys that every object has for what they are: unknown", () => {
  expect(mistakesIn(JSON.parse('{"name":"x","__proto__":{"size":1},"constructor":1}'))).toEqual(["__proto__: unknown key `__proto__` (known here: name, size, kind, tags, parts, health)", "constructor: unknown key `constructor` (known here: name, size, kind, tags, parts, health)"]);
  const read = record(text()).read(JSON.parse('{"__proto__":"x"}'), [], () => undefined);
  expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
});

it.each([
  ["proceses", "processes"],
  ["max-parallel", "max_parallel"],
  ["Kind", "kind"],
  ["paht", "path"],
  ["production", undefined],
  ["x", undefined],
])("takes %s for %s", (word, meant) => {
  expect(nearestWord(word, ["processes", "max_parallel", "kind", "path"])).toBe(meant);
});
