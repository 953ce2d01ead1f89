import { CaissonError, type Bytes } from "../model/index.ts";

/** A frame's header: JSON with members of any kind. */
export type Header = Readonly<Record<string, unknown>>;

/** No answer is longer; a length beyond it is noise that looks like a frame. */
const HEADER_LIMIT = 1 << 26;
/** What login shells print before the marker. */
const NOISE_LIMIT = 1 << 20;

/** The bytes of a frame: the header's length in four bytes, big-endian, and the header. Raw bytes follow where it has a `size`. */
export function encodeFrame(header: Header): Uint8Array {
  const text = Buffer.from(JSON.stringify(header), "utf8");
  const frame = Buffer.allocUnsafe(4 + text.length);
  frame.writeUInt32BE(text.length);
  text.copy(frame, 4);
  return frame;
}

/**
 * The headers in a stream, from the line that is `marker` on; whatever stands before it is skipped. What an agent says carries no raw bytes.
 * `onMarker` is called once, when the marker has come.
 * @throws CaissonError `unknown-state` where what comes is no frame
 */
export async function* readFrames(bytes: Bytes, marker: string, onMarker: () => void): AsyncIterable<Header> {
  let waiting: Buffer = Buffer.alloc(0);
  let begun = false;
  for await (const chunk of bytes) {
    waiting = waiting.length === 0 ? asBuffer(chunk) : Buffer.concat([waiting, chunk]);
    if (!begun) {
      const at = waiting.indexOf(`${marker}\n`);
      if (at < 0 && waiting.length > NOISE_LIMIT) nonsense("something other than the agent answers");
      if (at < 0) continue;
      waiting = waiting.subarray(at + marker.length + 1);
      begun = true;
      onMarker();
    }
    for (let length = wholeFrame(waiting); length > 0; length = wholeFrame(waiting)) {
      yield parseHeader(waiting.subarray(4, length));
      waiting = waiting.subarray(length);
    }
  }
}

function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

/** The length of the frame that `bytes` begins with, or 0 where it is not whole yet. */
function wholeFrame(bytes: Buffer): number {
  if (bytes.length < 4) return 0;
  const length = bytes.readUInt32BE();
  if (length > HEADER_LIMIT) nonsense("the agent's answer is no frame");
  return bytes.length < 4 + length ? 0 : 4 + length;
}

function parseHeader(bytes: Buffer): Header {
  try {
    return JSON.parse(bytes.toString("utf8")) as Header;
  } catch (error) {
    return nonsense("the agent's answer is no frame", error);
  }
}

function nonsense(message: string, cause?: unknown): never {
  throw new CaissonError([{ code: "unknown-state", message }], cause);
}
