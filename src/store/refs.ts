import { readFileSync, statSync } from "node:fs";
import { open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { compareBytewise, fail, printCanonicalJson, type Digest, type EpochSeconds, type Json } from "../model/index.ts";
import { errorCode, explainFileError, linkExclusive, makeDirectory, sha256, syncPath, takeOwner } from "../system/index.ts";
import { isCache, refsDirectory, temporaryPath, touch, type RefKind } from "./layout.ts";

/** What a name says now. */
export interface Ref {
  /** Counts the changes of the name from 1 on; always 1 in a cache, which remembers none. */
  readonly generation: number;
  readonly value: Json;
}

/**
 * What a name says, or undefined. A damaged ref of a cache says nothing; one that is read counts as used.
 * @throws CaissonError `digest-mismatch` where another ref is damaged
 */
export async function readRef(store: string, kind: RefKind, name: string, now: EpochSeconds): Promise<Ref | undefined> {
  const ref = await peekRef(store, kind, name);
  if (ref !== undefined && isCache(kind)) await keepFresh(refPath(store, kind, name), now);
  return ref;
}

/** As `readRef`, for one who only looks through. */
export async function peekRef(store: string, kind: RefKind, name: string): Promise<Ref | undefined> {
  const path = refPath(store, kind, name);
  if (isCache(kind)) {
    const value = readValue(path);
    return value === undefined ? undefined : { generation: 1, value };
  }
  const generation = await newestGeneration(path);
  if (generation === 0) return undefined;
  const value = readValue(join(path, String(generation)));
  if (value === undefined && !(await isRemoved(join(path, String(generation))))) fail({ code: "digest-mismatch", message: `\`${join(path, String(generation))}\` is damaged`, hint: "move that file away: the name then says again what it said before" });
  return value === undefined ? undefined : { generation, value };
}

/**
 * The last generation of a removed name. The generations stay, so that none of them is ever written a second time:
 * whoever read the name before it was removed cannot take what was made under it afterwards for what he read.
 */
const REMOVED = '{"removed":true}\n';

async function isRemoved(path: string): Promise<boolean> {
  return (await readFile(path, "utf8")) === REMOVED;
}

/** When a name was last changed; undefined where it says nothing. */
export async function refTime(store: string, kind: RefKind, name: string): Promise<EpochSeconds | undefined> {
  const ref = await peekRef(store, kind, name);
  if (ref === undefined) return undefined;
  const path = refPath(store, kind, name);
  return (await stat(isCache(kind) ? path : join(path, String(ref.generation)))).mtimeMs / 1000;
}

/** Let a name say nothing any more, unless it moved since generation `expect`. */
export async function removeRef(store: string, kind: RefKind, name: string, expect: number): Promise<"removed" | "moved"> {
  if (isCache(kind)) {
    await rm(refPath(store, kind, name), { force: true });
    return "removed";
  }
  return (await writePage(store, kind, name, REMOVED, expect)) === "written" ? "removed" : "moved";
}

/**
 * Let a name say something else, provided that nobody changed it since generation `expect` was read (0: it said nothing).
 * Durable before it is seen; a cache's ref is neither: whoever comes last is right, since all found out the same.
 */
export async function writeRef(store: string, kind: RefKind, name: string, value: Json, expect: number): Promise<"written" | "moved"> {
  return await writePage(store, kind, name, printRef(value), expect);
}

async function writePage(store: string, kind: RefKind, name: string, page: string, expect: number): Promise<"written" | "moved"> {
  const path = refPath(store, kind, name);
  const temporary = temporaryPath(store);
  try {
    if (isCache(kind)) {
      await writeTemporary(temporary, page, false);
      await rename(temporary, path);
      return "written";
    }
    const newest = await newestGeneration(path);
    if (newest !== expect && (expect !== 0 || (await peekRef(store, kind, name)) !== undefined)) return "moved";
    await makeDirectory(path);
    await writeTemporary(temporary, page, true);
    const outcome = await linkExclusive(temporary, join(path, String(newest + 1)));
    if (outcome === "exists") return "moved";
    await syncPath(path);
    if (newest === 0) await syncPath(refsDirectory(store, kind));
    return "written";
  } catch (error) {
    throw explainFileError(error, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** The names of a kind, bytewise; a name may say nothing any more, or not yet. */
export async function* listRefs(store: string, kind: RefKind): AsyncIterable<string> {
  for (const name of (await readdir(refsDirectory(store, kind))).toSorted(compareBytewise)) {
    if (NAME.test(name)) yield name;
  }
}

/** Names are file names on every file system, and never hidden ones. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9@._+!~-]{0,254}$/;

function refPath(store: string, kind: RefKind, name: string): string {
  if (!NAME.test(name)) fail({ code: "name-invalid", message: `\`${name}\` cannot be a name in the store`, hint: "letters, digits and @ . _ + ! ~ - , at most 255, starting with a letter or digit" });
  return join(refsDirectory(store, kind), name);
}

async function newestGeneration(path: string): Promise<number> {
  try {
    return (await readdir(path)).reduce((newest, name) => (/^[1-9][0-9]*$/.test(name) ? Math.max(newest, Number(name)) : newest), 0);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return 0;
    throw error;
  }
}

/** The value carries its own digest: nobody syncs caches, and disks rot. */
function printRef(value: Json): string {
  const text = printCanonicalJson(value);
  return `{"digest":"${sha256(text)}","value":${text}}\n`;
}

const REF = /^\{"digest":"(?<digest>sha256:[0-9a-f]{64})","value":(?<text>.*)\}\n$/s;

/** At once, as `touch`. */
function readValue(path: string): Json | undefined {
  try {
    const { digest, text } = REF.exec(readFileSync(path, "utf8"))?.groups ?? {};
    return text !== undefined && sha256(text) === (digest as Digest) ? (JSON.parse(text) as Json) : undefined;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** A cache's ref that was used today is not old. */
async function keepFresh(path: string, now: EpochSeconds): Promise<void> {
  const { mtimeMs = Infinity } = statSync(path, { throwIfNoEntry: false }) ?? {};
  if (mtimeMs / 1000 < now - 86_400) await touch(path, now);
}

async function writeTemporary(path: string, text: string, durable: boolean): Promise<void> {
  const file = await open(path, "wx", 0o444);
  try {
    await file.writeFile(text);
    if (durable) await file.sync();
  } finally {
    await file.close();
  }
  await takeOwner(path);
}
