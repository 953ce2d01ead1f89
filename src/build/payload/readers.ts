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
  // The next wheel lies ready when one is read. A second thread would save little beside what this one has to do, and its memory would be too much.
  const enqueue = createQueue(2);
  const alone = availableParallelism() < 2 || !existsSync(PROGRAM);
  let thread: Thread | undefined;
  let seen = 0;
  return {
    read: async (fileName, wheel, blob, excused = []) => {
      seen += wheel.size;
      if (alone || seen < WORTH_A_THREAD || excused.length > 0) return await readWheel(fileName, wheel, blob, excused);
      return open(await enqueue(async () => {
        if (signal.aborted) fail({ code: "cancelled", message: "stopped on request" });
        const asked = (thread ??= startThread());
        try {
          return await asked.ask({ fileName, wheel, descriptor: blob.descriptor, size: blob.size });
        } catch (error) {
          // One that has ended answers nobody.
          if (thread === asked) thread = undefined;
          await asked.end();
          throw error;
        }
      }));
    },
    [Symbol.asyncDispose]: async () => await thread?.end(),
  };
}

const PROGRAM = ownPath("dist/build/payload/reading-thread.js");

/** Answers in the order in which it is asked. */
interface Thread {
  ask(reading: Reading): Promise<ReadingAnswer>;
  end(): Promise<void>;
}

/** The process lives as long as a thread has something to do, and no longer. */
function startThread(): Thread {
  // Memory outside the heap is given back when young objects are swept, so that has to happen often.
  const thread = new Worker(PROGRAM, { resourceLimits: { maxYoungGenerationSizeMb: 4 } });
  const waiting: { readonly resolve: (answer: ReadingAnswer) => void; readonly reject: (error: unknown) => void }[] = [];
  const refuseAll = (error: unknown): void => waiting.splice(0).forEach(({ reject }) => reject(error));
  thread.on("error", refuseAll).on("exit", () => refuseAll(new Error("the thread that reads wheels has ended")));
  thread.on("message", (answer: ReadingAnswer) => {
    const asker = waiting.shift();
    if (waiting.length === 0) thread.unref();
    asker?.resolve(answer);
  });
  return {
    ask: async (reading) => await new Promise((resolve, reject) => {
      waiting.push({ resolve, reject });
      thread.ref();
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
      thread.postMessage(reading);
    }),
    end: async () => void (await thread.terminate()),
  };
}

function open(answer: ReadingAnswer): Distribution {
  if ("distribution" in answer) return answer.distribution;
  if ("problems" in answer) throw new CaissonError(answer.problems, answer.cause === undefined ? undefined : new Error(answer.cause));
  throw new Error(answer.bug);
}
