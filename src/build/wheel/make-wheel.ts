import { open, readFile, writeFile, type FileHandle } from "node:fs/promises";
import { basename, delimiter, dirname, join } from "node:path";
import { CaissonError, fail, mediaTypes, normalizeName, type Bytes, type Descriptor, type EpochSeconds } from "../../model/index.ts";
import { bytesSource, normalizeVersion, normalizeWheel, parseRequirement, parseWheelFileName, readZip, streamNormalWheel } from "../../python/index.ts";
import type { Store } from "../../store/index.ts";
import { makeDirectory, ownedDirectory, readBriefly, removeTree, type Context, type TemporaryDirectory } from "../../system/index.ts";
import { gather } from "../gather.ts";
import { gitSurroundings } from "../source/git.ts";
import { recallAsked, rememberAsked } from "./asked.ts";
import { runBackEnd, type Ran } from "./back-end.ts";
import { makeBuildEnvironment } from "./build-environment.ts";
import { isLocked, lockedVersions, type BuildLock } from "./build-lock.ts";
import { pathWith, type ChooseCompilers, type Compilers } from "./compilers.ts";
import { cureFor } from "./cures.ts";
import { keepLog } from "../kept-log.ts";
import { lastWordsOfBuild } from "../last-words.ts";
import { minorOf, type InterpreterFacts } from "../interpreter.ts";
import { callsRust, steadyRust } from "./rust.ts";
import type { BuiltWheel, Job, WheelSource, Workshop } from "./wheel.ts";

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
export async function makeWheel(job: Job, interpreter: InterpreterFacts, key: string, choose: ChooseCompilers): Promise<Made> {
  const { ctx, store, workshop, source } = job;
  const what = `wheel ${source.written}`;
  ctx.report({ type: "started", what });
  try {
    await using scratch = removedLater(workshop, await ownedDirectory("caisson-wheel"));
    const surroundings = await makeSurroundings(job, interpreter, scratch.path, choose);
    const { log, path } = await build(job, interpreter, surroundings, scratch.path);
    const refused = await surroundings.compilers.haveRefused();
    if (path === undefined) return refused ? { refused } : await buildFailed(ctx, source, log, key);
    const fileName = basename(path);
    checkName(fileName, source);
    const { name } = surroundings.compilers;
    if (name === undefined) return { wheel: { fileName, wheel: await keepNormal(store, fileName, path, scratch.path) }, refused };
    const named = await name({ fileName, bytes: await normalizeWheel(fileName, bytesSource(await readFile(path)), scratch.path) });
    return { wheel: { fileName: named.fileName, wheel: await store.write(named.bytes, undefined, mediaTypes.wheel) }, refused };
  } catch (error) {
    throw nameSource(error, source);
  } finally {
    ctx.report({ type: "finished", what });
  }
}

/** A build that is done need not wait until some thousand files of its environment have gone. */
function removedLater(workshop: Workshop, directory: TemporaryDirectory): TemporaryDirectory {
  return { path: directory.path, [Symbol.asyncDispose]: async () => workshop.disposeLater(directory) };
}

/** Nobody can lock another one of a wheel that was made here and breaks a rule. */
function nameSource(error: unknown, { written }: WheelSource): unknown {
  if (!(error instanceof CaissonError) || error.code !== "wheel-invalid") return error;
  return new CaissonError([{ ...error.problems[0], hint: `nothing of it was taken: it was built from \`${written}\`; mend that, or take another release of it` }], error.cause);
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
  if (unpacked <= SMALL) return await store.write(await normalizeWheel(fileName, source, scratch), undefined, mediaTypes.wheel);
  let count = 0;
  const aside = async (bytes: Bytes): Promise<() => Bytes> => {
    const place = join(scratch, `aside-${++count}`);
    await writeFile(place, bytes);
    return () => readBriefly(place);
  };
  return await store.write(streamNormalWheel(fileName, source, aside, scratch), undefined, mediaTypes.wheel);
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

interface Surroundings {
  /** For what a build consists of. */
  readonly env: Readonly<Record<string, string>>;
  /** Directories of PATH, without compilers that are chosen for a build. */
  readonly path: string;
  readonly compilers: Compilers;
}

async function makeSurroundings({ ctx, workshop, source }: Job, interpreter: InterpreterFacts, scratch: string, choose: ChooseCompilers): Promise<Surroundings> {
  const env = { ...(await cleanEnvironment(workshop, scratch, source.time)), ...(await steadyRust(ctx, scratch, workshop.offline)) };
  const path = [...new Set([dirname((await workshop.uv()).path), dirname(interpreter.executable), "/usr/local/bin", "/usr/bin", "/bin"])].join(delimiter);
  return { env, path, compilers: await choose(scratch, path) };
}

/**
 * Run the back end with what its lock names. Where it asks for more, that is kept, locked together with the rest, and the back end runs with all of it on files that nobody has touched;
 * so that whoever builds the same again need not ask, and gets the same.
 */
async function build(job: Job, interpreter: InterpreterFacts, surroundings: Surroundings, scratch: string, answered = false): Promise<Ran> {
  const { ctx, workshop, source, system } = job;
  const { env, compilers } = surroundings;
  const minor = minorOf(interpreter);
  const asked = await recallAsked(job, minor);
  const lock = await workshop.lockBuild([...system.requires, ...asked], interpreter);
  if ("log" in lock) return await lackFailed(job, lock);
  const rust = callsRust([...lockedVersions(lock).keys()]) ? await workshop.rust() : undefined;
  const path = [...(rust === undefined ? [] : [rust.directory]), surroundings.path].join(delimiter);
  // The same place whether it was asked or not, so that what names its place is the same too.
  const directory = join(scratch, "build");
  await removeTree(directory);
  await makeDirectory(directory);
  const request = { uv: await workshop.uv(), env: { ...env, ...gitSurroundings(ctx), PATH: path }, interpreter, offline: workshop.offline, lock };
  const [made, checkout] = await gather([makeBuildEnvironment(ctx, request, join(directory, "environment")), source.path(directory)]);
  if ("log" in made) return await lackFailed(job, made);
  const ask = !answered && asked.length === 0 && !(system.asksForNoMore && bringsWheel(lock));
  const ran = await runBackEnd(ctx, checkout, directory, {
    system,
    python: made.python,
    env: { ...env, ...compilers.env, VIRTUAL_ENV: join(directory, "environment"), PATH: pathWith(compilers, dirname(made.python), path) },
    here: [...system.requires, ...lockedVersions(lock).keys()],
    ask,
  });
  if (ran.lacks === undefined) return ran;
  const lacks = ran.lacks.filter((requirement) => !isLocked(lock, requirement));
  if (lacks.length > 0) await rememberAsked(job, minor, lacks);
  return await build(job, interpreter, surroundings, scratch, true);
}

/** What the back end consists of could not be had: because of the index, or for what uv says. */
async function lackFailed({ workshop, system }: Job, said: Ran): Promise<Ran> {
  if (!workshop.offline) await workshop.checkIndexes(system.requires.map((requirement) => parseRequirement(requirement)).flatMap(({ name, url }) => (url === undefined ? [name] : [])));
  return said;
}

/** Older releases of setuptools ask for `wheel`, whatever they build. */
function bringsWheel(lock: BuildLock): boolean {
  return isLocked(lock, "wheel") || isLocked(lock, "setuptools>=70.1");
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
  return fail({ code: "build-failed", message: `building the wheel of \`${source.written}\`${source.version === undefined ? "" : ` ${source.version}`} failed`, hint }, new Error(lastWordsOfBuild(log).join("\n")));
}
