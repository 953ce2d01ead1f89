import { open, readFile, readdir, writeFile, type FileHandle } from "node:fs/promises";
import { basename, delimiter, dirname, join } from "node:path";
import { fail, mediaTypes, normalizeName, type Bytes, type Descriptor, type Digest, type EpochSeconds } from "../../model/index.ts";
import { bytesSource, normalizeVersion, normalizeWheel, parseWheelFileName, readZip, streamNormalWheel } from "../../python/index.ts";
import type { Store } from "../../store/index.ts";
import { makeDirectory, ownedDirectory, readBriefly, type Context } from "../../system/index.ts";
import { makeBuildEnvironment } from "./build-environment.ts";
import { pathWith, type ChooseCompilers, type Compilers } from "./compilers.ts";
import { cureFor, isUnresolved } from "./cures.ts";
import { keepLog } from "../kept-log.ts";
import { lastWordsOfBuild } from "../last-words.ts";
import { sweepBuilds } from "../uv/sweep-builds.ts";
import { minorOf, type InterpreterFacts } from "../interpreter.ts";
import type { BuiltWheel, WheelSource, Workshop } from "./wheel.ts";

/** What became of a build. */
export interface Made {
  /** Absent only where there is none because a compiler was asked for. */
  readonly wheel?: BuiltWheel;
  /** A compiler was asked for, and refused. */
  readonly refused: boolean;
}

/**
 * Run the back end in a directory and an environment of its own, both gone afterwards, whatever happened; the wheel, in its normal form, goes into the store.
 * @throws CaissonError `build-failed`
 */
export async function makeWheel(ctx: Context, store: Store, workshop: Workshop, source: WheelSource, interpreter: InterpreterFacts, key: string, choose: ChooseCompilers): Promise<Made> {
  const what = `wheel ${source.written}`;
  ctx.report({ type: "started", what });
  try {
    await using scratch = await ownedDirectory("caisson-wheel");
    const surroundings = await makeSurroundings(store, workshop, source, interpreter, scratch.path, choose);
    // What went wrong in an environment of ours may go well in uv's, which asks the back end for all it needs; so only its word counts.
    const { log, path } = (await buildInCopy(ctx, workshop, source, interpreter, scratch.path, surroundings)) ?? (await buildIsolated(ctx, workshop, source, interpreter, scratch.path, surroundings));
    const refused = await surroundings.compilers.haveRefused();
    if (path === undefined) return refused ? { refused } : await buildFailed(ctx, source, log, key);
    const fileName = basename(path);
    checkName(fileName, source);
    const { name } = surroundings.compilers;
    if (name === undefined) return { wheel: { fileName, wheel: await keepNormal(store, fileName, path, scratch.path) }, refused };
    const named = await name({ fileName, bytes: await normalizeWheel(fileName, bytesSource(await readFile(path))) });
    return { wheel: { fileName: named.fileName, wheel: await store.write(named.bytes, undefined, mediaTypes.wheel) }, refused };
  } finally {
    ctx.report({ type: "finished", what });
  }
}

/** Bytes of files in a wheel that is read into memory whole. */
const SMALL = 32 << 20;

/** A wheel in its normal form, in the store. */
async function keepNormal(store: Store, fileName: string, path: string, scratch: string): Promise<Descriptor> {
  await using file = await open(path);
  const { size } = await file.stat();
  const source = { size, read: async (offset: number, length: number) => await readAt(file, offset, length) };
  // One that is no zip is refused where its name is known.
  const unpacked = await readZip(source).then(({ members }) => members.reduce((sum, member) => sum + member.size, 0), () => 0);
  if (unpacked <= SMALL) return await store.write(await normalizeWheel(fileName, source), undefined, mediaTypes.wheel);
  let count = 0;
  const aside = async (bytes: Bytes): Promise<() => Bytes> => {
    const place = join(scratch, `aside-${++count}`);
    await writeFile(place, bytes);
    return () => readBriefly(place);
  };
  return await store.write(streamNormalWheel(fileName, source, aside), undefined, mediaTypes.wheel);
}

async function readAt(file: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, length - done, offset + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}

interface Built {
  readonly log: readonly string[];
  /** The wheel; undefined where there is none. */
  readonly path: string | undefined;
}

interface Surroundings {
  /** For what a build consists of. */
  readonly env: Readonly<Record<string, string>>;
  /** Directories of PATH, without compilers that are chosen for a build. */
  readonly path: string;
  readonly compilers: Compilers;
  /** The lock of what the back end consists of, as a file for uv. */
  readonly lock?: { readonly path: string; readonly digest: Digest };
}

