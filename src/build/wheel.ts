import { mkdir, readFile, readdir } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { CaissonError, fail, mediaTypes, normalizeName, type Descriptor, type EpochSeconds, type Json, type PackageName, type Platform } from "../model/index.ts";
import { normalizeWheel, normalizeVersion, parseWheelFileName, ruleSetVersion } from "../python/index.ts";
import type { Store } from "../store/index.ts";
import { temporaryDirectory, writeDurably, type Context } from "../system/index.ts";
import { actionKey, recallAction, rememberAction, type Action } from "./action.ts";
import { minorOf, type InterpreterFacts } from "./interpreter.ts";
import type { Queue } from "./queue.ts";

/** What a wheel is made from: a package's directory at a revision, or an sdist in the store. */
export interface WheelSource {
  readonly name: PackageName;
  /** As messages call it. */
  readonly written: string;
  /** Where it must be exactly this one, as a lock says. */
  readonly version?: string;
  readonly key: Extract<Action, { kind: "wheel" }>["source"];
  /** The directory or file that `uv build` gets, made below a directory that is removed afterwards: back ends write into what they build. */
  readonly path: (scratch: string) => Promise<string>;
  readonly time: EpochSeconds;
}

/** The machine and the tools that wheels are made with; each is looked for when it is first needed. */
export interface Workshop {
  readonly uv: () => Promise<{ readonly path: string; readonly version: string }>;
  /** How uv reaches the index: variables of its environment. */
  readonly uvEnvironment: () => Promise<Readonly<Record<string, string>>>;
  /** A CPython of that minor, or without one the machine's python3. */
  readonly interpreter: (minor?: string) => Promise<InterpreterFacts | undefined>;
  readonly machine: () => Promise<Platform>;
  /** One build at a time for each core. */
  readonly enqueue: Queue;
  /** What has the same key is made once. */
  readonly making: (key: string, work: () => Promise<BuiltWheel>) => Promise<BuiltWheel>;
  readonly offline: boolean;
}

export interface BuiltWheel {
  readonly fileName: string;
  readonly wheel: Descriptor;
}

/**
 * The wheel of a source for a platform, from the store where the same was made before.
 * A pure one serves every platform; any other only those that are this machine.
 * @throws CaissonError `build-failed` when its back end fails · `wheel-unfit` when it must be compiled elsewhere
 */
export async function buildWheel(ctx: Context, store: Store, workshop: Workshop, source: WheelSource, platform: Platform): Promise<BuiltWheel> {
  const { python } = platform;
  const tool = `uv ${(await workshop.uv()).version}`;
  const action = (minor: string, machine?: Json): Action => ({ schema: "caisson.action/1", kind: "wheel", source: source.key, interpreter: minor, ...(machine === undefined ? {} : { machine }), tool, rules: ruleSetVersion });
  const known = await recallWheel(store, workshop, action, python.version);
  if (known !== undefined) return fitting(known, source, platform, workshop);

  if (await isCompiledElsewhere(store, workshop, action, platform)) return mustBeCompiled(source, platform);
  const exact = await workshop.interpreter(python.version);
  const interpreter = exact ?? (await workshop.interpreter());
  if (interpreter === undefined) return fail({ code: "tool-missing", message: `there is no Python ${python.version} to build \`${source.written}\` with`, hint: `put python${python.version} on PATH` });
  const minor = minorOf(interpreter);
  const other = exact === undefined ? await recallWheel(store, workshop, action, minor) : undefined;
  const key = actionKey(action(minor));
  const built = other ?? (await workshop.making(key, () => workshop.enqueue(() => makeWheel(ctx, store, workshop, source, interpreter, key))));
  if (other === undefined) {
    // Two steps, so that a pure wheel is found without knowing the machine, and a compiled one never by it alone.
    await rememberAction(store, action(minor), { pure: isPure(built), ...(isPure(built) ? { ...built } : {}) } as unknown as Json);
    if (!isPure(built)) await rememberAction(store, action(minor, await machineFacts(workshop)), { ...built } as unknown as Json);
    if (isBound(built)) await rememberAction(store, action(EVERY), { bound: true });
  }
  if (exact === undefined && !isPure(built)) mustBeCompiled(source, platform);
  return fitting(built, source, platform, workshop);
}

async function recallWheel(store: Store, workshop: Workshop, action: (minor: string, machine?: Json) => Action, minor: string): Promise<BuiltWheel | undefined> {
  const first = (await recallAction(store, action(minor))) as { readonly pure: boolean } | undefined;
  const found = (first === undefined || first.pure ? first : await recallAction(store, action(minor, await machineFacts(workshop)))) as BuiltWheel | undefined;
  return found !== undefined && (await store.has(found.wheel.digest)) ? { fileName: found.fileName, wheel: found.wheel } : undefined;
}

/** In the place of a minor: what is known of a source whatever Python it is built with. */
const EVERY = "every";

/** A source that gave a wheel for its own system alone would do so again: nobody need wait for a compiler to hear it. */
async function isCompiledElsewhere(store: Store, workshop: Workshop, action: (minor: string) => Action, platform: Platform): Promise<boolean> {
  const known = (await recallAction(store, action(EVERY))) as { readonly bound: boolean } | undefined;
  return known?.bound === true && !isSameSystem(await workshop.machine(), platform);
}

