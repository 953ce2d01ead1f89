import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readJson } from "../../src/build/turret/json.ts";

function mistake(text: string): string {
  const read = readJson(text);
  return "lineOf" in read ? "none" : `${read.line}:${read.column} ${read.message}`;
}

describe("a config.json's text", () => {
  it("is read as JSON is, and knows its lines", () => {
    const read = readJson('\ufeff{\n  "a": [1, -2.5e3, true,\n    null, "\\u00e9\\n"],\n  "b": {}\n}\n');
    expect(read).toMatchObject({ value: { a: [1, -2500, true, null, "é\n"], b: {} } });
    if (!("lineOf" in read)) throw new Error("not read");
    expect([read.lineOf([]), read.lineOf(["a"]), read.lineOf(["a", 3]), read.lineOf(["b"]), read.lineOf(["a", 9, "x"])]).toEqual([1, 2, 3, 4, 2]);
  });

  it("row O11: says where it stops being JSON, by line and column", () => {
    expect(mistake("")).toBe("1:1 expected a value");
    expect(mistake('{\n  "a": 1\n  "b": 2\n}')).toBe('3:3 expected a comma or }');
    expect(mistake('{"a": [1, 2,]}')).toBe("1:13 a comma stands before ]");
    expect(mistake('{"a": 1,}')).toBe("1:9 a comma stands before }");
    expect(mistake("{a: 1}")).toBe("1:2 expected a key in double quotes");
    expect(mistake('{"a" 1}')).toBe("1:6 expected a colon after `a`");
    expect(mistake('{"a": \'x\'}')).toBe("1:7 expected a value");
    expect(mistake('{"a": True}')).toBe("1:7 `True` is no value; texts stand in double quotes");
    expect(mistake('{"a": NaN}')).toBe("1:7 `NaN` is no value; texts stand in double quotes");
    expect(mistake('{"a": 01}')).toBe("1:7 `01` is no value; texts stand in double quotes");
    expect(mistake('{"a": "x\n"}')).toBe("1:7 a text is not ended on its line");
    expect(mistake('{"a": "x')).toBe("1:7 a text is not ended");
    expect(mistake('{"a": "\\x"}')).toBe("1:8 unknown escape in a text");
    expect(mistake("{}{}")).toBe("1:3 something follows after the end");
  });

  it("refuses what would come out other than it was written: a key twice, and numbers that no double holds", () => {
    expect(mistake('{\n"a": 1,\n "a": 2}')).toBe("3:2 the key `a` stands there twice");
    expect(mistake("[12345678901234567890]")).toBe("1:2 the number `12345678901234567890` is too large");
    expect(mistake("[1e400]")).toBe("1:2 the number `1e400` is too large");
    expect(mistake("[".repeat(100_000))).toMatch(/ this lies too deep$/);
  });

  it("keeps keys that JavaScript has plans with", () => {
    const read = readJson('{"__proto__": {"x": 1}, "constructor": 2}');
    expect("lineOf" in read && Object.keys(read.value as object)).toEqual(["__proto__", "constructor"]);
  });

  it("is what JSON.parse makes of anything that JSON.stringify prints", () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      const read = readJson(text);
      // JSON.stringify prints numbers that are no safe integers, which are refused.
      if (!("lineOf" in read)) return read.message.endsWith(" is too large");
      expect(JSON.stringify(read.value)).toBe(JSON.stringify(JSON.parse(text)));
      return true;
    }));
  });
});