async function makeSurroundings(store: Store, workshop: Workshop, source: WheelSource, interpreter: InterpreterFacts, scratch: string, choose: ChooseCompilers): Promise<Surroundings> {
  const env = await cleanEnvironment(workshop, scratch, source.time);
  const path = [...new Set([dirname((await workshop.uv()).path), dirname(interpreter.executable), "/usr/local/bin", "/usr/bin", "/bin"])].join(delimiter);
  const lock = await workshop.recallBuildLock((await source.requires?.()) ?? [], minorOf(interpreter));
  const file = join(scratch, "build-lock.txt");
  if (lock !== undefined) await store.copyTo(lock.digest, file);
  return { env, path, compilers: await choose(scratch, path), ...(lock === undefined ? {} : { lock: { path: file, digest: lock.digest } }) };
}

/** In a copy of a prepared environment, where what the back end needs is known; undefined where that gave nothing, and it may go well in another way. */
async function buildInCopy(ctx: Context, workshop: Workshop, source: WheelSource, interpreter: InterpreterFacts, scratch: string, { env, path, compilers, lock }: Surroundings): Promise<Built | undefined> {
  if (source.needs === undefined) return undefined;
  const python = await makeBuildEnvironment(ctx, source.needs, { uv: await workshop.uv(), env: { ...env, PATH: path }, interpreter, offline: workshop.offline, ...(lock === undefined ? {} : { lock }) }, join(scratch, "environment"));
  if (python === undefined) return undefined;
  const built = await runUvBuild(ctx, workshop, source, join(scratch, "copy"), { ...env, ...compilers.env, PATH: pathWith(compilers, dirname(python), path) }, ["--no-build-isolation", "--python", python]);
  return built.path === undefined && !(await compilers.haveRefused()) ? undefined : built;
}

/** What the back end asks for besides, when it runs, may be another version of what is locked. */
async function buildIsolated(ctx: Context, workshop: Workshop, source: WheelSource, interpreter: InterpreterFacts, scratch: string, { env, path, compilers, lock }: Surroundings): Promise<Built> {
  const build = (directory: string, ...how: readonly string[]): Promise<Built> => runUvBuild(ctx, workshop, source, join(scratch, directory), { ...env, ...compilers.env, PATH: pathWith(compilers, path) }, ["--python", interpreter.executable, ...how]);
  await sweepBuilds(ctx);
  const built = await build("isolated", ...(lock === undefined ? [] : ["--build-constraints", lock.path]));
  return lock !== undefined && built.path === undefined && isUnresolved(built.log) ? await build("unlocked") : built;
}

async function runUvBuild(ctx: Context, workshop: Workshop, source: WheelSource, directory: string, env: Readonly<Record<string, string>>, how: readonly string[]): Promise<Built> {
  const out = join(directory, "out");
  await makeDirectory(out);
  const path = await source.path(directory);
  const argv = [(await workshop.uv()).path, "build", "--wheel", "--no-create-gitignore", "--color", "never", ...(workshop.offline ? ["--offline"] : []), ...how, "--out-dir", out, path];
  const log: string[] = [];
  const { status } = await ctx.run(argv, { cwd: directory, env, umask: 0o022, tethered: true, // What it lies in is gone when somebody reads this.
    onLine: (line) => log.push(line.replaceAll(`${path}/`, "")) });
  const fileName = (await readdir(out)).find((name) => name.endsWith(".whl"));
  return { log, path: status === 0 && fileName !== undefined ? join(out, fileName) : undefined };
}

/** Nothing of the user's surroundings: what a build needs and does not declare is missing here too. */
export async function cleanEnvironment(workshop: Workshop, scratch: string, time: EpochSeconds): Promise<Readonly<Record<string, string>>> {
  const home = join(scratch, "home");
  await makeDirectory(home);
  return {
    ...(await workshop.uvEnvironment()),
    HOME: home,
    LANG: "C.UTF-8",
    LC_ALL: "C.UTF-8",
    TZ: "UTC",
    PYTHONHASHSEED: "0",
    SOURCE_DATE_EPOCH: String(time),
  };
}

function checkName(fileName: string, source: WheelSource): void {
  const name = parseWheelFileName(fileName);
  const named = name !== undefined && normalizeName(name.name) === source.name;
  const versioned = source.version === undefined || (name !== undefined && normalizeVersion(name.version) === normalizeVersion(source.version));
  if (!named || !versioned) fail({ code: "build-failed", message: `building \`${source.written}\`${source.version === undefined ? "" : ` ${source.version}`} gave \`${fileName}\``, ...(named || name === undefined ? {} : { hint: `its back end calls it \`${name.name}\`: write [packages.${name.name}] in caisson.toml, with its path` }) });
}

/** The last lines tell why; all of them stay in a file. */
async function buildFailed(ctx: Context, source: WheelSource, log: readonly string[], key: string): Promise<never> {
  const hint = [...[cureFor(log)].filter((cure) => cure !== undefined), await keepLog(ctx, `${source.name}-${key.slice(0, 12)}`, log)].join("; ");
  return fail({ code: "build-failed", message: `building the wheel of \`${source.written}\` failed`, hint }, new Error(lastWordsOfBuild(log).join("\n")));
}
