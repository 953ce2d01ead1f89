import { fail, type Descriptor, type EpochSeconds, type InterpreterTree, type Json, type PackageName, type Platform } from "../../model/index.ts";
import { ruleSetVersion } from "../../python/index.ts";
import type { Store } from "../../store/index.ts";
import type { Context } from "../../system/index.ts";
import { actionKey, recallAction, rememberAction, type WheelAction } from "../action.ts";
import { minorOf, type InterpreterFacts } from "../interpreter.ts";
import { askedOf, makerOf } from "./asked.ts";
import type { lockBuild } from "./build-lock.ts";
import type { BuildSystem } from "./build-system.ts";
import { refusingCompilers, type ChooseCompilers } from "./compilers.ts";
import { ownCompilers } from "./steady-compilers.ts";
import { fitting, isBound, isHere, isPure, mustBeCompiled } from "./fit.ts";
import { makeWheel, type Made } from "./make-wheel.ts";
import type { Maker, MakerFacts } from "./maker.ts";
import type { Queue } from "../queue.ts";
import type { Rust } from "./rust.ts";
import type { Zig } from "../zig/zig.ts";

/** What a wheel is made from: a package's directory at a revision, or an sdist in the store. */
export interface WheelSource {
  readonly name: PackageName;
  /** As messages call it. */
  readonly written: string;
  /** Where it must be exactly this one, as a lock says. */
  readonly version?: string;
  readonly key: WheelAction["source"];
  /** The directory or sdist that a back end gets, made below a directory that is removed afterwards: back ends write into what they build. */
  readonly path: (scratch: string) => Promise<string>;
  readonly time: EpochSeconds;
  /** How it is built, as its files say. */
  readonly system: () => Promise<BuildSystem>;
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
  readonly rust: () => Promise<Rust | undefined>;
  readonly factsOf: (maker: Maker) => Promise<MakerFacts>;
  readonly lockBuild: (requires: readonly string[], interpreter: InterpreterFacts) => ReturnType<typeof lockBuild>;
  /** Errors as `checkIndexes`. */
  readonly checkIndexes: (projects: readonly string[]) => Promise<void>;
  /** One build at a time for each core. */
  readonly enqueue: Queue;
  /** Whether somebody wants zig to compile for a platform. */
  readonly isCompiledByZig: (platform: Platform) => boolean;
  readonly zig: () => Promise<Zig>;
  /** The interpreter tree that releases for a platform bring along, and the same laid out to build with, where it runs here. */
  readonly tree: (platform: Platform) => Promise<InterpreterTree | undefined>;
  readonly laidTree: (tree: InterpreterTree) => Promise<InterpreterFacts | undefined>;
  /** What has the same key is made once. */
  readonly making: (key: string, work: () => Promise<Made>) => Promise<Made>;
  /** Dispose of something beside what else is done; only the end of all waits for it. */
  readonly disposeLater: (end: AsyncDisposable) => void;
  readonly offline: boolean;
}

export interface BuiltWheel {
  readonly fileName: string;
  readonly wheel: Descriptor;
}

/** A wheel, and what made it. */
export type MadeWheel = BuiltWheel & { readonly maker: Maker };

/** A wheel that is wanted, and all that it takes. */
export interface Job {
  readonly ctx: Context;
  readonly store: Store;
  readonly workshop: Workshop;
  readonly source: WheelSource;
  readonly system: BuildSystem;
  /** What it is made from, by who makes it. */
  readonly action: (maker: Maker) => Promise<WheelAction>;
}

/**
 * The wheel of a source for a platform, from the store where the same was made before.
 * A pure one serves every platform. What must be compiled is compiled by zig where that is wanted, else for this machine's own system alone.
 * @throws CaissonError `build-failed` when its back end fails · `wheel-unfit` when it must be compiled elsewhere · `tool-missing` without an interpreter, or what zig needs
 */
