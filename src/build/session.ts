import { availableParallelism } from "node:os";
import { basename } from "node:path";
import { fail, type Descriptor, type Digest, type InterpreterTree, type Package, type PackageName, type Platform, type Workspace } from "../model/index.ts";
import type { Store } from "../store/index.ts";
import { hashFile, hashJson, ownPath, takeOwnerWithin, type Context } from "../system/index.ts";
import { cacheDirectory } from "./cache.ts";
import { openDrafts, type Drafts } from "./drafts.ts";
import type { ByScripts } from "./build-scripts/build-scripts.ts";
import { readDistribution } from "./payload/distributions.ts";
import { excusedRules } from "./payload/exceptions.ts";
import { indexClient } from "./fetch/http.ts";
import { checkIndexes } from "./fetch/index-page.ts";
import { indexSettings, uvEnvironment, type PackageIndex } from "./fetch/index-settings.ts";
import { askInterpreter, findInterpreter, findOnPath, minorOf, type InterpreterFacts } from "./interpreter.ts";
import { machinePlatform } from "./machine.ts";
import type { InstalledDistribution } from "./payload/payload.ts";
import { openReaders } from "./payload/readers.ts";
import { createGate, createQueue, lazily, once, type Queue } from "./queue.ts";
import { readSources } from "./sources.ts";
import type { RevisionRequest, Source } from "./source/source.ts";
import { findUv, uvVersion } from "./uv/tools.ts";
import { lockBuild, recallBuildLock, type BuildLockInputs } from "./wheel/build-lock.ts";
import { makerFacts, type Maker, type MakerFacts } from "./wheel/maker.ts";
import { callsRust, findRust } from "./wheel/rust.ts";
import type { Made } from "./wheel/make-wheel.ts";
import type { WheelSource, Workshop } from "./wheel/wheel.ts";
import { findZig, isCompiledByZig } from "./zig/zig.ts";

/** What the packages and platforms of one build share; each is looked for when it is first needed, and once. */
export interface Session extends AsyncDisposable {
  readonly ctx: Context;
  readonly store: Store;
  /** Its packages know what they need. */
  readonly workspace: Workspace;
  readonly offline: boolean;
  /** The files as they lie on disk are built, whatever their version says. */
  readonly onDisk: boolean;
  /** Packages may ask for more than stands in their locks. */
  readonly beyondLocks: boolean;
  readonly machine: () => Promise<Platform>;
  /** The digest of all of ours that gets into artifacts or decides what does. */
  readonly ownDigest: () => Promise<Digest>;
  /** A package's source at the revision that is being built. */
  readonly source: (pkg: Package) => Source;
  readonly index: () => Promise<PackageIndex>;
  /** The interpreter that releases for a platform bring along; undefined where they run on the host's own. */
  readonly interpreter: (platform: Platform) => Promise<InterpreterTree | undefined>;
  /** What a wheel in the store is. */
  readonly read: (fileName: string, wheel: Descriptor) => Promise<InstalledDistribution>;
  /** What would make a wheel here and now. */
  readonly factsOf: (maker: Maker) => Promise<MakerFacts>;
  /** The wheel of a source for a platform, built or remembered, and read. */
  readonly wheel: (source: WheelSource, platform: Platform) => Promise<InstalledDistribution>;
  readonly workshop: Workshop;
  /** Files that artifacts are, until they are put in their places. */
  readonly drafts: Drafts;
  /** What a package with build scripts comes to for a platform. */
  readonly byScripts: (pkg: Package, platform: Platform) => Promise<ByScripts>;
}

export interface SessionOptions {
  readonly rev?: string;
  readonly onDisk?: boolean;
  readonly offline: boolean;
  readonly beyondLocks?: boolean;
  readonly drafts?: Drafts;
  /** Those of the packages, by name, where the caller has them already. */
  readonly sources?: ReadonlyMap<PackageName, Source>;
}

/** Programs that only prepare a build, and are done before others could be of use. */
const QUICK: readonly string[] = ["cp", "git", "rustc"];

/** Wheels that are read at one time: enough to keep the disk busy, few enough to keep open. */
const READERS = 3;

/**
 * Read the sources of packages and of those that they need, and get ready for the rest.
 * @throws CaissonError as `readSources`
 */
