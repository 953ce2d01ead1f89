/** How fast something grows. */
export interface Meter {
  /** So much of it is done at `now`, in milliseconds on a clock that never goes back. */
  note(done: number, now: number): void;
  /** Of the last seconds, per second; undefined before a second has passed. */
  rate(now: number): number | undefined;
}

/** Milliseconds that a rate is the mean of: short enough to show that a line has got stuck, long enough to hold still. */
const WINDOW = 5000;
const APART = 250;

/** Nothing is done at `began`. */
export function createMeter(began: number): Meter {
  let notes: { readonly done: number; readonly at: number }[] = [{ done: 0, at: began }];
  let latest = 0;
  return {
    note: (done, now) => {
      latest = done;
      if (now - (notes.at(-1)?.at ?? -Infinity) < APART) return;
      notes.push({ done, at: now });
      // One that is older than the window is its beginning.
      while (now - (notes[1]?.at ?? now) >= WINDOW) notes = notes.slice(1);
    },
    rate: (now) => {
      const first = notes.findLast(({ at }) => now - at >= WINDOW) ?? notes[0];
      if (first === undefined || now - first.at < 1000) return undefined;
      return Math.max(0, latest - first.done) / ((now - first.at) / 1000);
    },
  };
}
