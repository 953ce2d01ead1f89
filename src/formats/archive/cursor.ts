import type { Bytes } from "../../model/index.ts";
import { refuseBundle, type Refuse } from "./member.ts";

/** A place in a stream of bytes, from which one reads forward. */
export interface Cursor extends AsyncDisposable {
  /** The next bytes, exactly so many. Refused where the stream ends before. */
  take(length: number): Promise<Buffer>;
  /** The same in chunks, without gathering them. */
  stream(length: number): Bytes;
  /** Everything that is left. */
  rest(): Bytes;
}

export function openCursor(bytes: Bytes, refuse: Refuse = refuseBundle): Cursor {
  const source = bytes[Symbol.asyncIterator]();
  let chunk: Uint8Array = new Uint8Array();

  /** At most `length` bytes, at least one, or undefined at the end. */
  async function next(length: number): Promise<Uint8Array | undefined> {
    while (chunk.length === 0) {
      const { done, value } = await source.next();
      if (done === true) return undefined;
      chunk = value;
    }
    const part = chunk.subarray(0, length);
    chunk = chunk.subarray(length);
    return part;
  }

  async function* stream(length: number): Bytes {
    for (let left = length; left > 0; ) {
      const part = (await next(left)) ?? refuse("is cut short");
      left -= part.length;
      yield part;
    }
  }

  return {
    async take(length) {
      const parts: Uint8Array[] = [];
      for await (const part of stream(length)) parts.push(part);
      return Buffer.concat(parts);
    },
    stream,
    async *rest() {
      for (let part = await next(Infinity); part !== undefined; part = await next(Infinity)) yield part;
    },
    [Symbol.asyncDispose]: async () => {
      await source.return?.();
    },
  };
}
