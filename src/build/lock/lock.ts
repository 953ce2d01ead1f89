import { dirname, join, relative } from "node:path";
import { CaissonError, fail, failAll, normalizeName, type Digest, type Package, type PackageName, type Platform } from "../../model/index.ts";
import { parseLock, printLock, readUvLock, satisfies, type Lock } from "../../python/index.ts";
import type { Store } from "../../store/index.ts";
import { hashJson, sha256, type Context } from "../../system/index.ts";
import { withoutCredentials } from "../source/git.ts";
import { extendIndex, indexSettings, type PackageIndex } from "../fetch/index-settings.ts";
import { recallLockText, rememberLockText } from "./kept-lock.ts";
import { readByLines } from "./locate-problems.ts";
import { fileOf } from "./needs.ts";
import { keepPinned, readPins, type Pins } from "./pins.ts";
import { findMembers, gatherNeeds, type ForeignNeed, type ForeignNeeds, type LockRequest } from "./requirements.ts";
import { uvVersion } from "../uv/tools.ts";
import { uvPlatform } from "../uv/uv-platform.ts";

export type { LockRequest } from "./requirements.ts";

/** The lock that a build goes by. */
export interface LockAnswer {
  readonly lock: Lock;
  readonly text: string;
  /** Of its text. */
  readonly digest: Digest;
  /** Beside the package's pyproject.toml; in the store, from an earlier time; or found just now. */
  readonly origin: "committed" | "remembered" | "resolved";
  /** The directory in which relative paths of the lock start; made when it is asked for. */
  readonly directory: () => Promise<string>;
}

/**
 * The lock of a package for a platform: pylock.<platform>.toml or pylock.toml beside its pyproject.toml (of a script, pylock.<package>-<platform>.toml, pylock.<package>.toml or uv's <script>.lock); else the uv.lock there or at the workspace's top; else what was resolved before from the same; else uv resolves, from a requirements.txt with hashes where there is one, and the store keeps the answer.
 * @throws CaissonError `lock-stale` · `requirements-broken` · `index-unreachable` · `lock-missing` offline · `config-invalid`
 */
export async function lockPackage(ctx: Context, store: Store, request: LockRequest): Promise<LockAnswer> {
  const committed = await readCommitted(request);
  if (committed === undefined) return await lockByInputs(ctx, store, request);
  for (const message of committed.lock.warnings) ctx.report({ type: "warning", problem: { code: "config-invalid", file: committed.file, message } });
  const stale = await findStale(request, committed);
  if (stale !== undefined) return request.beyond === true ? await lockByInputs(ctx, store, request, printLock(committed.lock)) : refuseStale(request, committed, stale);
  const { lock, text, directory } = committed;
  return { lock, text, digest: sha256(text), origin: "committed", directory: async () => join((await request.source(request.package)?.checkout()) ?? "/", directory) };
}

/** As `lockPackage`, for whoever is about to write the lock file, whatever stands there. Versions of the lock `prefer` are kept where they satisfy. */
export async function lockByInputs(ctx: Context, store: Store, request: LockRequest, prefer?: string): Promise<LockAnswer> {
  const pins = await readPins(request);
  const asked = pinnedNeeds(pins, await gatherNeeds(request, false));
  const index = await indexOf(ctx, request, asked);
  const keyOf = (what: Asked): Promise<string> => inputsKey(ctx, request, index, { ...what, ...(prefer === undefined ? {} : { prefer }) });
  const key = await keyOf(asked);
  const known = await recall(store, key);
  if (known !== undefined) return known;
  const needs = pinnedNeeds(pins, await gatherNeeds(request, true));
  const found = (await recall(store, await keyOf({ ...needs, computed: [] }))) ?? (await resolveAnew(ctx, store, request, index, needs, { refresh: false, pins, ...(prefer === undefined ? {} : { prefer }) }));
  await rememberLockText(store, key, found.text);
  return found;
}

/**
 * What decides the lock of a package, as one word: the lock file's content, or what would be asked of uv. Neither uv nor the network is used.
 * @throws CaissonError `config-invalid` · `wheel-unfit`
 */
