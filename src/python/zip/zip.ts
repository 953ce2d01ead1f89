import { createHash } from "node:crypto";
import type { Bytes } from "../../model/index.ts";
import { refuse } from "../wheel/refuse.ts";
import { readDirectory, type DirectoryEntry, type ZipMember } from "./directory.ts";
import { openMember, type Extent } from "./member.ts";
import { checkNames } from "./names.ts";
import type { ByteSource } from "./source.ts";
import { readInSpans } from "./spans.ts";

export interface Zip {
  /** In the order in which they lie in the file; fastest read in this order, several at a time. */
  readonly members: readonly ZipMember[];
  /**
   * A member's content. Its local header, its place between its neighbours, its size and its CRC are checked on the way; the last chunk comes only when they are right.
   * @throws CaissonError `wheel-invalid`
   */
  open(member: ZipMember): Bytes;
}

/**
 * Read a zip as strictly as a wheel deserves: what two readers could understand differently is refused, by rules Z1 to Z15.
 * The central directory is checked at once, each member when it is opened.
 * @throws CaissonError `wheel-invalid`, the message begins with the rule's name
 * Source: PKWARE APPNOTE 6.3.10; the refusals of uv's `uv-extract`
 */
export async function readZip(source: ByteSource): Promise<Zip> {
  const directory = await readDirectory(source);
  const extents = layOut(directory.entries, directory.start);
  checkNames(directory.entries);
  const read = readInSpans(source, [...extents.values()]);
  const open = (entry: DirectoryEntry): Bytes => openMember(source, entry, extents.get(entry) as Extent, read);
  const byName = new Map<string, DirectoryEntry>();
  for (const entry of extents.keys()) {
    const twin = byName.get(entry.name);
    if (twin === undefined) byName.set(entry.name, entry);
    else await checkTwins(twin, entry, open);
  }
  return { members: [...byName.values()], open: (member) => open(byName.get(member.name) ?? unknownMember(member)) };
}

/** Each member's place: from its local header to the next one's, the last one's to the central directory; no byte belongs to nobody. */
function layOut(entries: readonly DirectoryEntry[], end: number): Map<DirectoryEntry, Extent> {
  const sorted = entries.toSorted((a, b) => a.offset - b.offset);
  const first = sorted[0]?.offset ?? end;
  if (first !== 0) refuse("Z15", `${first} bytes stand before the first member`);
  return new Map(
    sorted.map((entry, at) => {
      const next = sorted[at + 1]?.offset ?? end;
      if (next - entry.offset < MINIMUM_HEADER + entry.compressedSize) refuse("Z2", `\`${entry.name}\` overlaps what follows it`);
      return [entry, { start: entry.offset, end: next }];
    }),
  );
}

const MINIMUM_HEADER = 30;

async function checkTwins(a: DirectoryEntry, b: DirectoryEntry, open: (entry: DirectoryEntry) => Bytes): Promise<void> {
  if (a.size === b.size && a.crc32 === b.crc32 && a.mode === b.mode && (await hash(open(a))) === (await hash(open(b)))) return;
  refuse("Z8", `\`${a.name}\` is there twice, with different bytes or modes`);
}

async function hash(bytes: Bytes): Promise<string> {
  const sum = createHash("sha256");
  for await (const chunk of bytes) sum.update(chunk);
  return sum.digest("hex");
}

function unknownMember(member: ZipMember): never {
  throw new TypeError(`${member.name} is no member of this zip`);
}

/** A whole member in memory; for small ones. */
export async function readMember(zip: Zip, member: ZipMember): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of zip.open(member)) chunks.push(chunk);
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks);
}
