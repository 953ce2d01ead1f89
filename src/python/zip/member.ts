import { Readable } from "node:stream";
import { isMainThread } from "node:worker_threads";
import { crc32, createInflateRaw, inflateRaw, inflateRawSync } from "node:zlib";
import type { Bytes } from "../../model/index.ts";
import { refuse } from "../wheel/refuse.ts";
import { asBuffer, DESCRIPTOR, FLAG, LOCAL, type DirectoryEntry } from "./directory.ts";
import { checkUnicodePath, readExtra, readUInt64, widen } from "./extra.ts";
import { SPAN, type ReadExtent } from "./spans.ts";
import type { ByteSource } from "./source.ts";

/** Where a member lies: its local header, its data, its descriptor, and nothing else. */
export interface Extent {
  readonly start: number;
  readonly end: number;
}

/** A member's content, checked against the central directory: small ones in one chunk, large ones as a stream. */
export async function* openMember(source: ByteSource, entry: DirectoryEntry, extent: Extent, read: ReadExtent): Bytes {
  if (extent.end - extent.start <= SPAN && entry.size <= WHOLE) {
    const bytes = asBuffer(await read(extent));
    const header = checkHeader(bytes, entry);
    checkDescriptor(bytes.subarray(header + entry.compressedSize), entry);
    yield await inflateWhole(bytes.subarray(header, header + entry.compressedSize), entry);
    return;
  }
  const head = asBuffer(await source.read(extent.start, Math.min(LONGEST_HEADER, extent.end - extent.start)));
  const data = extent.start + checkHeader(head, entry);
  const behind = data + entry.compressedSize;
  if (behind > extent.end) refuse("Z2", `\`${entry.name}\` overlaps what follows it`);
  checkDescriptor(asBuffer(await source.read(behind, Math.min(LONGEST_HEADER, extent.end - behind))), entry);
  yield* inflateStream(source, data, entry);
}

/** Where the data begin. */
function checkHeader(bytes: Buffer, entry: DirectoryEntry): number {
  const { name } = entry;
  if (!bytes.subarray(0, 4).equals(LOCAL)) refuse("Z2", `\`${name}\` has no local header where the central directory says`);
  const nameEnd = 30 + bytes.readUInt16LE(26);
  const end = nameEnd + bytes.readUInt16LE(28);
  if (end > bytes.length) refuse("Z2", `the local header of \`${name}\` is cut off`);
  if (!bytes.subarray(30, nameEnd).equals(entry.rawName)) refuse("Z1", `\`${name}\` has another name in its local header`);
  const flags = bytes.readUInt16LE(6);
  const compared = FLAG.encrypted | FLAG.descriptor | FLAG.utf8;
  if ((flags & FLAG.descriptor) !== (entry.flags & FLAG.descriptor)) refuse("Z4", `only one of the two headers of \`${name}\` speaks of a data descriptor`);
  if ((flags & compared) !== (entry.flags & compared)) refuse("Z1", `\`${name}\` has other flags in its local header`);
  if (bytes.readUInt16LE(8) !== entry.method) refuse("Z1", `\`${name}\` has another method in its local header`);
  const fields = readExtra(bytes.subarray(nameEnd, end), name);
  checkUnicodePath(fields, entry.rawName);
  const [size, compressedSize] = widen(fields, [bytes.readUInt32LE(22), bytes.readUInt32LE(18)], name);
  const said = [bytes.readUInt32LE(14), size, compressedSize];
  // With a descriptor the header was written before the data were known.
  const unknown = (flags & FLAG.descriptor) !== 0 && said.every((value) => value === 0);
  if (!unknown && (said[0] !== entry.crc32 || size !== entry.size || compressedSize !== entry.compressedSize)) refuse("Z1", `\`${name}\` has another CRC or size in its local header`);
  return end;
}

/** What stands between a member's data and the next header: a descriptor where the flag says so, else nothing. */
function checkDescriptor(rest: Buffer, entry: DirectoryEntry): void {
  const { name } = entry;
  if ((entry.flags & FLAG.descriptor) === 0) {
    if (rest.length === 0) return;
    if (rest.subarray(0, 4).equals(DESCRIPTOR)) refuse("Z4", `\`${name}\` has a data descriptor, and no flag that says so`);
    refuse("Z2", rest.subarray(0, 4).equals(LOCAL) ? `a member that the central directory does not know follows \`${name}\`` : `${rest.length} bytes that belong to nobody follow \`${name}\``);
  }
  const fields = rest.length % 8 === 0 ? rest.subarray(4) : rest;
  const signed = fields !== rest;
  if (![12, 16, 20, 24].includes(rest.length) || (signed && !rest.subarray(0, 4).equals(DESCRIPTOR))) refuse("Z4", `what follows \`${name}\` is not its data descriptor`);
  const wide = fields.length === 20;
  const compressedSize = wide ? readUInt64(fields, 4, name) : fields.readUInt32LE(4);
  const size = wide ? readUInt64(fields, 12, name) : fields.readUInt32LE(8);
  if (fields.readUInt32LE(0) !== entry.crc32 || size !== entry.size || compressedSize !== entry.compressedSize) refuse("Z4", `the data descriptor of \`${name}\` contradicts the central directory`);
}

