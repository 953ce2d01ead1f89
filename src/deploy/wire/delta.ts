/** Bytes that must be equal in a row before they are worth a copy. */
const BLOCK = 16;

/** How far a difference of equal length on both sides is looked past: digests are 64 letters. */
const REACH = 96;

/**
 * Bytes by their difference to others: a line of numbers, three by three, and then new bytes. Each three say: so many bytes (second) of `base` from an offset (first), then so many (third) of the new ones.
 * Meant for documents of which little changes; whoever applies it must check what comes of it.
 */
export function tellDifference(base: Uint8Array, bytes: Uint8Array): Uint8Array {
  const [from, to] = [asBuffer(base), asBuffer(bytes)];
  const blocks = indexBlocks(from);
  const numbers: number[] = [];
  const fresh: Uint8Array[] = [];
  for (let at = 0, start = 0; at < to.length; ) {
    const length = equalLength(from, start, to, at);
    at += length;
    const next = findNext(from, start + length, to, at, blocks);
    numbers.push(start, length, next.at - at);
    fresh.push(to.subarray(at, next.at));
    at = next.at;
    start = next.start;
  }
  return Buffer.concat([Buffer.from(`${JSON.stringify(numbers)}\n`), ...fresh]);
}

/** Where both run equal again: right behind a difference of the same length on both sides, else wherever the next bytes stand in the base; the end where nowhere. */
function findNext(from: Buffer, start: number, to: Buffer, at: number, blocks: ReadonlyMap<string, number>): { readonly at: number; readonly start: number } {
  for (let length = 1; length <= REACH; length++) if (isEqual(from, start + length, to, at + length)) return { at: at + length, start: start + length };
  for (let place = at; place + BLOCK <= to.length; place++) {
    const found = blocks.get(blockAt(to, place));
    if (found === undefined) continue;
    // What stands before the block may be equal as well.
    let back = 0;
    while (back < Math.min(place - at, found) && from[found - back - 1] === to[place - back - 1]) back++;
    return { at: place - back, start: found - back };
  }
  return { at: to.length, start: from.length };
}

function indexBlocks(bytes: Buffer): ReadonlyMap<string, number> {
  const blocks = new Map<string, number>();
  for (let at = 0; at + BLOCK <= bytes.length; at += BLOCK) {
    const block = blockAt(bytes, at);
    if (!blocks.has(block)) blocks.set(block, at);
  }
  return blocks;
}

function blockAt(bytes: Buffer, at: number): string {
  return bytes.toString("latin1", at, at + BLOCK);
}

function isEqual(from: Buffer, start: number, to: Buffer, at: number): boolean {
  return start + BLOCK <= from.length && at + BLOCK <= to.length && from.compare(to, at, at + BLOCK, start, start + BLOCK) === 0;
}

function equalLength(from: Buffer, start: number, to: Buffer, at: number): number {
  const most = Math.min(from.length - start, to.length - at);
  let length = 0;
  while (length < most && from[start + length] === to[at + length]) length++;
  return length;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