async function machineFacts(workshop: Workshop): Promise<Json> {
  const { os, arch, libc } = await workshop.machine();
  return { os, arch, libc };
}

function isPure({ fileName }: BuiltWheel): boolean {
  return parseWheelFileName(fileName)?.platformTags.every((tag) => tag === "any") === true;
}

/** Compiled, and tagged with no libc that it would run with elsewhere. */
function isBound({ fileName }: BuiltWheel): boolean {
  return parseWheelFileName(fileName)?.platformTags.every((tag) => tag.startsWith("linux_")) === true;
}

function isSameSystem(a: Platform, b: Platform): boolean {
  return a.os.id === b.os.id && a.os.release === b.os.release && a.arch === b.arch && a.libc.family === b.libc.family && a.libc.version === b.libc.version;
}

/** A wheel tagged for any manylinux proves itself by its symbols; one tagged `linux_x86_64` fits only the system it was made on. */
async function fitting(built: BuiltWheel, source: WheelSource, platform: Platform, workshop: Workshop): Promise<BuiltWheel> {
  const name = parseWheelFileName(built.fileName);
  const tags = name?.pythonTags.flatMap((python) => name.abiTags.flatMap((abi) => name.platformTags.map((where) => `${python}-${abi}-${where}`))) ?? [];
  const fits = tags.filter((tag) => platform.tags.includes(tag));
  if (fits.length === 0) {
    if (!isPure(built)) return mustBeCompiled(source, platform);
    return fail({ code: "wheel-unfit", message: `the wheel of \`${source.written}\`, \`${built.fileName}\`, does not fit ${platform.label} (Python ${platform.python.version})` });
  }
  if (!fits.every((tag) => tag.includes("-linux_"))) return built;
  return isSameSystem(await workshop.machine(), platform) ? built : mustBeCompiled(source, platform);
}

function mustBeCompiled(source: WheelSource, platform: Platform): never {
  return fail({ code: "wheel-unfit", message: `\`${source.written}\` must be compiled for ${platform.label} and no builder is named for it`, hint: `run this on a ${platform.label} machine with python${platform.python.version}` });
}

/** Run the back end in a directory and an environment of its own, both gone afterwards, whatever happened. */
async function makeWheel(ctx: Context, store: Store, workshop: Workshop, source: WheelSource, interpreter: InterpreterFacts, key: string): Promise<BuiltWheel> {
  const what = `wheel ${source.written}`;
  ctx.report({ type: "started", what });
  try {
    const uv = await workshop.uv();
    await using scratch = await temporaryDirectory("caisson-wheel");
    const [out, home] = [join(scratch.path, "out"), join(scratch.path, "home")];
    await Promise.all([mkdir(out), mkdir(home)]);
    const env = { ...(await workshop.uvEnvironment()), ...cleanEnvironment(home, [dirname(uv.path), dirname(interpreter.executable)], source.time) };
    const argv = [uv.path, "build", "--wheel", "--no-create-gitignore", "--color", "never", "--no-python-downloads", ...(workshop.offline ? ["--offline"] : []), "--python", interpreter.executable, "--out-dir", out, await source.path(scratch.path)];
    const log: string[] = [];
    const { status } = await ctx.run(argv, { cwd: scratch.path, env, umask: 0o022, onLine: (line) => log.push(line) });
    const fileName = (await readdir(out)).find((name) => name.endsWith(".whl"));
    if (status !== 0 || fileName === undefined) return await buildFailed(ctx, source, log, key);
    checkName(fileName, source);
    const raw = await readFile(join(out, fileName));
    const normal = await normalizeWheel(fileName, { size: raw.length, read: (offset, length) => Promise.resolve(raw.subarray(offset, offset + length)) });
    return { fileName, wheel: await store.write(normal, undefined, mediaTypes.wheel) };
  } finally {
    ctx.report({ type: "finished", what });
  }
}

/** Nothing of the user's surroundings: what a build needs and does not declare is missing here too. */
function cleanEnvironment(home: string, programs: readonly string[], time: EpochSeconds): Readonly<Record<string, string>> {
  return {
    PATH: [...new Set([...programs, "/usr/local/bin", "/usr/bin", "/bin"])].join(delimiter),
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
  if (!named || !versioned) fail({ code: "build-failed", message: `building \`${source.written}\`${source.version === undefined ? "" : ` ${source.version}`} gave \`${fileName}\`` });
}

/** The last lines tell why; all of them stay in a file. */
async function buildFailed(ctx: Context, source: WheelSource, log: readonly string[], key: string): Promise<never> {
  const state = ctx.env["XDG_STATE_HOME"] ?? join(ctx.env["HOME"] ?? "/", ".local", "state");
  const path = join(state, "caisson", "logs", `${source.name}-${key.slice(0, 12)}.log`);
  await mkdir(dirname(path), { recursive: true });
  await writeDurably(path, `${log.join("\n")}\n`);
  const last = log.filter((line) => line.trim() !== "").slice(-15);
  throw new CaissonError([{ code: "build-failed", message: `building the wheel of \`${source.written}\` failed`, hint: `the whole log is in \`${path}\`` }], new Error(last.join("\n")));
}
