/** Runs in a thread of its own: reads the wheels that it is told of, one after the other. */
import { readSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import { CaissonError } from "../../model/index.ts";
import { readWheel } from "../../python/index.ts";
import type { Reading, ReadingAnswer } from "./readers.ts";

let last: Promise<void> = Promise.resolve();
parentPort?.on("message", (reading: Reading) => {
  const found = last.then(() => answer(reading));
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
  last = found.then((each) => parentPort?.postMessage(each));
});

async function answer({ fileName, wheel, descriptor, size }: Reading): Promise<ReadingAnswer> {
  try {
    return { distribution: await readWheel(fileName, wheel, { size, read: (offset, length) => Promise.resolve(readAt(descriptor, offset, length)) }) };
  } catch (error) {
    if (error instanceof CaissonError) return { problems: error.problems, ...(error.cause instanceof Error ? { cause: error.cause.message } : {}) };
    return { bug: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

function readAt(descriptor: number, offset: number, length: number): Uint8Array {
  const buffer = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const count = readSync(descriptor, buffer, done, length - done, offset + done);
    if (count === 0) break;
    done += count;
  }
  return buffer.subarray(0, done);
}
