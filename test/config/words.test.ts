import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { expect, it } from "vitest";
import { splitWords } from "../../src/config/words.ts";

it.each([
  ["gunicorn shop:app", ["gunicorn", "shop:app"]],
  ["  a\t b  ", ["a", "b"]],
  ["'a b' \"c d\" e\\ f", ["a b", "c d", "e f"]],
  ["a'b'\"c\"d", ["abcd"]],
  ["'' \"\"", ["", ""]],
  ["'a\\b' \"a\\b\" \"a\\\"b\" a\\b", ["a\\b", "a\\b", 'a"b', "ab"]],
  ["echo $NAME | cat * > x; y", ["echo", "$NAME", "|", "cat", "*", ">", "x;", "y"]],
  ["", []],
])("cuts %j as a shell does, and expands nothing", (command, words) => {
  expect(splitWords(command)).toEqual(words);
});

it.each(["'a", '"a', "a\\", "a 'b\"", 'a "b\\"'])("does not guess where %s ends", (command) => {
  expect(splitWords(command)).toBeUndefined();
});

it("agrees with sh about quotes, backslashes and spaces", () => {
  const letters = fc.constantFrom("a", "b", " ", "'", '"', "\\", "\t", ".", "é");
  const commands = fc.sample(fc.array(letters, { maxLength: 12 }).map((parts) => parts.join("")), { numRuns: 300, seed: 7 }).filter((command) => splitWords(command) !== undefined);
  const script = `${commands.map((command) => `printf '%s\\0' ${command}; printf '\\1'`).join("\n")}\n`;
  const answers = execFileSync("sh", { input: script, encoding: "utf8" }).split("\u0001").slice(0, -1).map((answer) => answer.split("\0").slice(0, -1));
  // printf without an argument prints its format once, as if there were one empty word.
  expect(commands.map((command) => splitWords(command)).map((words) => (words?.length === 0 ? [""] : words))).toEqual(answers);
});
