import { once } from "node:events";
import { CaissonError } from "../../model/index.ts";

/** What work ends with that somebody stopped. */
export function cancelled(): CaissonError {
  return new CaissonError([{ code: "cancelled", message: "stopped on request" }]);
}

/** The work's result, or a refusal as soon as somebody asks us to stop. */
export async function orAborted<Result>(signal: AbortSignal, work: Promise<Result>): Promise<Result> {
  const over = new AbortController();
  const aborted = once(signal, "abort", { signal: over.signal }).then(() => Promise.reject(cancelled()));
  // Whoever loses the race may still fail; nobody waits for it any more.
  for (const promise of [work, aborted]) promise.catch(() => undefined);
  try {
    if (signal.aborted) throw cancelled();
    return await Promise.race([work, aborted]);
  } finally {
    over.abort();
  }
}
