import { fail } from "../../model/index.ts";

/** A place in a line of text that moves forward by patterns, as the grammar of PEP 508 needs it. */
export interface Scanner {
  /** The text of `pattern` (sticky) here, and step over it and the blanks after it; undefined where it does not stand here. */
  take(pattern: RegExp): string | undefined;
  atEnd(): boolean;
  /** @throws CaissonError `requirements-broken`, with the place */
  expected(what: string): never;
}

/** `kind` is what the whole text should be: "requirement", "marker". */
export function scan(text: string, kind: string): Scanner {
  let at = /^[ \t]*/.exec(text)?.[0].length ?? 0;
  return {
    take: (pattern) => {
      pattern.lastIndex = at;
      const found = pattern.exec(text)?.[0];
      if (found === undefined) return undefined;
      at += found.length;
      while (text[at] === " " || text[at] === "\t") at++;
      return found;
    },
    atEnd: () => at === text.length,
    expected: (what) => fail({ code: "requirements-broken", message: `\`${text}\` is not a ${kind}: expected ${what} at character ${at + 1}` }),
  };
}