export async function lockKey(ctx: Context, request: LockRequest): Promise<string> {
  const committed = await readCommitted(request);
  if (committed !== undefined) return `${COMMITTED}${sha256(committed.text)}`;
  const asked = pinnedNeeds(await readPins(request), await gatherNeeds(request, false));
  return await inputsKey(ctx, request, await indexOf(ctx, request, asked), asked);
}

/** What the lock says that is kept under a key of `lockKey`, as one hash, wherever its files lie; undefined where there is none, or where the key is that of a file already. */
export async function recallLock(store: Store, key: string): Promise<Digest | undefined> {
  const known = key === "" || key.startsWith(COMMITTED) ? undefined : await recall(store, key);
  if (known === undefined) return undefined;
  return hashJson(known.lock.packages.map(({ name, version, marker, source, files }) => ({ name, version, marker, source, files: files.map(({ fileName, hashes, size }) => ({ fileName, hashes, size })) })));
}

const COMMITTED = "committed ";

/** Resolve, whatever is kept or committed: to the newest versions, but for those of the lock `prefer` that still satisfy. */
export async function relockPackage(ctx: Context, store: Store, request: LockRequest, prefer?: string): Promise<LockAnswer> {
  const needs = await gatherNeeds(request, true);
  return await resolveAnew(ctx, store, request, await indexOf(ctx, request, needs), needs, { refresh: true, ...(prefer === undefined ? {} : { prefer }) });
}

interface Committed {
  /** As a user would type it, from the workspace. */
  readonly file: string;
  readonly text: string;
  readonly lock: Lock;
  /** Where it lies, from the package's directory. */
  readonly directory: string;
}

async function readCommitted(request: LockRequest): Promise<Committed | undefined> {
  const { package: pkg, platform } = request;
  const own = request.source(pkg);
  if (own === undefined) return undefined;
  // A lock without a word between its dots is refused for its name, rather than passed over.
  const names = [...(pkg.script === undefined ? ["pylock..toml"] : []), lockFileName(pkg, platform), lockFileName(pkg), ...uvLockPlaces(pkg)];
  const texts = await Promise.all(names.map((name) => own.readText(name)));
  for (const [at, name] of names.entries()) {
    const text = texts[at];
    const file = fileOf(pkg, name);
    const lock = text === undefined ? undefined : readByLines(text, renewal(name, request), () => (isUvLock(name) ? readUvLock(file, text, { ...(pkg.script === undefined ? { package: pkg.name } : {}), extras: pkg.extras.map(normalizeName), groups: (pkg.groups ?? []).map(normalizeName), platform }) : parseLock(file, text)));
    if (text !== undefined && lock !== undefined) return { file, text, lock, directory: dirname(name) };
  }
  return undefined;
}

/** What makes a lock file anew. */
function renewal(name: string, { package: { written }, platform }: LockRequest): string {
  return isUvLock(name) ? "uv lock" : `caisson lock ${written} --platform ${platform.label}`;
}

/** The name of a package's lock, for one platform or for all. One directory may hold many scripts. */
export function lockFileName({ name, script }: Package, platform?: Platform): string {
  const words = [...(script === undefined ? [] : [name]), ...(platform === undefined ? [] : [platform.label])];
  return ["pylock", ...(words.length === 0 ? [] : [words.join("-")]), "toml"].join(".");
}

function isUvLock(file: string): boolean {
  return file.endsWith(".lock");
}

/** uv keeps one lock for all members of its workspace, at the top, and one beside each script; a lock that does not know the package is somebody else's. */
function uvLockPlaces({ source, script }: Package): readonly string[] {
  if (script !== undefined) return [`${script}.lock`];
  const depth = "git" in source || source.path === "." ? 0 : source.path.split("/").length;
  return Array.from({ length: depth + 1 }, (_, up) => `${"../".repeat(up)}uv.lock`);
}