async function inflateWhole(data: Buffer, entry: DirectoryEntry): Promise<Uint8Array> {
  const content = entry.method === 0 ? data : await inflate(data, entry);
  if (content.length !== entry.size) refuse("Z6", `\`${entry.name}\` has ${content.length} bytes, not ${entry.size}`);
  if (crc32(content) !== entry.crc32) refuse("Z6", `the CRC of \`${entry.name}\` is wrong`);
  return content;
}

interface Inflated {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

/** A trip to the thread pool costs more than inflating a small member. */
async function inflate(data: Buffer, entry: DirectoryEntry): Promise<Buffer> {
  // Room for everything at once: a round of the pool per 16 kB is what makes zlib slow.
  const options = { info: true, chunkSize: Math.max(64, entry.size + 1), maxOutputLength: entry.size + 1 };
  const pending = data.length <= AT_ONCE ? tryInflate(data, options) : inflateInPool(data, options);
  const { buffer, engine } = await pending.catch((error: unknown) => refuse("Z6", `\`${entry.name}\` cannot be inflated to ${entry.size} bytes: ${String(error)}`));
  if (engine.bytesWritten !== data.length) refuse("Z6", `other bytes follow the compressed data of \`${entry.name}\``);
  return buffer;
}

async function tryInflate(data: Buffer, options: object): Promise<Inflated> {
  return inflateRawSync(data, options) as unknown as Inflated;
}

function inflateInPool(data: Buffer, options: object): Promise<Inflated> {
  return new Promise((resolve, reject) => {
    inflateRaw(data, options, (error, result) => (error === null ? resolve(result as unknown as Inflated) : reject(error)));
  });
}

async function* inflateStream(source: ByteSource, start: number, entry: DirectoryEntry): Bytes {
  const inflater = entry.method === 0 ? undefined : createInflateRaw({ chunkSize: SPAN });
  const data = Readable.from(readRange(source, start, entry.compressedSize), { objectMode: true });
  const content: AsyncIterable<Uint8Array> = inflater === undefined ? data : data.on("error", (error) => inflater.destroy(error)).pipe(inflater);
  let size = 0;
  let sum = 0;
  let held: Uint8Array | undefined;
  try {
    for await (const chunk of content) {
      size += chunk.length;
      if (size > entry.size) refuse("Z6", `\`${entry.name}\` has more bytes than ${entry.size}`);
      sum = crc32(chunk, sum);
      if (held !== undefined) yield held;
      held = chunk;
    }
  } catch (error) {
    throw isZlibError(error) ? inflateRefusal(entry, error) : error;
  } finally {
    data.destroy();
    inflater?.destroy();
  }
  if (size !== entry.size) refuse("Z6", `\`${entry.name}\` has ${size} bytes, not ${entry.size}`);
  if (inflater !== undefined && inflater.bytesWritten !== entry.compressedSize) refuse("Z6", `other bytes follow the compressed data of \`${entry.name}\``);
  if (sum !== entry.crc32) refuse("Z6", `the CRC of \`${entry.name}\` is wrong`);
  if (held !== undefined) yield held;
}

async function* readRange(source: ByteSource, start: number, length: number): Bytes {
  for (let at = 0; at < length; at += SPAN) yield await source.read(start + at, Math.min(SPAN, length - at));
}

function isZlibError(error: unknown): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "string" && error.code.startsWith("Z_");
}

function inflateRefusal(entry: DirectoryEntry, cause: unknown): unknown {
  try {
    return refuse("Z6", `\`${entry.name}\` cannot be inflated: ${String(cause)}`);
  } catch (error) {
    return error;
  }
}

/** The longest local header: two lengths of 16 bits. */
const LONGEST_HEADER = 30 + 2 * 0xffff;
/** Content of up to so many bytes is inflated in one go; less in threads, whose memory adds up. */
const WHOLE = isMainThread ? 16 << 20 : 2 << 20;
/** Compressed bytes up to which inflating on this thread is faster; one that does nothing else always is. */
const AT_ONCE = isMainThread ? 16 << 10 : WHOLE;