export async function buildWheel(ctx: Context, store: Store, workshop: Workshop, source: WheelSource, platform: Platform): Promise<MadeWheel> {
  const { python } = platform;
  const job: Job = { ctx, store, workshop, source, system: await source.system(), action: async (maker) => ({ schema: "caisson.action/1", kind: "wheel", source: source.key, ...(await workshop.factsOf(maker)), rules: ruleSetVersion }) };
  const byZig = workshop.isCompiledByZig(platform);
  const known = await recallWheel(job, python.version);
  if (known !== undefined && !(byZig && isBound(known))) return await madeBy(job, python.version, await fitting(known, source, platform, workshop));

  const exact = await workshop.interpreter(python.version);
  if (exact !== undefined) await workshop.lockBuild(job.system.requires, exact);
  const compileElsewhere = async (): Promise<MadeWheel> => (byZig ? await (await import("./compile-by-zig.ts")).compileByZig(job, platform, exact) : mustBeCompiled(source, platform, exact));
  const here = !byZig && exact !== undefined && (await isHere(workshop, platform));
  // A source that gave a wheel for its own system alone would do so again: nobody need wait for a compiler to hear it.
  if (!here && (await isKnownToCompile(job))) return await compileElsewhere();
  const interpreter = exact ?? (await workshop.interpreter());
  if (interpreter === undefined) return fail({ code: "tool-missing", message: `there is no Python ${python.version} to build \`${source.written}\` with`, hint: `put python${python.version} on PATH` });
  if (exact === undefined) await workshop.lockBuild(job.system.requires, interpreter);
  const minor = minorOf(interpreter);
  const built = (exact === undefined ? await recallWheel(job, minor) : undefined) ?? (await makeHereOrPure(job, interpreter, here, byZig));
  if (built === undefined || (byZig && isBound(built)) || (exact === undefined && !isPure(built))) return await compileElsewhere();
  return await madeBy(job, minor, await fitting(built, source, platform, workshop));
}

async function madeBy(job: Job, interpreter: string, built: BuiltWheel): Promise<MadeWheel> {
  return { ...built, maker: await makerOf(job, interpreter, !isPure(built)) };
}

/**
 * For this very system by its own compilers. For any other one without any, so that what needs one is known before that has taken any time: undefined then.
 * Whichever comes first of these does for both, where it can.
 */
async function makeHereOrPure(job: Job, interpreter: InterpreterFacts, here: boolean, byZig: boolean): Promise<BuiltWheel | undefined> {
  const { store, workshop, action } = job;
  const minor = minorOf(interpreter);
  const key = actionKey(await action(askedOf(job, minor)));
  const make = (which: string, choose: ChooseCompilers): Promise<Made> => workshop.making(which, () => workshop.enqueue(() => makeWheel(job, interpreter, key, choose)));
  const first = await make(key, here ? ownCompilers : refusingCompilers);
  const isSure = first.wheel !== undefined && !first.refused;
  if (!isSure && !here && (byZig || first.wheel === undefined)) {
    if (first.wheel === undefined) await rememberAction(store, await action(ANYBODY), { bound: true });
    return undefined;
  }
  // Some do without a compiler where there is none, and would not elsewhere.
  const { wheel: built } = isSure ? first : await make(`${key} compiled`, ownCompilers);
  if (built !== undefined) await rememberWheel(job, minor, built);
  return built;
}

async function rememberWheel(job: Job, interpreter: string, built: BuiltWheel): Promise<void> {
  const { store, action } = job;
  // Two steps, so that a pure wheel is found without knowing the machine, and a compiled one never by it alone.
  await rememberAction(store, await action(await makerOf(job, interpreter, false)), { pure: isPure(built), ...(isPure(built) ? { ...built } : {}) } as unknown as Json);
  if (!isPure(built)) await rememberAction(store, await action(await makerOf(job, interpreter, true)), { ...built } as unknown as Json);
  if (isBound(built)) await rememberAction(store, await action(ANYBODY), { bound: true });
}

async function recallWheel(job: Job, interpreter: string): Promise<BuiltWheel | undefined> {
  const { store, action } = job;
  const first = (await recallAction(store, await action(await makerOf(job, interpreter, false)))) as { readonly pure: boolean } | undefined;
  const found = (first === undefined || first.pure ? first : await recallAction(store, await action(await makerOf(job, interpreter, true)))) as BuiltWheel | undefined;
  return found !== undefined && (await store.has(found.wheel.digest)) ? { fileName: found.fileName, wheel: found.wheel } : undefined;
}

/** What is known of a source whatever Python it is built with. */
const ANYBODY: Maker = { interpreter: "every", compiled: false };

async function isKnownToCompile({ store, action }: Job): Promise<boolean> {
  const known = (await recallAction(store, await action(ANYBODY))) as { readonly bound: boolean } | undefined;
  return known?.bound === true;
}