/** A lock that lacks what its package asks for was made before that was asked for. */
async function findStale(request: LockRequest, { lock }: Committed): Promise<ForeignNeed | undefined> {
  const { needs } = await gatherNeeds(request, false);
  const versions = versionsOf(lock);
  const many = new Set(lock.packages.map(({ name }) => name).filter((name, at, all) => all.indexOf(name) !== at));
  return needs.find(({ name, specifier }) => {
    const version = versions.get(name);
    return !versions.has(name) || (version !== undefined && !many.has(name) && !satisfies(version, specifier, { prereleases: true }));
  });
}

function refuseStale({ package: pkg, platform }: LockRequest, { file, lock }: Committed, stale: ForeignNeed): never {
  const versions = versionsOf(lock);
  const has = versions.has(stale.name) ? `it has \`${stale.name}\` ${versions.get(stale.name) ?? ""}` : `it lacks \`${stale.name}\``;
  // They may have been asked for by word alone, and the lock has to be asked for them likewise.
  const choice = [...pkg.extras.map((extra) => ` --extra ${extra}`), ...(pkg.groups ?? []).map((group) => ` --group ${group}`)].join("");
  return fail({ code: "lock-stale", file, message: `\`${file}\` is older than the dependencies of \`${pkg.written}\`: ${has}, and \`${stale.by}\` asks for \`${stale.text}\``, hint: isUvLock(file) ? `uv lock${pkg.script === undefined ? "" : ` --script ${fileOf(pkg, pkg.script)}`}` : `caisson lock ${pkg.written} --platform ${platform.label}${choice}` });
}

function versionsOf(lock: Lock): ReadonlyMap<PackageName, string | undefined> {
  return new Map(lock.packages.map(({ name, version }) => [name, version]));
}

/** The index, and what a requirements.txt says of it besides. An index that the workspace names is said to have all. */
async function indexOf(ctx: Context, { workspace }: LockRequest, { index: options }: Asked): Promise<PackageIndex> {
  const { index } = workspace;
  return options === undefined || index.url !== undefined ? await indexSettings(ctx, index) : extendIndex(await indexSettings(ctx, index), options);
}

/** What is asked of uv. */
interface Asked extends ForeignNeeds {
  /** The hash of the lines that pin it. */
  readonly pinned?: string;
  /** The lock whose versions are kept where they satisfy. */
  readonly prefer?: string;
}

/** What is pinned takes the place of what is asked for, which it must satisfy; the hashes are a part of what is asked of uv. */
function pinnedNeeds(pins: Pins | undefined, asked: ForeignNeeds): Asked {
  if (pins === undefined) return asked;
  const stale = asked.needs.find(({ name, specifier }) => !pins.needs.some((pin) => pin.name === name && (specifier === "" || pin.specifier === "" || satisfies(pin.specifier.replace(/^=+\s*/, ""), specifier, { prereleases: true }))));
  if (stale !== undefined) fail({ code: "lock-stale", file: pins.file, message: `\`${pins.file}\` has hashes, and nothing in it satisfies \`${stale.text}\`, which \`${stale.by}\` asks for`, hint: "write it anew: uv pip compile --generate-hashes" });
  return { ...asked, needs: pins.needs, pinned: sha256(pins.text), ...(pins.index === undefined ? {} : { index: pins.index }) };
}

async function inputsKey(ctx: Context, request: LockRequest, index: PackageIndex, { needs, computed, constraints, overrides, pinned, prefer }: Asked): Promise<string> {
  const own = ownIndexes(request, needs);
  const { platform } = request;
  // A workspace that was moved as a whole asks for the same.
  const inWorkspace = (link: string): string => (link.startsWith(`${request.workspace.directory}/`) ? relative(request.workspace.directory, link) : link);
  const inputs = {
    schema: "caisson.lock/1",
    needs: [...new Set(needs.map(({ text }) => text))],
    ...(constraints === undefined ? {} : { constraints }),
    ...(overrides === undefined ? {} : { overrides }),
    ...(own.length === 0 ? {} : { indexes: own }),
    ...(pinned === undefined ? {} : { pinned }),
    ...(prefer === undefined ? {} : { prefer: sha256(prefer) }),
    computed: computed.map(({ package: { name }, tree, extras }) => ({ name, tree, extras })),
    members: await memberNames(request),
    platform: { label: platform.label, uv: uvPlatform(platform), python: platform.python.full ?? platform.python.version, tags: sha256(platform.tags.join(" ")) },
    index: [index.url, ...index.extra, ...index.findLinks.map(inWorkspace)].map(withoutCredentials),
    onlyLinks: index.disabled,
    uv: await uvVersion(ctx),
  };
  return hashJson(inputs).slice("sha256:".length);
}

