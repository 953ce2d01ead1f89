import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { createDeflateRaw, deflateRaw } from "node:zlib";
import type { Bytes, Descriptor, Digest, Packed, Source } from "../../model/index.ts";
import { readMember, readZip, type Zip } from "../../python/index.ts";
import type { OpenBlob, Store } from "../../store/index.ts";
import { readWhole } from "../../system/index.ts";
import { tellDifference } from "./delta.ts";
import { keepRecent } from "./recently.ts";
import type { Receive } from "./sending.ts";

/** What is larger is packed as a stream, and never told by a difference. */
const SMALL = 1 << 20;
/** Bytes of a larger one that show whether packing helps. */
const SAMPLE = 1 << 16;
/** Bytes of small ones that are kept for the next host. */
const RECENT = 8 << 20;
/** Packing that saves less is not worth anybody's time. */
const WORTH = 0.95;

/** A store's bytes on their way to hosts: what can be had from where, and how it travels. Wheels that were opened stay so until it is disposed of. */
export interface Wire extends AsyncDisposable {
  /** A blob as a step of a plan: as it is, or packed where that helps. `base`: what the host has that may resemble it. */
  pack(blob: Descriptor, source?: Source, base?: Packed["base"]): Promise<Receive>;
  /** A step's bytes as they travel; as many as the step says where the same Node has planned it. */
  read(step: Receive): Bytes;
}

export function openWire(store: Store): Wire {
  const zips = new Map<Digest, Promise<OpenZip>>();
  const recent = keepRecent(RECENT);
  const bytesAt = async (source: Source): Promise<Uint8Array> => {
    if (source.from === "inline") return Buffer.from(source.text, "utf8");
    if (source.from === "blob") return await readWhole(store.read(source.blob));
    const { zip } = await (zips.get(source.blob) ?? remember(zips, source.blob, openZip(store, source.blob)));
    const member = zip.members.find(({ name }) => name === source.member);
    return member === undefined ? Buffer.alloc(0) : await readMember(zip, member);
  };
  const pack = async (bytes: Uint8Array, base: Packed["base"]): Promise<{ readonly packed: Packed; readonly bytes: Uint8Array } | undefined> => {
    const plain = (await isWorthPacking(bytes)) ? await deflated(bytes) : bytes;
    const told = base === undefined ? undefined : await deflated(tellDifference(await bytesAt(base.source), bytes));
    if (told !== undefined && base !== undefined && told.length < plain.length) return { packed: { size: told.length, base }, bytes: told };
    return plain === bytes ? undefined : { packed: { size: plain.length }, bytes: plain };
  };
  const smallBytes = async ({ digest }: Descriptor, source: Source | undefined, packed: Packed | undefined): Promise<Uint8Array> => {
    const bytes = await bytesAt(source ?? { from: "blob", blob: digest });
    if (packed === undefined) return bytes;
    return await deflated(packed.base === undefined ? bytes : tellDifference(await bytesAt(packed.base.source), bytes));
  };
  return {
    pack: async (blob, source, base) => {
      const step: Receive = { step: "receive", blob, ...(source === undefined ? {} : { source }) };
      if (blob.size <= SMALL) {
        const { packed } = (await pack(await bytesAt(source ?? { from: "blob", blob: blob.digest }), base)) ?? {};
        return packed === undefined ? step : { ...step, packed };
      }
      if (source !== undefined || !(await isWorthPacking(await startOf(store.read(blob.digest))))) return step;
      return { ...step, packed: { size: await lengthOf(deflate(store.read(blob.digest))) } };
    },
    read: ({ blob, source, packed }) => {
      if (blob.size <= SMALL || source !== undefined) return once(async () => await recent(JSON.stringify([blob.digest, source, packed]), async () => await smallBytes(blob, source, packed)));
      return packed === undefined ? store.read(blob.digest) : deflate(store.read(blob.digest));
    },
    [Symbol.asyncDispose]: async () => {
      for (const opened of zips.values()) await opened.then(({ blob }) => blob[Symbol.asyncDispose]()).catch(() => undefined);
    },
  };
}

interface OpenZip {
  readonly zip: Zip;
  readonly blob: OpenBlob;
}

async function openZip(store: Store, digest: Digest): Promise<OpenZip> {
  const blob = await store.open(digest);
  return { zip: await readZip(blob), blob };
}

function remember<Key, Value>(map: Map<Key, Value>, key: Key, value: Value): Value {
  map.set(key, value);
  return value;
}

async function deflated(bytes: Uint8Array): Promise<Uint8Array> {
  return await promisify(deflateRaw)(bytes, { level: 9 });
}

async function* deflate(bytes: Bytes): Bytes {
  const packer = createDeflateRaw();
  const fed = pipeline(Readable.from(bytes), packer);
  fed.catch(() => undefined);
  for await (const chunk of packer) yield chunk as Uint8Array;
  await fed;
}

/** Wheels and archives are packed already, whatever their type says; their beginning shows it. */
async function isWorthPacking(bytes: Uint8Array): Promise<boolean> {
  const sample = bytes.subarray(0, SAMPLE);
  return (await deflated(sample)).length < sample.length * WORTH;
}

async function startOf(bytes: Bytes): Promise<Uint8Array> {
  for await (const chunk of bytes) return chunk;
  return new Uint8Array();
}

async function lengthOf(bytes: Bytes): Promise<number> {
  let length = 0;
  for await (const chunk of bytes) length += chunk.length;
  return length;
}

/** Bytes that are fetched when somebody wants them. */
async function* once(fetch: () => Promise<Uint8Array>): Bytes {
  yield await fetch();
}
