import { nearestWord } from "./nearest.ts";

/** Where in a value something is: `["packages", "web", "hosts", 0]`. */
export type KeyPath = readonly (string | number)[];

/** What is wrong with a value from outside, at one place of it. */
export interface Mismatch {
  readonly at: KeyPath;
  readonly message: string;
  readonly hint?: string;
  /** A key that means nothing: what stands beside it is as good as without it. */
  readonly unknownKey?: true;
}

/** What a value from outside must look like, as data: it is checked by it, with all mistakes at once, and documented from it. */
export interface Shape<Value> {
  /** Completes "expected ...": `a string`. */
  readonly expected: string;
  readonly kind: "string" | "integer" | "boolean" | "list" | "table";
  /** The value as what it is, free of anything else; undefined where mistakes were reported. */
  read(value: unknown, at: KeyPath, report: (mismatch: Mismatch) => void): Value | undefined;
  readonly optional?: true;
  /** One sentence for the reference. */
  readonly summary?: string;
  /** What is taken where it is left out, as one would write it. */
  readonly fallback?: string;
  /** Of a table with fixed keys. */
  readonly keys?: Readonly<Record<string, Shape<unknown>>>;
  /** Of a list or a table whose keys are names. */
  readonly each?: Shape<unknown>;
  /** Of a choice. */
  readonly choices?: readonly Shape<unknown>[];
}

/** A string; `fits` may ask for more than that. */
export function text<Value extends string = string>(expected = "a string", fits: (text: string) => boolean = () => true): Shape<Value> {
  return scalar("string", expected, (value): value is Value => typeof value === "string" && fits(value));
}

export function oneOf<Word extends string>(...words: readonly Word[]): Shape<Word> {
  const known: readonly string[] = words;
  const expected = words.length === 1 ? `\`${known[0] ?? ""}\`` : `one of ${known.map((word) => `\`${word}\``).join(", ")}`;
  return scalar("string", expected, (value): value is Word => typeof value === "string" && known.includes(value));
}

/** A whole number, 0 or more; `fits` may ask for more than that. */
export function integer(expected = "a whole number, 0 or more", fits: (value: number) => boolean = () => true): Shape<number> {
  return scalar("integer", expected, (value): value is number => typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && fits(value));
}

export function boolean(): Shape<boolean> {
  return scalar("boolean", "true or false", (value): value is boolean => typeof value === "boolean");
}

export function list<Item>(each: Shape<Item>, expected = `a list, each ${each.expected}`): Shape<readonly Item[]> {
  return {
    kind: "list", expected, each,
    read: (value, at, report) => {
      if (!Array.isArray(value)) return mismatch(value, expected, at, report);
      return value.map((item, index) => each.read(item, [...at, index], report) as Item);
    },
  };
}

/** A table whose keys are names of the writer's choice. */
export function record<Item>(each: Shape<Item>, expected = "a table", isName: (name: string) => boolean = () => true): Shape<Readonly<Record<string, Item>>> {
  return {
    kind: "table", expected, each,
    read: (value, at, report) => {
      if (!isTable(value)) return mismatch(value, expected, at, report);
      const entries = Object.entries(value).map(([name, item]) => {
        if (!isName(name)) report({ at: [...at, name], message: `\`${name}\` is not a legal name here` });
        return [name, each.read(item, [...at, name], report)];
      });
      return Object.fromEntries(entries) as Record<string, Item>;
    },
  };
}

/** A table with fixed keys; others are mistakes. */
export function object<Keys extends Readonly<Record<string, Shape<unknown>>>>(keys: Keys, expected = "a table"): Shape<ObjectOf<Keys>> {
  return {
    kind: "table", expected, keys,
    read: (value, at, report) => {
      if (!isTable(value)) return mismatch(value, expected, at, report);
      for (const name of Object.keys(value)) if (!Object.hasOwn(keys, name)) report(unknownKey(name, Object.keys(keys), at));
      const found: Record<string, unknown> = {};
      for (const [name, shape] of Object.entries(keys)) {
        if (Object.hasOwn(value, name)) found[name] = shape.read(value[name], [...at, name], report);
        else if (shape.optional !== true) report({ at, message: `\`${name}\` is missing`, hint: `expected ${shape.expected}` });
      }
      return found as ObjectOf<Keys>;
    },
  };
}

/** One of several shapes, told apart by what kind of value stands there. */
export function either<A, B>(a: Shape<A>, b: Shape<B>): Shape<A | B> {
  const expected = `${a.expected}, or ${b.expected}`;
  return {
    kind: a.kind, expected, choices: [a, b],
    read: (value, at, report) => {
      const kind = kindOf(value);
      const choice = [a, b].find((shape) => shape.kind === kind);
      if (choice === undefined) return mismatch(value, expected, at, report);
      const here = (wrong: Mismatch): void => report(wrong.at.length === at.length && kind !== "table" ? { ...wrong, hint: `expected ${expected}` } : wrong);
      return (choice as Shape<A | B>).read(value, at, here);
    },
  };
}

export function optional<Value>(shape: Shape<Value>): Shape<Value> & { readonly optional: true } {
  return { ...shape, optional: true };
}

/** The same with what the reference says about it. */
export function documented<S extends Shape<unknown>>(shape: S, summary: string, fallback?: string): S {
  return { ...shape, summary, ...(fallback === undefined ? {} : { fallback }) };
}

export type ValueOf<S> = S extends Shape<infer Value> ? Value : never;

type OptionalNames<Keys> = { [Name in keyof Keys]: Keys[Name] extends { readonly optional: true } ? Name : never }[keyof Keys];

export type ObjectOf<Keys> = { readonly [Name in Exclude<keyof Keys, OptionalNames<Keys>>]: ValueOf<Keys[Name]> } & { readonly [Name in OptionalNames<Keys>]?: ValueOf<Keys[Name]> };

function scalar<Value>(kind: Shape<Value>["kind"], expected: string, fits: (value: unknown) => value is Value): Shape<Value> {
  return { kind, expected, read: (value, at, report) => (fits(value) ? value : mismatch(value, expected, at, report)) };
}

function mismatch(value: unknown, expected: string, at: KeyPath, report: (mismatch: Mismatch) => void): undefined {
  const shown = ["string", "number", "boolean"].includes(typeof value) ? `\`${String(value)}\`` : `a ${kindOf(value) ?? "value of another kind"}`;
  report({ at, message: `${at.length === 0 ? "the value" : printKeyPath(at)} is ${shown}`, hint: `expected ${expected}` });
}

function unknownKey(name: string, known: readonly string[], at: KeyPath): Mismatch {
  const near = nearestWord(name, known);
  return { unknownKey: true, at: [...at, name], message: `unknown key \`${printKeyPath([...at, name])}\``, hint: near === undefined ? `known here: ${known.join(", ")}` : `did you mean \`${near}\`?` };
}

/** `packages.web.hosts[0]`; a name that is no bare key stands in quotes. */
export function printKeyPath(at: KeyPath): string {
  return at.map((part, index) => (typeof part === "number" ? `[${part}]` : `${index === 0 ? "" : "."}${/^[\w-]+$/.test(part) ? part : JSON.stringify(part)}`)).join("");
}

function kindOf(value: unknown): Shape<unknown>["kind"] | undefined {
  if (typeof value === "string") return "string";
  if (typeof value === "number" || typeof value === "bigint") return "integer";
  if (typeof value === "boolean") return "boolean";
  if (Array.isArray(value)) return "list";
  return isTable(value) ? "table" : undefined;
}

/** TOML's dates are objects of a class, tables are not. */
function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && [Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null);
}
