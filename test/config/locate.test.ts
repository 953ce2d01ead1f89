import fc from "fast-check";
import { parse, stringify } from "smol-toml";
import { expect, it } from "vitest";
import { locateKeys } from "../../src/config/locate.ts";
import type { KeyPath } from "../../src/model/index.ts";

const text = `# a comment with a [table] and a = b
top = "x" # = y
"quoted.key" = '''
not = "a key"
'''
dotted.'inner key'.leaf = 1

[a.b]
c = [
  "one", # [x]
  { two = 2, three = { four = "]" } },
  """long ""quoted"" \\"text""""",
]
d = { e = [1, 2], f = 1979-05-27T07:32:00Z }

[[hosts]]
name = "h1"
[hosts.env]
x = 1
[[hosts]]
name = "h2"
  [[hosts.disks]]
  size = 1
  [[hosts.disks]]
  size = 2

[ spaced . "out" ]
z = -inf
`;

it.each([
  [["top"], 2],
  [["quoted.key"], 3],
  [["dotted", "inner key", "leaf"], 6],
  [["dotted"], 6],
  [["a"], 8],
  [["a", "b", "c"], 9],
  [["a", "b", "c", 0], 10],
  [["a", "b", "c", 1, "two"], 11],
  [["a", "b", "c", 1, "three", "four"], 11],
  [["a", "b", "c", 2], 12],
  [["a", "b", "d", "e", 1], 14],
  [["a", "b", "d", "f"], 14],
  [["hosts", 0, "name"], 17],
  [["hosts", 0, "env", "x"], 19],
  [["hosts", 1], 20],
  [["hosts", 1, "name"], 21],
  [["hosts", 1, "disks", 0, "size"], 23],
  [["hosts", 1, "disks", 1, "size"], 25],
  [["spaced", "out", "z"], 28],
  [["spaced", "out", "missing"], 27],
  [["nothing"], undefined],
] as readonly (readonly [KeyPath, number | undefined])[])("finds the line of %j", (path, line) => {
  expect(locateKeys(text)(path)).toBe(line);
});

it("finds every key that the parser finds, in any document", () => {
  const key = fc.oneof(fc.constantFrom("a", "b", "long-key", "with space", "dot.ted", "quo\"te", "é"), fc.string({ minLength: 1, maxLength: 4 }));
  const value = fc.letrec((tie) => ({
    any: fc.oneof({ depthSize: "small" }, fc.string(), fc.integer(), fc.boolean(), fc.array(fc.string(), { maxLength: 3 }), tie("table"), fc.array(tie("table"), { minLength: 1, maxLength: 3 })),
    table: fc.dictionary(key, tie("any"), { maxKeys: 4 }),
  }));
  fc.assert(
    fc.property(fc.dictionary(key, value.any, { maxKeys: 4 }), (document) => {
      const written = stringify(document);
      const locate = locateKeys(written);
      const lines = written.split("\n");
      for (const path of keysOf(parse(written))) {
        const line = locate(path);
        const name = String(path.at(-1));
        // The line holds the key's last part, escaped or not; an escape that only TOML knows is shown as it was written.
        expect(line === undefined ? undefined : [JSON.stringify(name).slice(1, -1), name, "\\"].some((form) => (lines[line - 1] ?? "").includes(form))).toBe(true);
      }
    }),
    { numRuns: 300 },
  );
});

function keysOf(value: unknown, at: KeyPath = []): readonly KeyPath[] {
  if (typeof value !== "object" || value === null || value instanceof Date) return [];
  if (Array.isArray(value)) return value.flatMap((item, index) => keysOf(item, [...at, index]));
  return Object.entries(value).flatMap(([name, item]) => [[...at, name], ...keysOf(item, [...at, name])]);
}