export async function openSession(ctx: Context, store: Store, given: Workspace, packages: readonly Package[], options: SessionOptions): Promise<Session> {
  const { rev, onDisk, offline } = options;
  const request: RevisionRequest = onDisk === true ? { onDisk } : { offline, ...(rev === undefined ? {} : { rev }) };
  const { workspace, of } = options.sources === undefined ? await readSources(ctx, given, packages.map(({ name }) => name), request) : { workspace: given, of: options.sources };
  const byName = new Map(await Promise.all([...of].map(async ([name, source]) => [name, await ownSource(workspace, name, source)] as const)));
  const wheels = once<InstalledDistribution>();
  const readers = openReaders(ctx.signal);
  const enqueueRead = createQueue(READERS);
  // What is in the store already is read without waiting for anything: that would keep a build from starting its programs, which take longest.
  const begun = createGate();
  const watched: Context = { ...ctx, run: async (argv, how) => {
    if (!QUICK.includes(basename(argv[0] ?? ""))) begun.open();
    return await ctx.run(argv, how);
  } };
  const read = (fileName: string, wheel: Descriptor): Promise<InstalledDistribution> => wheels(`${wheel.digest} ${fileName}`, () => enqueueRead(async () => {
    await begun.pass();
    if (ctx.signal.aborted) fail({ code: "cancelled", message: "stopped on request" });
    return await readDistribution(store, fileName, wheel, readers, excusedRules(workspace.exceptions, wheel.digest));
  }));
  const interpreters = once<InterpreterFacts | undefined>();
  const machines = once<Platform>();
  const trees = once<InterpreterTree | undefined>();
  const bringTree = (platform: Platform): Promise<InterpreterTree | undefined> => trees(platform.label, async () => (await import("./interpreter-tree/choose.ts")).chooseInterpreter(ctx, store, workspace, platform));
  const machine = (): Promise<Platform> => machines("", () => machinePlatform(ctx));
  const facts = once<Omit<MakerFacts, "backend">>();
  const locking = once<Awaited<ReturnType<typeof lockBuild>>>();
  const buildLock = async (requires: readonly string[], interpreter: string): Promise<BuildLockInputs> => ({ requires, interpreter, index: await index(), workspace });
  const factsOf = async (maker: Maker): Promise<MakerFacts> => {
    const { interpreter, compiled, requires, target = "" } = maker;
    const known = await facts(JSON.stringify([interpreter, compiled, target, maker.tree ?? "", maker.headers ?? "", callsRust(requires ?? [])]), () => makerFacts(ctx, workshop, maker));
    return requires === undefined ? known : { ...known, backend: (await recallBuildLock(ctx, store, await buildLock(requires, interpreter))) ?? "unlocked" };
  };
  const index = lazily(() => indexSettings(ctx, workspace.index));
  const leftovers: Promise<void>[] = [];
  const workshop = {
    uv: lazily(() => findUv(watched, workspace.index, { offline })),
    uvVersion: lazily(() => uvVersion(ctx)),
    factsOf,
    lockBuild: (requires: readonly string[], interpreter: InterpreterFacts) =>
      locking(JSON.stringify([requires, interpreter.version]), async () => await lockBuild(watched, store, await buildLock(requires, minorOf(interpreter)), { uv: workshop.uv, env: workshop.uvEnvironment, interpreter, offline })),
    uvEnvironment: async () => uvEnvironment(ctx, await index()),
    checkIndexes: async (projects: readonly string[]) => await checkIndexes(indexClient(ctx, await index()), await index(), projects),
    interpreter: (minor?: string) => interpreters(minor ?? "", () => (minor === undefined ? askDefault(watched) : findInterpreter(watched, minor))),
    machine,
    rust: lazily(() => findRust(ctx)),
    isCompiledByZig: (platform: Platform) => isCompiledByZig(workspace, platform),
    tree: (platform: Platform) => bringTree(platform),
    laidTree: (tree: InterpreterTree) => interpreters(tree.tree.id, async () => {
      const program = await (await import("./interpreter-tree/lay.ts")).layInterpreter(ctx, store, tree, await machine());
      return program === undefined ? undefined : await askInterpreter(ctx, program);
    }),
    zig: lazily(async () => await findZig(ctx, store, await index(), offline)),
    enqueue: createQueue(availableParallelism()),
    making: once<Made>(),
    disposeLater: (end: AsyncDisposable) => {
      const work = Promise.resolve(end[Symbol.asyncDispose]());
      leftovers.push(work);
      work.catch(() => undefined);
    },
    offline,
  };
  const scripted = once<ByScripts>();
  const turns = once<Queue>();
  const session: Session = {
    ctx,
    store,
    workspace,
    offline,
    onDisk: onDisk === true,
    beyondLocks: options.beyondLocks === true,
    machine,
    index,
    factsOf,
    ownDigest: lazily(hashOwnFiles),
    read,
    interpreter: bringTree,
    source: ({ name }) => byName.get(name) as Source,
    wheel: (source, platform) =>
      wheels(JSON.stringify([source.key, source.name, platform.label]), async () => {
        const { buildWheel } = await import("./wheel/wheel.ts");
        begun.close();
        const { fileName, wheel, maker } = await buildWheel(watched, store, workshop, source, platform).finally(() => begun.open());
        return { ...(await read(fileName, wheel)), maker };
      }),
    workshop,
    drafts: options.drafts ?? openDrafts(undefined),
    // One platform after the other: the second finds what scripts have left for the first.
    byScripts: (pkg, platform) =>
      scripted(JSON.stringify([pkg.name, platform.label]), async () => {
        const [{ buildByScripts }, enqueue] = await Promise.all([import("./build-scripts/build-scripts.ts"), turns(pkg.name, () => Promise.resolve(createQueue(1)))]);
        return await enqueue(() => buildByScripts(session, pkg, platform));
      }),
    [Symbol.asyncDispose]: async () => {
      await readers[Symbol.asyncDispose]();
      for (const source of of.values()) await source[Symbol.asyncDispose]();
      // What cannot be removed keeps nothing else from going.
      await Promise.all(leftovers);
      await takeOwnerWithin(cacheDirectory(ctx));
    },
  };
  return session;
}

async function ownSource({ directory, packages }: Workspace, name: PackageName, source: Source): Promise<Source> {
  const pkg = packages.find((each) => each.name === name);
  return pkg?.script === undefined ? source : await (await import("./source/script.ts")).scriptSource(directory, pkg, source);
}

/** The agent and install.sh go into every bundle; the version stands for the code that writes it. */
async function hashOwnFiles(): Promise<Digest> {
  const files = await Promise.all(["dist/agent.py", "agent/install.sh", "agent/turret/start.py", "agent/turret/start.sh", "package.json"].map((name) => hashFile(ownPath(name))));
  return hashJson(files.map(({ digest }) => digest));
}

async function askDefault(ctx: Context): Promise<InterpreterFacts | undefined> {
  const [python] = await findOnPath(ctx, "python3");
  return python === undefined ? undefined : await askInterpreter(ctx, python);
}