async function memberNames(request: LockRequest): Promise<readonly PackageName[]> {
  return [...(await findMembers(request)).keys()].toSorted();
}

async function recall(store: Store, key: string): Promise<LockAnswer | undefined> {
  const known = await recallLockText(store, key);
  return known === undefined ? undefined : { ...known, lock: parseLock("pylock.toml", known.text), origin: "remembered", directory: () => Promise.resolve("/") };
}

async function resolveAnew(ctx: Context, store: Store, request: LockRequest, index: PackageIndex, needs: Asked, { pins, ...how }: { readonly refresh: boolean; readonly prefer?: string; readonly pins?: Pins | undefined }): Promise<LockAnswer> {
  const { package: pkg, platform, workspace, offline } = request;
  refuseElsewhere(pkg, needs);
  const resolved: Lock =
    needs.needs.length === 0
      ? { file: "pylock.toml", lockVersion: "1.0", createdBy: "caisson", environments: [], extras: [], dependencyGroups: [], defaultGroups: [], packages: [], warnings: [] }
      : await (await import("./resolve.ts")).resolve(ctx, { written: pkg.written, needs: needs.needs, constraints: needs.constraints ?? [], overrides: needs.overrides ?? [], members: await memberNames(request), platform, index, settings: workspace.index, offline, ...how }).catch(async (error: unknown) => {
          if (pins !== undefined && error instanceof CaissonError && error.code === "requirements-broken") await (await import("./check-pins.ts")).checkPins(ctx, request, index, pins);
          throw error;
        });
  const lock = pins === undefined ? resolved : keepPinned(resolved, pins);
  const text = printLock(lock);
  if (lock.packages.length > 0) ctx.report({ type: "notice", message: `chose ${lock.packages.length} ${lock.packages.length === 1 ? "distribution" : "distributions"} for \`${pkg.written}\` on ${platform.label}${pkg.kind === "turret" ? "" : "; `caisson lock` writes them down"}` });
  // What was newest at a time answers for whoever asks again; what was kept from a lock, only for whoever has that lock.
  await rememberLockText(store, await inputsKey(ctx, request, index, { ...needs, computed: [], ...(how.prefer === undefined || how.refresh ? {} : { prefer: how.prefer }) }), text);
  return { lock, text, digest: sha256(text), origin: "resolved", directory: () => Promise.resolve("/") };
}

/** What uv alone knows how to find is locked by uv: we would find something else of that name. */
function refuseElsewhere(pkg: Package, { needs }: ForeignNeeds): void {
  failAll(needs.flatMap(({ name, by, file }) => {
    if (file === undefined) return [];
    return [{ code: "lock-missing" as const, file: fileOf(pkg, pkg.script ?? "pyproject.toml"), key: `tool.uv.sources.${name}`, message: `\`${by}\` takes \`${name}\` from the file \`${file}\`, which only a lock by uv names`, hint: `uv lock${pkg.script === undefined ? "" : ` --script ${fileOf(pkg, pkg.script)}`}` }];
  }));
}

/** Requirements that are asked of an index of their own. An index that the workspace names is said to have all. */
function ownIndexes({ workspace }: LockRequest, needs: readonly ForeignNeed[]): readonly (readonly [PackageName, string])[] {
  return workspace.index.url === undefined ? needs.flatMap(({ name, index }) => (index === undefined ? [] : [[name, withoutCredentials(index.url)] as const])) : [];
}
