import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { Problem } from "../../model/index.ts";

/** One host's lock, as its agent gives and takes it. */
export interface HostLock {
  /** The same for everybody who wants this host. */
  readonly key: string;
  /** Undefined when it is ours; what keeps us from it otherwise. */
  hold(): Promise<Problem | undefined>;
  release(): Promise<void>;
}

/** What became of taking several locks: all of them but the broken, or none. */
export interface Held<Lock> {
  /** Hosts that cannot be worked on, whoever asks. */
  readonly broken: ReadonlyMap<Lock, Problem>;
  /** Somebody else's; where there are any, nothing is held. */
  readonly taken: ReadonlyMap<Lock, Problem>;
}

/** How long somebody who wants some of the same hosts at the same moment may need to give them back, in milliseconds from the first refusal, however long that took. */
const PATIENCE = 2000;
const GLANCE = 150;
/** And so many looks, each of which a busy machine may answer late. */
const LOOKS = 5;

/**
 * Take the locks of all hosts, or of none, so that of those who want the same hosts one always wins.
 * All are asked at once. Whoever meets one that is taken keeps only those that sort before it while it waits for it: so everybody waits in one order, and whoever holds the last one in it gets on.
 */
export async function holdAll<Lock extends HostLock>(locks: readonly Lock[]): Promise<Held<Lock>> {
  let deadline: number | undefined;
  const broken = new Map<Lock, Problem>();
  let held: readonly Lock[] = [];
  let wanted: readonly Lock[] = locks.toSorted((a, b) => (a.key < b.key ? -1 : 1));
  while (wanted.length > 0) {
    const answers = await Promise.all(wanted.map((lock) => lock.hold()));
    const refusals = new Map<Lock, Problem>(wanted.flatMap((lock, at) => (answers[at] === undefined ? [] : [[lock, answers[at]] as const])));
    const mine = wanted.filter((lock) => !refusals.has(lock));
    for (const [lock, problem] of refusals) if (!isTaken(problem)) broken.set(lock, problem);
    const taken = new Map([...refusals].filter(([, problem]) => isTaken(problem)));
    const [first] = taken.keys();
    if (first === undefined) return { broken, taken };
    const at = wanted.indexOf(first);
    const before = mine.filter((lock) => wanted.indexOf(lock) < at);
    await releaseAll(mine.filter((lock) => !before.includes(lock)));
    held = [...held, ...before];
    deadline ??= performance.now() + PATIENCE;
    const last = await waitFor(first, taken.get(first) as Problem, deadline);
    if (last !== undefined) {
      await releaseAll(held);
      return { broken, taken: new Map([...taken, [first, last]]) };
    }
    held = [...held, first];
    wanted = wanted.slice(at + 1).filter((lock) => !broken.has(lock));
  }
  return { broken, taken: new Map() };
}

/** Undefined when it is ours at last; what is in the way otherwise. */
async function waitFor(lock: HostLock, problem: Problem, deadline: number): Promise<Problem | undefined> {
  let now: Problem | undefined = problem;
  // Who has changed the host meanwhile has won it: waiting is for those who may give it back unchanged.
  for (let looks = 0; now?.code === "host-busy" && (looks < LOOKS || performance.now() < deadline); looks++) {
    await sleep(GLANCE);
    now = await lock.hold();
  }
  return now;
}

async function releaseAll(locks: readonly HostLock[]): Promise<void> {
  await Promise.all(locks.map((lock) => lock.release()));
}

function isTaken({ code }: Problem): boolean {
  return code === "host-busy" || code === "host-changed";
}
