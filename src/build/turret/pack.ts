import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { lstat, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { CaissonError, fail, type Bytes, type Digest, type Problem } from "../../model/index.ts";
import { writeTurret, type TurretContainer } from "../../formats/index.ts";
import { errorCode, explainFileError, makeDirectory, mapConcurrently, syncPath, writeDraft, type Context, type Draft } from "../../system/index.ts";
import { diskTime } from "../disk-time.ts";
import { gatherFiles, readScript, type PackedAs } from "./files.ts";
import { isOldGeneration, wantsOldProgram } from "./generation.ts";
import { readTurretProject } from "./project.ts";
import type { Turret } from "./turret.ts";

export interface PackTurretsRequest {
  /** The project's directory, as somebody typed it. */
  readonly directory: string;
  /** Where the archives go, as somebody typed it; the project's directory where absent. */
  readonly output?: string;
  readonly format: TurretContainer;
  /** Whether Python turrets get a setup.py. */
  readonly setup: boolean;
  /** For pip. */
  readonly version: string;
  /** Whether somebody wants to know the archives' SHA-256. */
  readonly digests?: boolean;
}

/** What became of one turret. */
export type PackedTurret =
  | { readonly turret: string; readonly state: "packed"; readonly path: string; readonly members: readonly string[]; readonly digest?: Digest; readonly size: number }
  | { readonly turret: string; readonly state: "failed"; readonly problem: Problem };

export interface PackedTurrets {
  /** Keys of the project that were not there, so that a default was taken. */
  readonly absent: readonly string[];
  /** In the project's order. */
  readonly turrets: readonly PackedTurret[];
}

/** Archives that are written at one time. */
const WRITERS = 8;

/** Archives that are open at one time. */
const BATCH = 64;

/**
 * Pack each turret of an OCT project into an archive of its own; one that fails leaves the others theirs, and none of its own.
 * The same project gives the same bytes wherever it lies, whoever packs it and when.
 * @throws CaissonError `config-invalid` · `key-missing`, before anything is written
 */
export async function packTurrets(ctx: Context, request: PackTurretsRequest): Promise<PackedTurrets> {
  const directory = resolve(ctx.cwd, request.directory);
  const project = await readTurretProject((path) => readProjectFile(directory, path), (path) => join(request.directory, path));
  const output = request.output ?? request.directory;
  await makeDirectory(resolve(ctx.cwd, output));
  const turrets: PackedTurret[] = [];
  for (let at = 0; at < project.turrets.length; at += BATCH) turrets.push(...(await packBatch(ctx, directory, project.turrets.slice(at, at + BATCH), `${output}${output.endsWith("/") ? "" : "/"}`, request)));
  await syncPath(resolve(ctx.cwd, output));
  return { absent: project.absent, turrets };
}

/** All of them are written before the first is synced: then one pass over the disk serves them all. */
async function packBatch(ctx: Context, directory: string, turrets: readonly Turret[], output: string, request: PackTurretsRequest): Promise<readonly PackedTurret[]> {
  const pathOf = ({ name }: Turret): string => `${output}${name}.${request.format}`;
  const drafts = new Map<Turret, Drafted>();
  const failed = new Map<Turret, PackedTurret>();
  const each = async (limit: number, work: (turret: Turret) => Promise<unknown>): Promise<unknown> =>
    await mapConcurrently(turrets.filter((turret) => !failed.has(turret)), limit, async (turret) => {
      const failure = await orFailed(ctx, turret, pathOf(turret), () => work(turret));
      if (failure !== undefined) failed.set(turret, failure);
    });
  try {
    await each(WRITERS, async (turret) => drafts.set(turret, await draftOne(ctx, directory, turret, pathOf(turret), request)));
    await each(BATCH, async (turret) => await drafts.get(turret)?.draft.sync());
    await each(BATCH, async (turret) => await drafts.get(turret)?.draft.place());
    return turrets.map((turret) => failed.get(turret) ?? (drafts.get(turret) as Drafted).packed);
  } catch (error) {
    await Promise.all([...drafts.values()].map(({ draft }) => draft.discard()));
    throw error;
  }
}

/** What goes wrong with one turret is told of that one. */
async function orFailed(ctx: Context, turret: Turret, path: string, work: () => Promise<unknown>): Promise<PackedTurret | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    const known = explainFileError(error, path);
    if (!(known instanceof CaissonError)) throw error;
    const stale = (await lstat(resolve(ctx.cwd, path)).catch(() => undefined))?.isFile() === true;
    return { turret: turret.name, state: "failed", problem: { ...known.problems[0], ...(stale ? { hint: [...(known.hint === undefined ? [] : [known.hint]), `\`${path}\` is from an earlier time`].join("; ") } : {}) } };
  }
}

