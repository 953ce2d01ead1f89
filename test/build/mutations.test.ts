import { cpSync, existsSync, mkdirSync, realpathSync, mkdtempSync, rmSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { actionKey, type Action } from "../../src/build/action.ts";
import { explainBuild, makePackages } from "../../src/build/index.ts";
import { readWorkspace } from "../../src/config/index.ts";
import { CaissonError, digestHex, printCanonicalJson, type Artifact, type Json, type PackageName, type Platform } from "../../src/model/index.ts";
import { platformPreset } from "../../src/python/index.ts";
import { openStore, type Store } from "../../src/store/index.ts";
import { createContext, hashJson, type Context } from "../../src/system/index.ts";
import { throwDice, type Dice } from "../support/dice.ts";
import { writeForge } from "../support/forge.ts";
import { cache } from "../support/machine.ts";
import { MUTATIONS, type Mutation, type Surroundings } from "../support/mutations.ts";

/**
 * Inputs of a build are changed at random, one at a time. A key that is not another one, though the bytes are, is stale; one that is another, though the bytes are not, a needless miss.
 * What a key says is proven by building from scratch: a few times in a usual run, each time with SWEEP=all (1,000 mutations). SEED= repeats a run; ONLY= takes mutations by name.
 */
const all = process.env["SWEEP"] === "all";
const seed = Number(process.env["SEED"] ?? "1");
const count = Number(process.env["COUNT"] ?? (all ? "1000" : "60"));
/** One in so many is built, one package of it. */
const proven = Number(process.env["PROVEN"] ?? (all ? "1" : "30"));

const REACH = /^(?:PIP_|UV_|SSL_|HTTPS?_PROXY|NO_PROXY|PYENV_ROOT)/i;
const GIT: Readonly<Record<string, string>> = { GIT_AUTHOR_NAME: "T", GIT_AUTHOR_EMAIL: "t@example.com", GIT_COMMITTER_NAME: "T", GIT_COMMITTER_EMAIL: "t@example.com", GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" };
const names = ["core", "web", "job", "conf"] as const as unknown as readonly PackageName[];

const top = realpathSync(mkdtempSync(join(tmpdir(), "caisson mutations ")));
const original = join(top, "original");
let base: Store;
let built: ReadonlyMap<PackageName, Artifact>;
/** What each key stood for, in all builds. */
const outputs = new Map<string, string>();
const umask = process.umask();

let clock = 1_714_564_800;
function git(directory: string, ...words: readonly string[]): string {
  const at = `${clock} +0000`;
  return execFileSync("git", ["-c", "init.defaultBranch=main", ...words], { cwd: directory, env: { PATH: process.env["PATH"] ?? "", HOME: top, ...GIT, GIT_AUTHOR_DATE: at, GIT_COMMITTER_DATE: at }, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
}

function contextIn(directory: string, env: Readonly<Record<string, string>> = {}): Context {
  const reach = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => REACH.test(entry[0])));
  return createContext({ cwd: directory, env: { PATH: process.env["PATH"] ?? "", HOME: top, XDG_CACHE_HOME: join(cache, "xdg"), ...GIT, ...reach, ...env }, report: () => undefined, signal: new AbortController().signal });
}

beforeAll(async () => {
  mkdirSync(original);
  writeForge(original, (...words) => git(original, ...words));
  base = await openStore(contextIn(original), join(top, "base"));
  built = await build(base, original, {}, names);
  await remember(base);
}, 300_000);
afterAll(() => rmSync(top, { recursive: true, force: true }));

/** Artifacts by package, from the files of a directory. */
async function build(store: Store, directory: string, { env, onDisk = false, platform }: Surroundings, packages: readonly PackageName[]): Promise<ReadonlyMap<PackageName, Artifact>> {
  const ctx = contextIn(directory, env);
  const made = await makePackages(ctx, store, await readWorkspace(ctx, directory), { formats: ["tar"], packages, onDisk, offline: false, ...(platform === undefined ? {} : { platforms: [presetOf(platform)] }) });
  return new Map(made.map((each) => [each.package, each.artifacts[0]!.artifact]));
}

function presetOf(label: string): Platform {
  return platformPreset(label) ?? (() => { throw new Error(`no platform ${label}`); })();
}

/** A key that stands for two outputs is a lie, wherever they were made. */
async function remember(store: Store): Promise<readonly string[]> {
  const lies: string[] = [];
  for await (const name of store.listRefs("actions")) {
    const { action, output } = (await store.readRef("actions", name))!.value as { readonly action: Json; readonly output: Json };
    const digest = digestHex(hashJson(output));
    if ((outputs.get(name) ?? digest) !== digest) lies.push(`one key, two outputs: ${printCanonicalJson({ ...(action as object), platform: null })}`);
    outputs.set(name, digest);
  }
  return lies;
}

interface Verdict {
  readonly faults: readonly string[];
  /** Of a key that changed and was proven: whether the bytes stayed. */
  readonly changed?: "needless" | "rightly";
  readonly cause: string;
  readonly proven: boolean;
}

async function strike(mutation: Mutation, dice: Dice, number: number): Promise<Verdict> {
  const directory = join(top, `round ${number}`);
  cpSync(original, directory, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  clock += 60;
  const commit = (): void => void (git(directory, "add", "-A"), git(directory, "commit", "-q", "--allow-empty", "-m", dice.word()), clock += 60);
  const around = mutation.apply({ directory, dice, git: (...words) => git(directory, ...words), commit }) ?? {};
  const known = around.platform === undefined ? names : names.filter((name) => PURE.includes(name));
  // Packages that cost little are looked at more often; one whose key must change, half of the time.
  const chosen = dice.number(2) === 0 && mutation.changes.length > 0 ? (dice.of(mutation.changes) as PackageName) : dice.of(known.flatMap((name) => (PURE.includes(name) ? [name, name] : [name])));
  const here = around.directory ?? directory;
  const isProven = (number + seed) % proven === 0 || mutation.afresh === true;
  try {
    process.umask(around.umask ?? umask);
    return await judge(mutation, around, here, number, all ? known : [chosen], isProven ? chosen : undefined);
  } finally {
    process.umask(umask);
    rmSync(here, { recursive: true, force: true });
  }
}

/** Those that are the same for every platform. */
const PURE: readonly string[] = ["job", "conf"];

async function judge(mutation: Mutation, around: Surroundings, directory: string, number: number, looked: readonly PackageName[], chosen: PackageName | undefined): Promise<Verdict> {
  const faults: string[] = [];
  const say = (text: string): void => void faults.push(`${number} ${mutation.name}: ${text}`);
  const real = chosen === undefined ? undefined : await buildAfresh(around, mutation.afresh === true, directory, number, chosen);
  for (const lie of real?.lies ?? []) say(lie);
  let changed: Verdict["changed"];
  for (const name of mutation.afresh === true ? looked.filter((each) => each === chosen) : looked) {
    const before = built.get(name)!;
    // Where nothing was locked before, only a build tells what the key is.
    const why = mutation.afresh === true ? await differences(before, real?.artifact) : await explain(around, directory, name);
    if ((why.length > 0) !== mutation.changes.includes(name)) say(`the key of ${name} ${why.length > 0 ? `changed: ${why.join(", ")}` : "did not change"}`);
    if (why.length > 0 && name === mutation.changes[0] && mutation.named !== undefined && !mutation.named.test(why[0] ?? "")) say(`\`caisson why ${name}\` names ${why.join(", ")}`);
    if (name !== chosen) continue;
    const same = real?.artifact?.content.digest === before.content.digest;
    if (why.length === 0 && !same) say(`stale: the key of ${name} did not change, and its bytes did (${real?.artifact === undefined ? "it does not build" : (await differences(before, real.artifact)).join(", ") || "by one key"})`);
    if (why.length > 0) changed = same ? "needless" : "rightly";
  }
  return { faults, ...(changed === undefined ? {} : { changed }), cause: `${mutation.name} (${chosen ?? ""})`, proven: real !== undefined };
}

/** The inputs that `caisson why` names. */
async function explain({ env, onDisk = false, platform }: Surroundings, directory: string, name: PackageName): Promise<readonly string[]> {
  const ctx = contextIn(directory, env);
  const workspace = await readWorkspace(ctx, directory);
  if (platform !== undefined) return platform === built.get(name)!.platform ? [] : [`platform ${platform}`];
  try {
    const { changes } = await explainBuild(ctx, base, workspace, { package: name, onDisk });
    return changes.map(({ input, files = [] }) => (input.startsWith("source of ") && files.length === 0 && !onDisk ? `${input}, and none of its files` : input));
  } catch (error) {
    // Another Python first on PATH makes this machine another platform.
    if (error instanceof CaissonError && error.code === "ref-unknown") return ["platform label"];
    // What cannot even be read is not what it was.
    if (error instanceof CaissonError) return [`source of ${name}`];
    throw error;
  }
}

/** In a store that knows what was locked before, and nothing that was built. */
async function buildAfresh(around: Surroundings, afresh: boolean, directory: string, number: number, name: PackageName): Promise<{ readonly artifact: Artifact | undefined; readonly lies: readonly string[] }> {
  const place = join(top, `store ${number}`);
  if (!afresh) {
    mkdirSync(join(place, "refs"), { recursive: true });
    execFileSync("cp", ["-al", join(base.directory, "blobs"), place]);
    if (existsSync(join(base.directory, "refs/locks"))) execFileSync("cp", ["-a", join(base.directory, "refs/locks"), join(place, "refs")]);
  }
  const store = await openStore(contextIn(directory), place);
  let artifact: Artifact | undefined;
  try {
    artifact = (await build(store, directory, around, [name])).get(name);
    if (artifact !== undefined) await noteProvenance(store, artifact);
  } catch (error) {
    // What does not build has no bytes, and must not have a key that is known.
    if (!(error instanceof CaissonError)) throw error;
  }
  const lies = await remember(store);
  rmSync(place, { recursive: true, force: true });
  return { artifact, lies };
}

const provenances = new Map<string, Action>();

async function noteProvenance(store: Store, artifact: Artifact): Promise<void> {
  provenances.set(artifact.provenance.digest, (await store.readJson<{ readonly action: Action }>(artifact.provenance.digest)).action);
}

/** The fields in which the keys of two artifacts differ. */
async function differences(before: Artifact, now: Artifact | undefined): Promise<readonly string[]> {
  if (now === undefined) return [];
  await noteProvenance(base, before);
  const [old, young] = [before, now].map(({ provenance }) => provenances.get(provenance.digest) as Action & Readonly<Record<string, Json>>) as [Action, Action];
  if (actionKey(old) === actionKey(young)) return [];
  const { diffActions } = await import("../../src/build/why.ts");
  const inputs = diffActions(old as never, young as never).map(({ input }) => input);
  return inputs.length > 0 ? inputs : ["something that has no name"];
}

it("a key changes exactly when it must, and `why` names the input", { timeout: 20_000_000 }, async () => {
  const dice = throwDice(seed);
  // Those that only a build from nothing can judge, that is all they do, are for a whole sweep.
  const pool = MUTATIONS.filter(({ name, afresh }) => new RegExp(process.env["ONLY"] ?? "").test(name) && (all || afresh !== true));
  const weighted = pool.flatMap((mutation) => Array.from({ length: mutation.weight ?? 1 }, () => mutation));
  // Each at least once, as far as the count reaches; then by chance.
  const chosen = Array.from({ length: count }, (_, at) => pool[at] ?? dice.of(weighted));
  const verdicts: Verdict[] = [];
  for (const [at, mutation] of chosen.entries()) {
    verdicts.push(await strike(mutation, dice, at + 1));
    if (all && (at + 1) % 25 === 0) console.log(summary(verdicts));
  }
  console.log(summary(verdicts));
  expect(verdicts.flatMap(({ faults }) => faults)).toEqual([]);
});

function summary(verdicts: readonly Verdict[]): string {
  const changed = verdicts.filter((verdict) => verdict.changed !== undefined);
  const needless = changed.filter((verdict) => verdict.changed === "needless").map(({ cause }) => cause);
  const causes = [...new Set(needless)].map((cause) => `${cause} ${needless.filter((each) => each === cause).length}`);
  return `seed ${seed}: ${verdicts.length} mutations, ${verdicts.filter((verdict) => verdict.proven).length} proven by building; ${verdicts.flatMap(({ faults }) => faults).length} faults; ${needless.length} of ${changed.length} changed keys needless${causes.length === 0 ? "" : `: ${causes.join("; ")}`}`;
}
