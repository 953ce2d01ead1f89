import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { holdAll, type Held, type HostLock } from "../../src/deploy/apply/hold.ts";
import type { Problem } from "../../src/model/index.ts";

/** Hosts' locks as they are in truth: one holder each, and every word on its way for a while. */
function locksOf(holders: Map<string, string>, who: string, keys: readonly string[]): readonly HostLock[] {
  return keys.map((key) => ({
    key,
    hold: async (): Promise<Problem | undefined> => {
      await travel();
      const holder = holders.get(key);
      if (holder === undefined) holders.set(key, who);
      await travel();
      return holder === undefined || holder === who ? undefined : { code: "host-busy", message: `${holder} has it` };
    },
    release: async (): Promise<void> => {
      await travel();
      if (holders.get(key) === who) holders.delete(key);
      await travel();
    },
  }));
}

async function travel(): Promise<void> {
  await sleep(Math.random() * 20);
}

function isWon(held: Held<HostLock>): boolean {
  return held.taken.size === 0;
}

it.each<readonly [string, readonly (readonly string[])[]]>([
  ["the same hosts", [["h1", "h2", "h3", "h4"], ["h4", "h3", "h2", "h1"]]],
  ["overlapping hosts", [["h1", "h2", "h3"], ["h2", "h3", "h4"], ["h3", "h4", "h1"]]],
])("fault 37: of those who want %s at once, one wins at least, and nobody holds a host beside the winners", async (_, wanted) => {
  for (let round = 0; round < 3; round++) {
    const holders = new Map<string, string>();
    const results = await Promise.all(wanted.map((keys, at) => holdAll(locksOf(holders, `d${at}`, keys))));
    const winners = results.flatMap((held, at) => (isWon(held) ? [at] : []));
    expect(winners.length).toBeGreaterThan(0);
    expect(Object.fromEntries(holders)).toEqual(Object.fromEntries(winners.flatMap((at) => (wanted[at] ?? []).map((key) => [key, `d${at}`]))));
  }
});

it("fault 37: tells the loser who has which host, and leaves the others free", async () => {
  const holders = new Map([["h2", "anna"]]);
  const { taken, broken } = await holdAll(locksOf(holders, "me", ["h3", "h1", "h2"]));
  expect([...taken].map(([{ key }, { message }]) => [key, message])).toEqual([["h2", "anna has it"]]);
  expect(broken.size).toBe(0);
  expect([...holders]).toEqual([["h2", "anna"]]);
});

it("takes the others where a host is broken", async () => {
  const holders = new Map<string, string>();
  const broken: HostLock = { key: "h2", hold: async () => ({ code: "permission", message: "no" }), release: async () => undefined };
  const held = await holdAll([...locksOf(holders, "me", ["h1", "h3"]), broken]);
  expect([isWon(held), [...held.broken.keys()], [...holders.keys()].toSorted()]).toEqual([true, [broken], ["h1", "h3"]]);
});
