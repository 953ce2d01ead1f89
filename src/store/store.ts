import { isAbsolute, join, resolve } from "node:path";
import { CaissonError, fail, printCanonicalJson, type BlobReader, type BlobWriter, type Descriptor, type Digest, type EpochSeconds, type Json } from "../model/index.ts";
import { explainFileError, readBriefly, type Context } from "../system/index.ts";
import { directorySync } from "./directory-sync.ts";
import { blobsDirectory, makeLayout, sweepTemporary, type RefKind } from "./layout.ts";
import { copyBlob, hasBlob, openBlob, readBlob, readDocument, type OpenBlob } from "./read.ts";
import { listRefs, readRef, refTime, removeRef, writeRef, type Ref } from "./refs.ts";
import { writeBlob, type Expected } from "./write.ts";

/** Bytes by digest, names by generation. Any number of processes may use one at the same time, on a local disk. */
export interface Store extends BlobReader, BlobWriter {
  /** Absolute. */
  readonly directory: string;
  /**
   * What a name says now, or undefined.
   * @throws CaissonError `digest-mismatch` where it is damaged; in a cache it is absent then
   */
  readRef(kind: RefKind, name: string): Promise<Ref | undefined>;
  /**
   * Let a name say `value`, unless it moved since generation `expect` (0: it said nothing). What `value` refers to must be here.
   * A cache is not asked for `expect`, and does not wait for the disk.
   */
  writeRef(kind: RefKind, name: string, value: Json, expect: number): Promise<"written" | "moved">;
  /** Let a name say nothing any more, unless it moved since generation `expect`. What it named stays until a sweep. */
  removeRef(kind: RefKind, name: string, expect: number): Promise<"removed" | "moved">;
  /** When a name was last changed; undefined where it says nothing. */
  refTime(kind: RefKind, name: string): Promise<EpochSeconds | undefined>;
  /** Names of a kind, bytewise; one that was removed may be among them, and says nothing. */
  listRefs(kind: RefKind): AsyncIterable<string>;
  /**
   * A blob for random access, checked when opened.
   * @throws CaissonError `blob-missing` · `digest-mismatch`
   */
  open(blob: Digest): Promise<OpenBlob>;
  /** @throws CaissonError `blob-missing` · `digest-mismatch` */
  readJson<T>(blob: Digest): Promise<T>;
  /** Keep a value as canonical JSON. */
  writeJson(value: unknown, mediaType: string): Promise<Descriptor>;
  /**
   * A file of one's own with the blob's bytes, checked; never a hard link. The directory must be there; a file in the way is replaced.
   * @throws CaissonError `blob-missing` · `digest-mismatch` · `disk-full` · `permission`
   */
  copyTo(blob: Digest, path: string, mode?: number): Promise<void>;
  /** Take a file in; it stays where it is. Errors as `write`. */
  adopt(path: string, expect?: Expected, mediaType?: string): Promise<Descriptor>;
}

/**
 * Open a store, made where it is missing.
 * @throws CaissonError `permission` · `disk-full`
 */
export async function openStore(ctx: Context, directory: string): Promise<Store> {
  const store = resolve(ctx.cwd, directory);
  try {
    await makeLayout(store);
    await sweepTemporary(store, ctx.now());
  } catch (error) {
    throw nameOption(explainFileError(error, store));
  }
  const place = { ctx, store, syncNames: directorySync(blobsDirectory(store)) };
  return {
    directory: store,
    read: (blob, how) => readBlob(store, blob, how?.brief),
    has: (blob) => hasBlob(store, blob, ctx.now()),
    open: (blob) => openBlob(store, blob),
    readJson: (blob) => readJson(store, blob),
    write: (bytes, expect, mediaType) => writeBlob(place, bytes, expect, mediaType),
    writeJson: (value, mediaType) => writeBlob(place, printCanonicalJson(value), {}, mediaType),
    adopt: (path, expect, mediaType) => writeBlob(place, readBriefly(path), expect, mediaType),
    copyTo: (blob, path, mode = 0o644) => copyBlob(store, blob, path, mode),
    readRef: (kind, name) => readRef(store, kind, name, ctx.now()),
    writeRef: (kind, name, value, expect) => writeRef(store, kind, name, value, expect),
    removeRef: (kind, name, expect) => removeRef(store, kind, name, expect),
    refTime: (kind, name) => refTime(store, kind, name),
    listRefs: (kind) => listRefs(store, kind),
  };
}

/** What names another place for a store. */
function nameOption(error: unknown): unknown {
  if (!(error instanceof CaissonError) || error.code !== "permission" || error.hint === undefined) return error;
  return new CaissonError([{ ...error.problems[0], hint: `${error.hint}: --store DIR` }], error.cause);
}

/** CAISSON_STORE, else where the user's data lies. */
export function defaultStoreDirectory(env: Readonly<Record<string, string>>): string {
  const { CAISSON_STORE: own = "", XDG_DATA_HOME: data = "", HOME: home = "" } = env;
  if (own !== "") return own;
  if (isAbsolute(data)) return join(data, "caisson", "store");
  if (home !== "") return join(home, ".local", "share", "caisson", "store");
  return fail({ code: "usage", message: "neither CAISSON_STORE nor HOME says where the store is", hint: "--store DIR" });
}

async function readJson<T>(store: string, blob: Digest): Promise<T> {
  return JSON.parse(await readDocument(store, blob)) as T;
}
