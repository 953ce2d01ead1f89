import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { CaissonError, fail, type Descriptor, type Distribution, type Problem } from "../../model/index.ts";
import { readWheel } from "../../python/index.ts";
import type { OpenBlob } from "../../store/index.ts";
import { ownPath } from "../../system/index.ts";
import { createQueue } from "../queue.ts";

/** What a thread is asked to read: a wheel that is open, and checked, in this process. */
export interface Reading {
  readonly fileName: string;
  readonly wheel: Descriptor;
  /** The file's number, which all threads of a process share. */
  readonly descriptor: number;
  readonly size: number;
}

/** What it answers: errors are no longer themselves on the other side. */
export type ReadingAnswer = { readonly distribution: Distribution } | { readonly problems: readonly [Problem, ...Problem[]]; readonly cause?: string } | { readonly bug: string };

/** Reads wheels: a few in this thread, and where there is much to read in one of its own, beside what fetches and packs. */
export interface WheelReaders extends AsyncDisposable {
  /** @throws CaissonError as `readWheel` · `cancelled` */
  read(fileName: string, wheel: Descriptor, blob: OpenBlob, excused?: readonly string[]): Promise<Distribution>;
}

/** Bytes of wheels after which a thread pays: it takes a twentieth of a second to start, and some 80 MB. */
const WORTH_A_THREAD = 8 << 20;

export function openReaders(signal: AbortSignal): WheelReaders {
  // Memory outside the heap is given back when young objects are swept, so that has to happen often.
  // One alone: a second thread saves little beside what this one has to do, and its memory would be too much.
  const enqueue = createQueue(1);
  const alone = availableParallelism() < 2 || !existsSync(PROGRAM);
  let thread: Worker | undefined;
  let seen = 0;
  return {
    read: async (fileName, wheel, blob, excused = []) => {
      seen += wheel.size;
      if (alone || seen < WORTH_A_THREAD || excused.length > 0) return await readWheel(fileName, wheel, blob, excused);
      return open(await enqueue(async () => {
        thread ??= new Worker(PROGRAM, { resourceLimits: { maxYoungGenerationSizeMb: 2 } });
        try {
          return await ask(thread, { fileName, wheel, descriptor: blob.descriptor, size: blob.size }, signal);
        } catch (error) {
          // One that has ended answers nobody.
          await thread.terminate();
          thread = undefined;
          throw error;
        }
      }));
    },
    [Symbol.asyncDispose]: async () => {
      await thread?.terminate();
    },
  };
}

const PROGRAM = ownPath("dist/build/payload/reading-thread.js");

/** The process lives as long as a thread has something to do, and no longer. */
async function ask(thread: Worker, reading: Reading, signal: AbortSignal): Promise<ReadingAnswer> {
  thread.ref();
  try {
    return await new Promise((resolve, reject) => {
      const ended = (): void => reject(new Error(`the thread that read \`${reading.fileName}\` has ended`));
      thread.removeAllListeners().once("message", resolve).once("error", reject).once("exit", ended);
      if (signal.aborted) fail({ code: "cancelled", message: "stopped on request" });
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
      thread.postMessage(reading);
    });
  } finally {
    thread.unref();
  }
}

function open(answer: ReadingAnswer): Distribution {
  if ("distribution" in answer) return answer.distribution;
  if ("problems" in answer) throw new CaissonError(answer.problems, answer.cause === undefined ? undefined : new Error(answer.cause));
  throw new Error(answer.bug);
}
