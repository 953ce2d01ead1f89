import type { KeyPath } from "../../model/index.ts";

/** A JSON text as a value that knows where each of its members stands. */
export interface JsonText {
  readonly value: unknown;
  /** Line of a member, from 1; of what stands around it where it is not there. */
  readonly lineOf: (at: KeyPath) => number;
}

/** Where a text stops being JSON; line and column count from 1. */
export interface JsonMistake {
  readonly line: number;
  readonly column: number;
  /** `expected a comma or ]`. */
  readonly message: string;
}

/**
 * Read a JSON text. Stricter than it must be in one thing: a key that stands twice, or a number that a double cannot hold, is a mistake, for both would come out other than they were written.
 * Source: RFC 8259
 */
export function readJson(text: string): JsonText | JsonMistake {
  const lines = new Map<string, number>();
  const source = text.startsWith("\ufeff") ? text.slice(1) : text;
  let at = 0;
  let line = 1;
  let counted = 0;

  /** Values come in the order of the text, so that each line is counted once. */
  function lineHere(): number {
    for (; counted < at; counted++) if (source[counted] === "\n") line++;
    return line;
  }

  function stop(message: string, where = at): never {
    throw new Stop(where, message);
  }

  function skipSpace(): void {
    while (/[ \t\r\n]/.test(source[at] ?? "")) at++;
  }

  function readValue(path: KeyPath): unknown {
    skipSpace();
    lines.set(JSON.stringify(path), lineHere());
    if (path.length > DEEPEST) stop("this lies too deep");
    const start = source[at];
    if (start === "{") return readObject(path);
    if (start === "[") return readArray(path);
    if (start === '"') return readString();
    const word = /^[-+.\w]+/.exec(source.slice(at, at + 400))?.[0] ?? "";
    if (Object.hasOwn(WORDS, word)) {
      at += word.length;
      return WORDS[word];
    }
    return readNumber(word);
  }

  function readNumber(word: string): number {
    if (!/^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?$/.test(word)) stop(word === "" ? "expected a value" : `\`${word.slice(0, 40)}\` is no value; texts stand in double quotes`);
    const value = Number(word);
    if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) stop(`the number \`${word.slice(0, 40)}\` is too large`);
    at += word.length;
    return value;
  }

  function readString(): string {
    const start = at;
    for (at++; source[at] !== '"'; at++) {
      const letter = source[at] ?? stop("a text is not ended", start);
      if (letter < " ") stop(letter === "\n" ? "a text is not ended on its line" : "a text holds a control character", letter === "\n" ? start : at);
      if (letter === "\\" && !/^(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/.test(source.slice(at + 1, at + 6))) stop("unknown escape in a text");
      if (letter === "\\") at++;
    }
    at++;
    return JSON.parse(source.slice(start, at)) as string;
  }

  function readArray(path: KeyPath): unknown[] {
    const items: unknown[] = [];
    at++;
    skipSpace();
    if (source[at] === "]") return at++, items;
    for (;;) {
      items.push(readValue([...path, items.length]));
      skipSpace();
      if (source[at] === "]") return at++, items;
      if (source[at] !== ",") stop("expected a comma or ]");
      at++;
      skipSpace();
      if (source[at] === "]") stop("a comma stands before ]");
    }
  }

  function readObject(path: KeyPath): Record<string, unknown> {
    const members = new Map<string, unknown>();
    at++;
    skipSpace();
    if (source[at] === "}") return at++, {};
    for (;;) {
      skipSpace();
      const place = at;
      if (source[at] !== '"') stop(source[at] === "}" ? "a comma stands before }" : "expected a key in double quotes");
      const key = readString();
      if (members.has(key)) stop(`the key \`${key}\` stands there twice`, place);
      skipSpace();
      if (source[at] !== ":") stop(`expected a colon after \`${key}\``);
      at++;
      members.set(key, readValue([...path, key]));
      skipSpace();
      if (source[at] === "}") return at++, Object.fromEntries(members);
      if (source[at] !== ",") stop("expected a comma or }");
      at++;
    }
  }

  try {
    const value = readValue([]);
    skipSpace();
    if (at < source.length) stop("something follows after the end");
    return { value, lineOf: (path) => lineNear(lines, path) };
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    return { ...lineAt(source, error.at), message: error.message };
  }
}

class Stop extends Error {
  readonly at: number;

  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

const WORDS: Readonly<Record<string, unknown>> = { true: true, false: false, null: null };

/** What lies deeper was made to break readers. */
const DEEPEST = 200;

function lineAt(source: string, at: number): { readonly line: number; readonly column: number } {
  const before = source.slice(0, at).split("\n");
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

function lineNear(lines: ReadonlyMap<string, number>, at: KeyPath): number {
  const own = lines.get(JSON.stringify(at));
  return own ?? (at.length === 0 ? 1 : lineNear(lines, at.slice(0, -1)));
}
