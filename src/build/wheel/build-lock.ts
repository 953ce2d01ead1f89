import { writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { digestHex, normalizeName, type Digest, type Json, type PackageName, type Workspace } from "../../model/index.ts";
import { parseRequirement, satisfies } from "../../python/index.ts";
import type { Store } from "../../store/index.ts";
import { hashJson, makeDirectory, sha256, temporaryDirectory, type Context } from "../../system/index.ts";
import type { PackageIndex } from "../fetch/index-settings.ts";
import type { InterpreterFacts } from "../interpreter.ts";
import { recallLockText, rememberLockText, type KeptLock } from "../lock/kept-lock.ts";
import { gitSurroundings, withoutCredentials } from "../source/git.ts";
import { localFiles, type LocalFile } from "./local-files.ts";

/** What decides which distributions a back end is made of. */
export interface BuildLockInputs {
  /** As pyproject.toml asks for them, and the back end when it runs. */
  readonly requires: readonly string[];
  /** The minor of the interpreter. */
  readonly interpreter: string;
  readonly index: PackageIndex;
  readonly workspace: Pick<Workspace, "directory">;
}

/** What a back end consists of, as lines for uv: versions with the hashes of their files, commits, and directories with what is in them. */
export interface BuildLock extends KeptLock {
  /** Of what is a directory on this machine. */
  readonly directories: readonly PackageName[];
}

/** The digest of the lock of what a back end consists of; undefined where nothing was locked yet. */
export async function recallBuildLock(ctx: Context, store: Store, inputs: BuildLockInputs): Promise<Digest | undefined> {
  return (await recallLockText(store, await nameOf(store, inputs, await localFiles(ctx, inputs.requires))))?.digest;
}

export interface BuildLockTools {
  readonly uv: () => Promise<{ readonly path: string }>;
  readonly env: () => Promise<Readonly<Record<string, string>>>;
  readonly interpreter: InterpreterFacts;
  readonly offline: boolean;
}

/**
 * The lock of what a back end consists of, found once and kept as a lock of dependencies is, and for the same reason: a newer back end writes other bytes.
 * What uv said, where it found none.
 */
export async function lockBuild(ctx: Context, store: Store, inputs: BuildLockInputs, tools: BuildLockTools): Promise<BuildLock | { readonly log: readonly string[] }> {
  const { requires } = inputs;
  if (requires.length === 0) return { text: "", digest: sha256(""), directories: [] };
  const local = await localFiles(ctx, requires);
  const directories = local.filter(({ isDirectory }) => isDirectory);
  const name = await nameOf(store, inputs, local);
  const known = await recallLockText(store, name);
  if (known !== undefined) return { ...known, directories: directories.map((each) => each.name) };
  const { status, stdout, stderr } = await compile(ctx, requires, tools);
  if (status !== 0) return { log: stderr.split("\n") };
  const contents = directories.map((each) => `# ${each.name}: ${each.content}\n`);
  return { ...(await rememberLockText(store, name, `${Buffer.from(stdout).toString("utf8")}${contents.join("")}`)), directories: directories.map((each) => each.name) };
}

async function compile(ctx: Context, requires: readonly string[], { uv, env, interpreter, offline }: BuildLockTools): ReturnType<Context["run"]> {
  await using scratch = await temporaryDirectory("caisson-build-lock");
  const [asked, home] = [join(scratch.path, "requires.in"), join(scratch.path, "home")];
  await makeDirectory(home);
  await writeFile(asked, requires.map((each) => `${each}\n`).join(""));
  const argv = [(await uv()).path, "pip", "compile", asked, "--python", interpreter.executable, "--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--quiet", "--color", "never", ...(offline ? ["--offline"] : [])];
  return await ctx.run(argv, { cwd: scratch.path, env: { ...(await env()), ...gitSurroundings(ctx), PATH: ctx.env["PATH"] ?? "/usr/bin:/bin", HOME: home, LC_ALL: "C.UTF-8" }, umask: 0o022 });
}

/** Let everything that back ends consist of be locked anew, to the newest versions. */
export async function forgetBuildLocks(store: Store): Promise<void> {
  await store.writeRef("locks", AGE, { age: (await ageOf(store)) + 1 }, 0);
}

const AGE = "build-age";

async function ageOf(store: Store): Promise<number> {
  return ((await store.readRef("locks", AGE))?.value as { readonly age?: number } | undefined)?.age ?? 0;
}

/** A workspace that was moved as a whole asks for the same. */
async function nameOf(store: Store, { requires, interpreter, index, workspace }: BuildLockInputs, local: readonly LocalFile[]): Promise<string> {
  const links = index.findLinks.map((link) => (link.startsWith(`${workspace.directory}/`) ? relative(workspace.directory, link) : withoutCredentials(link)));
  const inputs = { schema: "caisson.build-lock/1", requires: requires.toSorted(), interpreter, index: [index.url, ...index.extra].map(withoutCredentials), links, onlyLinks: index.disabled, age: await ageOf(store), ...(local.length === 0 ? {} : { local: local as unknown as Json }) };
  return `build-${digestHex(hashJson(inputs))}`;
}

/** The version of each distribution that a lock names; undefined for one that it takes from an address. */
export function lockedVersions({ text }: KeptLock): ReadonlyMap<PackageName, string | undefined> {
  return new Map([...text.matchAll(/^([\w.-]+)(?:==([^\s;]+)| @ )/gm)].map(([, name = "", version]) => [normalizeName(name), version]));
}

/** Whether a lock has what a requirement asks for; false also where that takes more than a look at its version. */
export function isLocked(lock: KeptLock, requirement: string): boolean {
  const { name, extras, specifier, url, marker } = parseRequirement(requirement);
  const version = lockedVersions(lock).get(name);
  return version !== undefined && extras.length === 0 && url === undefined && marker === undefined && satisfies(version, specifier, { prereleases: true });
}