interface Drafted {
  readonly draft: Draft;
  /** What is said of it once it is in its place. */
  readonly packed: PackedTurret;
}

async function draftOne(ctx: Context, directory: string, turret: Turret, path: string, request: PackTurretsRequest): Promise<Drafted> {
  if (ctx.signal.aborted) fail({ code: "cancelled", message: `\`${turret.name}\` is not packed: stopped on request` });
  const how: PackedAs = { setup: request.setup, version: request.version, fromAnywhere: true, read: readPieces };
  const members = await gatherFiles(directory, turret, how);
  await warnOfOldScript(ctx, directory, turret);
  const hash = request.digests === true ? createHash("sha256") : undefined;
  let size = 0;
  const watch = (piece: Uint8Array): void => {
    hash?.update(piece);
    size += piece.length;
  };
  const draft = await writeDraft(resolve(ctx.cwd, path), writeTurret(inOrder(members), request.format, diskTime(ctx)), { watch });
  const packed: PackedTurret = { turret: turret.name, state: "packed", path, members: members.map((member) => member.path.replace(/\/$/, "")), ...(hash === undefined ? {} : { digest: `sha256:${hash.digest("hex")}` as const }), size };
  return { draft, packed };
}

/** Today's turret program starts a script of the old generation, says so, and loses its threads when the HQ fires. */
export async function warnOfOldScript(ctx: Context, directory: string, turret: Turret): Promise<void> {
  const { name, script = "", place } = turret;
  if (turret.command !== undefined || wantsOldProgram(turret.requirements) || !isOldGeneration(await readScript(directory, turret))) return;
  ctx.report({ type: "warning", problem: { code: "config-invalid", ...place, message: `\`${script}\` of \`${name}\` is written for OCT 0.3: its Transaction takes no config, and the turret program of today gives it one`, hint: "write `def __init__(self, config, context=None)`, or ask for `oct-turrets<0.2.4` in `turrets_requirements`" } });
}

/** The bytes of a file, in a buffer that is used again: whoever reads them is done with a piece when he asks for the next. */
async function* readPieces(path: string): Bytes {
  const buffer = buffers.pop() ?? Buffer.allocUnsafeSlow(PIECE);
  // What was just written or looked at lies in memory: to ask another thread for it takes longer than to have it.
  const file = openOrFail(path);
  try {
    for (let length = readSync(file, buffer, 0, PIECE, null); length > 0; length = readSync(file, buffer, 0, PIECE, null)) yield buffer.subarray(0, length);
  } finally {
    closeSync(file);
    buffers.push(buffer);
  }
}

/** It was there when it was looked at. */
function openOrFail(path: string): number {
  try {
    return openSync(path, "r");
  } catch (error) {
    return fail({ code: "permission", message: `cannot read \`${path}\``, hint: "somebody moved it meanwhile; run the same command again" }, error);
  }
}

const PIECE = 1 << 20;
const buffers: Buffer[] = [];

async function* inOrder<Item>(items: readonly Item[]): AsyncIterable<Item> {
  yield* items;
}

/** A file that the project's configuration is made of. */
async function readProjectFile(directory: string, path: string): Promise<string | undefined> {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await readFile(resolve(directory, path)));
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "EISDIR"].includes(errorCode(error) ?? "")) return undefined;
    if (errorCode(error) === "ERR_ENCODING_INVALID_ENCODED_DATA") return fail({ code: "config-invalid", file: path, message: "the file is not UTF-8", hint: "save it as UTF-8" }, error);
    if (errorCode(error) !== undefined) return fail({ code: "permission", message: `cannot read \`${join(directory, path)}\`` }, error);
    throw error;
  }
}
