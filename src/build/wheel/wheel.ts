import { fail, type Descriptor, type EpochSeconds, type Json, type PackageName, type Platform } from "../../model/index.ts";
import { parseWheelFileName, ruleSetVersion } from "../../python/index.ts";
import type { Store } from "../../store/index.ts";
import type { Context } from "../../system/index.ts";
import { actionKey, recallAction, rememberAction, type Action } from "../action.ts";
import type { BuildNeeds } from "./build-environment.ts";
import { minorOf, type InterpreterFacts } from "../interpreter.ts";
import { makeWheel } from "./make-wheel.ts";
import type { Maker, MakerFacts } from "./maker.ts";
import type { Queue } from "../queue.ts";

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
  /** What its back end needs, where that is known. */
  readonly needs?: BuildNeeds;
}

/** The machine and the tools that wheels are made with; each is looked for when it is first needed. */
export interface Workshop {
  readonly uv: () => Promise<{ readonly path: string; readonly version: string }>;
  /** Of that uv, or of the one that would be fetched; nothing is. */
  readonly uvVersion: () => Promise<string>;
  /** How uv reaches the index: variables of its environment. */
  readonly uvEnvironment: () => Promise<Readonly<Record<string, string>>>;
  /** A CPython of that minor, or without one the machine's python3. */
  readonly interpreter: (minor?: string) => Promise<InterpreterFacts | undefined>;
  readonly machine: () => Promise<Platform>;
  readonly factsOf: (maker: Maker) => Promise<MakerFacts>;
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

/** A wheel, and what made it. */
export type MadeWheel = BuiltWheel & { readonly maker: Maker };

/**
 * The wheel of a source for a platform, from the store where the same was made before.
 * A pure one serves every platform; any other only those that are this machine.
 * @throws CaissonError `build-failed` when its back end fails · `wheel-unfit` when it must be compiled elsewhere
 */
export async function buildWheel(ctx: Context, store: Store, workshop: Workshop, source: WheelSource, platform: Platform): Promise<MadeWheel> {
  const { python } = platform;
  const action = async (minor: string, compiled = false): Promise<Action> => ({ schema: "caisson.action/1", kind: "wheel", source: source.key, ...(await workshop.factsOf({ interpreter: minor, compiled })), rules: ruleSetVersion });
  const known = await recallWheel(store, action, python.version);
  if (known !== undefined) return madeBy(python.version, await fitting(known, source, platform, workshop));

  if (await isCompiledElsewhere(store, workshop, action, platform)) return mustBeCompiled(source, platform);
  const exact = await workshop.interpreter(python.version);
  const interpreter = exact ?? (await workshop.interpreter());
  if (interpreter === undefined) return fail({ code: "tool-missing", message: `there is no Python ${python.version} to build \`${source.written}\` with`, hint: `put python${python.version} on PATH` });
  const minor = minorOf(interpreter);
  const other = exact === undefined ? await recallWheel(store, action, minor) : undefined;
  const key = actionKey(await action(minor));
  const built = other ?? (await workshop.making(key, () => workshop.enqueue(() => makeWheel(ctx, store, workshop, source, interpreter, key))));
  if (other === undefined) {
    // Two steps, so that a pure wheel is found without knowing the machine, and a compiled one never by it alone.
    await rememberAction(store, await action(minor), { pure: isPure(built), ...(isPure(built) ? { ...built } : {}) } as unknown as Json);
    if (!isPure(built)) await rememberAction(store, await action(minor, true), { ...built } as unknown as Json);
    if (isBound(built)) await rememberAction(store, await action(EVERY), { bound: true });
  }
  if (exact === undefined && !isPure(built)) mustBeCompiled(source, platform);
  return madeBy(minor, await fitting(built, source, platform, workshop));
}

function madeBy(interpreter: string, built: BuiltWheel): MadeWheel {
  return { ...built, maker: { interpreter, compiled: !isPure(built) } };
}

/** The key of a source's wheel, by who makes it. */
type KeyOf = (minor: string, compiled?: boolean) => Promise<Action>;

async function recallWheel(store: Store, action: KeyOf, minor: string): Promise<BuiltWheel | undefined> {
  const first = (await recallAction(store, await action(minor))) as { readonly pure: boolean } | undefined;
  const found = (first === undefined || first.pure ? first : await recallAction(store, await action(minor, true))) as BuiltWheel | undefined;
  return found !== undefined && (await store.has(found.wheel.digest)) ? { fileName: found.fileName, wheel: found.wheel } : undefined;
}

/** In the place of a minor: what is known of a source whatever Python it is built with. */
const EVERY = "every";

/** A source that gave a wheel for its own system alone would do so again: nobody need wait for a compiler to hear it. */
async function isCompiledElsewhere(store: Store, workshop: Workshop, action: KeyOf, platform: Platform): Promise<boolean> {
  const known = (await recallAction(store, await action(EVERY))) as { readonly bound: boolean } | undefined;
  return known?.bound === true && !isSameSystem(await workshop.machine(), platform);
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
