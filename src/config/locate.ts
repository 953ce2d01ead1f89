import type { KeyPath } from "../model/index.ts";

/**
 * Where the keys of a TOML text stand: a function from a key path to its line, from 1, or to that of the nearest table around it.
 * The text must be valid TOML: this finds places and checks nothing.
 */
export function locateKeys(text: string): (at: KeyPath) => number | undefined {
  const lines = new Map<string, number>();
  /** How many tables each array of tables has so far. */
  const arrays = new Map<string, number>();
  let position = 0;
  let current = 1;
  let counted = 0;
  let table: KeyPath = [];
  scanDocument();
  return (at) => {
    for (let length = at.length; length > 0; length--) {
      const line = lines.get(keyOf(at.slice(0, length)));
      if (line !== undefined) return line;
    }
    return undefined;
  };

  function scanDocument(): void {
    for (skipBlank(); position < text.length; skipBlank()) {
      if (text.startsWith("[[", position)) scanHeader("]]");
      else if (text[position] === "[") scanHeader("]");
      else scanPair(table);
    }
  }

  function scanHeader(close: "]" | "]]"): void {
    const start = position;
    position += close.length;
    const names = scanKey();
    position = text.indexOf(close, position) + close.length;
    table = [];
    for (const [at, name] of names.entries()) {
      table = [...table, name];
      const array = keyOf(table);
      if (close === "]]" && at === names.length - 1) arrays.set(array, (arrays.get(array) ?? -1) + 1);
      remember(table, start);
      const index = arrays.get(array);
      if (index !== undefined) table = [...table, index];
    }
    remember(table, start);
  }

  function scanPair(base: KeyPath): void {
    const start = position;
    let path = base;
    for (const name of scanKey()) {
      path = [...path, name];
      remember(path, start);
    }
    position = text.indexOf("=", position) + 1;
    skipSpace();
    scanValue(path);
  }

  function scanKey(): readonly string[] {
    const names: string[] = [];
    for (;;) {
      skipSpace();
      const quote = text[position];
      if (quote === '"' || quote === "'") {
        const start = position;
        skipString();
        const raw = text.slice(start, position);
        names.push(quote === '"' ? unescape(raw) : raw.slice(1, -1));
      } else {
        const [bare = ""] = /^[\w-]*/.exec(text.slice(position, position + 200)) ?? [];
        position += bare.length;
        names.push(bare);
      }
      skipSpace();
      if (text[position] !== ".") return names;
      position++;
    }
  }

  function scanValue(path: KeyPath): void {
    const first = text[position];
    if (first === '"' || first === "'") skipString();
    else if (first === "[" || first === "{") {
      position++;
      let index = 0;
      for (skipSeparators(); position < text.length && text[position] !== (first === "[" ? "]" : "}"); skipSeparators()) {
        if (first === "{") scanPair(path);
        else {
          remember([...path, index], position);
          scanValue([...path, index++]);
        }
      }
      position++;
    } else while (position < text.length && !",]}#\n".includes(text[position] ?? "")) position++;
  }

  function skipString(): void {
    const quote = text[position] ?? "";
    const long = quote.repeat(3);
    const close = text.startsWith(long, position) ? long : quote;
    position += close.length;
    while (position < text.length && !text.startsWith(close, position)) position += quote === '"' && text[position] === "\\" ? 2 : 1;
    position += close.length;
    // Up to two quotes may stand before the closing three.
    if (close === long) position += /^["']*/.exec(text.slice(position, position + 2))?.[0].length ?? 0;
  }

  function skipSpace(): void {
    while (text[position] === " " || text[position] === "\t") position++;
  }

  function skipBlank(): void {
    for (;;) {
      while (/\s/.test(text[position] ?? "")) position++;
      if (text[position] !== "#") return;
      const end = text.indexOf("\n", position);
      position = end < 0 ? text.length : end;
    }
  }

  function skipSeparators(): void {
    for (skipBlank(); text[position] === ","; skipBlank()) position++;
  }

  /** Places come in the order of the text, so that each line is counted once. */
  function remember(path: KeyPath, at: number): void {
    for (; counted < at; counted++) if (text[counted] === "\n") current++;
    const key = keyOf(path);
    if (!lines.has(key)) lines.set(key, current);
  }
}

function keyOf(path: KeyPath): string {
  return JSON.stringify(path);
}

/** A basic string's value where JSON knows its escapes too; others are not worth a line number. */
function unescape(raw: string): string {
  try {
    return String(JSON.parse(raw));
  } catch {
    return raw.slice(1, -1);
  }
}
