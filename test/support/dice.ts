/** Chance that can be thrown again: the same seed gives the same throws. */
export interface Dice {
  /** A whole number below `below`. */
  readonly number: (below: number) => number;
  readonly of: <Item>(items: readonly Item[]) => Item;
  /** A word of small letters that no other throw of these dice gave. */
  readonly word: () => string;
}

/** Source: Mulberry32, by Tommy Ettinger, in the public domain. */
export function throwDice(seed: number): Dice {
  let state = seed >>> 0;
  let words = 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const number = (below: number): number => Math.floor(next() * below);
  return {
    number,
    of: (items) => items[number(items.length)] as (typeof items)[number],
    word: () => `w${(words++).toString(36)}${Array.from({ length: 6 }, () => String.fromCharCode(97 + number(26))).join("")}`,
  };
}
