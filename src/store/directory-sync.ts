import { syncPath } from "../system/index.ts";

/**
 * Makes the names in a directory durable, for many writers at once: whoever asks while a sync runs shares the next one.
 * Resolves after a sync that began after the call.
 */
export function directorySync(path: string): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  return () => {
    next ??= (async () => {
      // Those who wait for the sync that runs hear of its failure themselves.
      await running.catch(() => undefined);
      next = undefined;
      running = syncPath(path);
      await running;
    })();
    return next;
  };
}
