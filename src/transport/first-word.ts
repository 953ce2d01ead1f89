import type { Bytes } from "../model/index.ts";

/** What a host says before a conversation begins, PROTOCOL.md: `begun`, its agent has the word; `want`, it has none; `unfit`, it has no Python that runs one; `nothing`, its output ended before any of these. */
export interface FirstWord {
  readonly word: "begun" | "want" | "unfit" | "nothing";
  /** What stands behind the word, `debian`. */
  readonly rest: string;
  /** What login shells, or whatever runs there in our place, printed before it. */
  readonly noise: string;
  /** All that follows; after `begun` the marker's own line again, for whoever reads frames. */
  readonly output: Bytes;
}

/** What is kept of noise, and the most that is waited through. */
const NOISE_KEPT = 4096;
const NOISE_LIMIT = 1 << 20;

/** Read up to the first line that the marker begins and one of our words follows: what runs there instead of us may print the whole command, marker and all. */
export async function readFirstWord(output: AsyncIterable<Uint8Array>, marker: string): Promise<FirstWord> {
  const pieces = output[Symbol.asyncIterator]();
  const line = new RegExp(`${marker}(?:\\n| (want|unfit)([^\\n]*)\\n)`);
  let text = "";
  while (text.length < NOISE_LIMIT) {
    const piece = await pieces.next();
    if (piece.done === true) break;
    // Bytes as letters, one each, so that nothing is lost where the noise is in no code that we know.
    text += Buffer.from(piece.value).toString("latin1");
    const found = line.exec(text);
    if (found === null) continue;
    const [whole, word = "begun", rest = ""] = found;
    const behind = text.slice(found.index + (word === "begun" ? 0 : whole.length));
    return { word: word as FirstWord["word"], rest: rest.trim(), noise: readable(text.slice(0, found.index)), output: goOn(Buffer.from(behind, "latin1"), pieces) };
  }
  return { word: "nothing", rest: "", noise: readable(text), output: goOn(new Uint8Array(), pieces) };
}

async function* goOn(first: Uint8Array, pieces: AsyncIterator<Uint8Array>): Bytes {
  if (first.length > 0) yield first;
  yield* { [Symbol.asyncIterator]: () => pieces };
}

function readable(text: string): string {
  return Buffer.from(text, "latin1").toString("utf8").trim().slice(-NOISE_KEPT);
}
