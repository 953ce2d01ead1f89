/** Bytes that were made lately, for whoever wants the same again soon: several hosts, one after the other. Keeps so many bytes at most. */
export function keepRecent(limit: number): (key: string, make: () => Promise<Uint8Array>) => Promise<Uint8Array> {
  const kept = new Map<string, { readonly bytes: Promise<Uint8Array>; size: number }>();
  let held = 0;
  return async (key, make) => {
    const known = kept.get(key);
    if (known !== undefined) return await known.bytes;
    const mine = { bytes: make(), size: 0 };
    kept.set(key, mine);
    try {
      mine.size = (await mine.bytes).length;
    } catch (error) {
      kept.delete(key);
      throw error;
    }
    held += mine.size;
    for (const [old, { size }] of kept) {
      if (held <= limit) break;
      kept.delete(old);
      held -= size;
    }
    return await mine.bytes;
  };
}
