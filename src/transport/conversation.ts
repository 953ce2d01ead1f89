import { setTimeout as sleep } from "node:timers/promises";
import { CaissonError, type Bytes, type ErrorCode, type Json } from "../model/index.ts";
import type { Channel } from "./channel.ts";
import { bracketed, explainLoss } from "./ssh-words.ts";
import { encodeFrame, readFrames, type Header } from "./frames.ts";

/** Seconds between two heartbeats of ours. */
const BEAT = 5;
/** So many beats of ours without a word from the agent, and it is lost. */
const BEATS_MISSED = 4;

/** Milliseconds that a last word may take; without it, the end of our input says enough. */
const PATIENCE = 500;

/** How a step ended on the host; durable there before it was said. */
export type Answer =
  | { readonly done: true; readonly changed: boolean; readonly facts?: Json }
  | { readonly done: false; readonly code: ErrorCode; readonly detail: string; /** The command that mends it on the host. */ readonly mend?: string };

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** Questions and answers over a channel: numbers them, keeps them in order, beats, and notices when the other side is gone. */
export class Conversation {
  /** Resolves when the agent has spoken; rejects when it is gone before. */
  readonly begun: Promise<void>;
  readonly #channel: Channel;
  readonly #host: string;
  readonly #waiting = new Map<number, Waiting>();
  readonly #reading: Promise<void>;
  readonly #beats: NodeJS.Timeout;
  #writing: Promise<void> = Promise.resolve();
  #beating = false;
  #silentBeats = 0;
  #asked = 0;
  #lost: unknown;

  constructor(channel: Channel, marker: string, host: string) {
    this.#channel = channel;
    this.#host = host;
    const { promise, resolve, reject } = withResolvers();
    this.begun = promise;
    this.#reading = this.#read(marker, resolve).finally(() => reject(this.#lost));
    this.#beats = setInterval(() => void this.#beat(), BEAT * 1000).unref();
  }

  /** The answer to the request that went ahead of the conversation; it is the first. */
  asked(): Promise<Answer> {
    const { promise, resolve, reject } = withResolvers<Answer>();
    this.#waiting.set(++this.#asked, { resolve, reject });
    return promise;
  }

  /** The place in the order is taken when this is called. `chained`: to be done only if the request before it was. @throws CaissonError `unknown-state`, and whatever `bytes` throws */
  async ask(header: Header, bytes?: Bytes, chained = false): Promise<Answer> {
    if (this.#lost !== undefined) throw this.#lost;
    const after = chained ? { after: this.#asked } : {};
    const request = ++this.#asked;
    const { promise, resolve, reject } = withResolvers<Answer>();
    this.#waiting.set(request, { resolve, reject });
    void this.#write({ request, ...header, ...after }, bytes);
    return await promise;
  }

  /** Hang up on an agent that has nothing to bring to an end, and owes no answer: it notices, and a long way need not be gone once more to hear that it did. */
  async hangUp(): Promise<void> {
    if (this.#waiting.size > 0) return await this.close();
    clearInterval(this.#beats);
    this.#channel.abandon();
    await this.#channel.ended;
    await this.#reading;
  }

  /** Say no more but why, and wait until the agent has ended; what it has not answered rejects. */
  async close(leaving?: string): Promise<void> {
    clearInterval(this.#beats);
    // Behind a blob that is under way there is no saying anything.
    if (leaving !== undefined && this.#lost === undefined) await Promise.race([this.#write({ beat: this.#asked, leaving }), sleep(PATIENCE, undefined, { ref: false })]);
    this.#channel.input.end();
    await this.#channel.ended;
    await this.#reading;
  }

  /** Frames stand one behind the other; each waits for the one before it. */
  #write(header: Header, bytes?: Bytes): Promise<void> {
    this.#writing = this.#putFrame(this.#writing, header, bytes);
    return this.#writing;
  }

  async #putFrame(before: Promise<void>, header: Header, bytes: Bytes | undefined): Promise<void> {
    await before;
    try {
      await this.#put(encodeFrame(header));
      if (bytes !== undefined) await this.#putAll(bytes, header["size"]);
    } catch (error) {
      // Behind half a blob nothing can be understood: this is the end of the conversation.
      if (this.#lost === undefined) this.#end(error);
    }
  }

  async #putAll(bytes: Bytes, size: unknown): Promise<void> {
    let sent = 0;
    for await (const chunk of bytes) {
      sent += chunk.length;
      await this.#put(chunk);
    }
    if (sent !== size) throw new CaissonError([{ code: "digest-mismatch", message: `a blob of ${String(size)} bytes turned out to have ${sent}` }]);
  }

  /** Done when the system has taken the bytes, so that no more than one piece ever waits in memory. Where nobody takes them, the process is gone, and its own last words say why. */
  async #put(bytes: Uint8Array): Promise<void> {
    const error = await new Promise<Error | null | undefined>((resolve) => {
      this.#channel.input.write(bytes, resolve);
    });
    if (error === null || error === undefined) return;
    const { detail } = await this.#channel.ended;
    throw this.#gone(detail === "" ? error : detail);
  }

  async #read(marker: string, onMarker: () => void): Promise<void> {
    try {
      for await (const header of readFrames(this.#channel.output, marker, onMarker)) {
        this.#silentBeats = 0;
        this.#take(header);
      }
      this.#end(this.#gone((await this.#channel.ended).detail));
    } catch (error) {
      this.#end(error instanceof CaissonError ? error : this.#gone(error));
    }
  }

  #take(header: Header): void {
    const waiting = this.#waiting.get(header["answer"] as number);
    if (waiting === undefined) return;
    this.#waiting.delete(header["answer"] as number);
    if (header["ok"] === true) waiting.resolve({ done: true, changed: header["changed"] === true, ...(header["facts"] === null ? {} : { facts: header["facts"] as Json }) });
    else waiting.resolve({ done: false, code: header["code"] as ErrorCode, detail: String(header["detail"]), ...(typeof header["mend"] === "string" ? { mend: header["mend"] } : {}) });
  }

  async #beat(): Promise<void> {
    // Beats are counted, not seconds: when we ourselves were held up, the agent's words are still unread.
    if (++this.#silentBeats > BEATS_MISSED) {
      this.#end(this.#gone(`no word for ${BEATS_MISSED * BEAT} s`));
      this.#channel.abandon();
    }
    if (this.#beating || this.#lost !== undefined) return;
    this.#beating = true;
    await this.#write({ beat: this.#asked });
    this.#beating = false;
  }

  #gone(cause: unknown): CaissonError {
    const why = typeof cause === "string" ? explainLoss(cause) : undefined;
    return new CaissonError([{ code: "unknown-state", message: `lost the agent on \`${this.#host}\`${bracketed(why)}`, hint: "what it was doing may be done or undone: caisson status" }], cause === "" || cause === why ? undefined : cause);
  }

  #end(reason: unknown): void {
    this.#lost ??= reason;
    clearInterval(this.#beats);
    for (const { reject } of this.#waiting.values()) reject(this.#lost);
    this.#waiting.clear();
    this.#channel.input.destroy();
  }
}

/** `Promise.withResolvers`, which Node 20 lacks. An unheard rejection ends nothing: whoever asks hears of it. */
function withResolvers<Value = void>(): { readonly promise: Promise<Value>; readonly resolve: (value: Value) => void; readonly reject: (error: unknown) => void } {
  let resolve!: (value: Value) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<Value>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}
