import type { ByteSource } from "./source.ts";

/** Reads one extent of a source; neighbours come with it. */
export type ReadExtent = (extent: { readonly start: number; readonly end: number }) => Promise<Uint8Array>;

/**
 * Read neighbouring extents together, for a wheel has thousands of small members and a read for each costs more than inflating it.
 * A few spans are kept; memory stays at some megabytes whatever the size of the source.
 */
export function readInSpans(source: ByteSource, extents: readonly { readonly start: number; readonly end: number }[]): ReadExtent {
  const starts = spanStarts(extents);
  const kept = new Map<number, Promise<Uint8Array>>();
  return async (extent) => {
    const span = spanOf(starts, extent.start);
    const start = starts[span] ?? 0;
    let bytes = kept.get(span);
    if (bytes === undefined) {
      bytes = source.read(start, (starts[span + 1] ?? extents.at(-1)?.end ?? 0) - start);
      kept.set(span, bytes);
      const [oldest] = kept.keys();
      if (kept.size > SPANS_KEPT && oldest !== undefined) kept.delete(oldest);
    }
    return (await bytes).subarray(extent.start - start, extent.end - start);
  };
}

/** Where spans begin: as many whole extents together as fit; one that is larger stands alone. */
function spanStarts(extents: readonly { readonly start: number; readonly end: number }[]): readonly number[] {
  const starts: number[] = [];
  for (const { start, end } of extents) {
    if (starts.length === 0 || end - (starts.at(-1) ?? 0) > SPAN) starts.push(start);
  }
  return starts;
}

function spanOf(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Bytes; also the largest member that is read whole. */
export const SPAN: number = 1 << 20;
const SPANS_KEPT = 4;
