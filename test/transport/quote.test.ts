import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isAddress, parseHostWord, rootTrouble } from "../../src/model/index.ts";
import { quoteForAnyShell, quoteProxyCommand } from "../../src/transport/quote.ts";
import { has } from "../support/machine.ts";

const shells = [["sh", "-c"], ["dash", "-c"], ["bash", "-c"], ["busybox", "sh", "-c"], ["csh", "-fc"], ["tcsh", "-fc"], ["fish", "-c"]].filter(([shell = ""]) => has(shell));
/** Everything that may stand in a word for a login shell. */
const word = fc.string({ unit: fc.constantFrom(...' "#$%&()*+,-./0129:;<=>?@AZ[]^_`az{|}~é€'.split("")), minLength: 1, maxLength: 30 });

describe("words for a login shell", () => {
  it.each(shells)("fault 47: are read as they are by %s", (...shell) => {
    fc.assert(fc.property(fc.array(word, { minLength: 1, maxLength: 4 }), (words) => {
      const [program = "", ...options] = shell;
      const said = execFileSync(program, [...options, quoteForAnyShell(["printf", "%s\\n", ...words].map((each) => each.replace("\\n", "|")))], { encoding: "utf8", env: { PATH: process.env["PATH"] ?? "", LC_ALL: "C.UTF-8" } });
      expect(said).toBe(words.map((each) => `${each}|`).join(""));
    }), { numRuns: 15 });
  });

  it.each(["it's", "a\\b", "a!b", "a\nb", "a\u0000b"])("fault 47: %j is no such word", (letter) => {
    expect(() => quoteForAnyShell([letter])).toThrow(/a word for a login shell has the character/);
  });

  it("fault 47: every root that is allowed can be such a word, and every host a host again", () => {
    fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => {
      expect(rootTrouble(`/${text}`) ?? quoteForAnyShell([`/${text}`])).not.toBe("");
    }));
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom(..."-@:/.[]%;$ ah1".split("")) }), (text) => {
      const { address } = parseHostWord(text) ?? { address: "h1" };
      expect([isAddress(address), address.startsWith("-")]).toEqual([true, false]);
    }));
  });
});

it("a value of ProxyCommand is read by sh as its words, and by ssh without the tokens of its own", () => {
  const line = quoteProxyCommand(["printf", "%s|", "a b", "it's", "100%", "[%h]:%p", "$HOME"]);
  const asSsh = line.replaceAll(/%(.)/g, (_, letter: string) => ({ h: "host", p: "22" })[letter] ?? letter);
  expect(execFileSync("sh", ["-c", asSsh], { encoding: "utf8" })).toBe("a b|it's|100%|[host]:22|$HOME|");
});
