/** Any value that JSON can say. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * The one byte sequence of a value: keys sorted bytewise, no insignificant space, members that are `undefined` left out.
 * Numbers are integers only; everything we hash is a count, a size, a mode or a time in whole seconds.
 */
export function printCanonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(printCanonicalJson).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .toSorted(([a], [b]) => compareBytewise(a, b))
      .map(([key, member]) => `${JSON.stringify(key)}:${printCanonicalJson(member)}`);
    return `{${members.join(",")}}`;
  }
  if (typeof value === "number" && !Number.isSafeInteger(value)) throw new TypeError(`${value} has no canonical JSON form`);
  const text = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`a ${typeof value} has no canonical JSON form`);
  return text;
}

/**
 * Order of two strings by their UTF-8 bytes, the order of every list we hash or write.
 * JavaScript compares UTF-16 units, which differs only where a surrogate meets U+E000 to U+FFFF.
 */
export function compareBytewise(a: string, b: string): number {
  if (a === b) return 0;
  if (PLAIN.test(a) && PLAIN.test(b)) return a < b ? -1 : 1;
  const left = Array.from(a);
  const right = Array.from(b);
  for (let at = 0; at < left.length && at < right.length; at++) {
    const difference = (left[at]?.codePointAt(0) ?? 0) - (right[at]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

const PLAIN = /^[^\ud800-\uffff]*$/;
