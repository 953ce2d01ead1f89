import { writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { mediaTypes, type Descriptor, type Json, type Workspace } from "../../model/index.ts";
import type { Store } from "../../store/index.ts";
import { hashJson, makeDirectory, temporaryDirectory, type Context } from "../../system/index.ts";
import type { PackageIndex } from "../fetch/index-settings.ts";
import type { InterpreterFacts } from "../interpreter.ts";
import { withoutCredentials } from "../source/git.ts";

/** What decides which distributions a back end is made of. */
export interface BuildLockInputs {
  /** As pyproject.toml asks for them. */
  readonly requires: readonly string[];
  /** The minor of the interpreter. */
  readonly interpreter: string;
  readonly index: PackageIndex;
  readonly workspace: Pick<Workspace, "directory">;
}

/**
 * The lock of what a back end consists of, as lines for uv: versions with the hashes of their files; undefined where nothing was locked yet.
 * It is kept as a lock of dependencies is, and for the same reason: a newer back end writes other bytes.
 */
export async function recallBuildLock(store: Store, inputs: BuildLockInputs): Promise<Descriptor | undefined> {
  const ref = await store.readRef("locks", await nameOf(store, inputs));
  const lock = (ref?.value as { readonly lock?: Descriptor } | undefined)?.lock;
  return lock !== undefined && (await store.has(lock.digest)) ? lock : undefined;
}

export interface BuildLockTools {
  readonly uv: { readonly path: string };
  readonly env: Readonly<Record<string, string>>;
  readonly interpreter: InterpreterFacts;
  readonly offline: boolean;
}

/** Lock what a back end consists of, unless that was done before. Where uv finds no solution nothing is locked, and it says why when it builds. */
export async function lockBuild(ctx: Context, store: Store, inputs: BuildLockInputs, { uv, env, interpreter, offline }: BuildLockTools): Promise<void> {
  if ((await recallBuildLock(store, inputs)) !== undefined) return;
  await using scratch = await temporaryDirectory("caisson-build-lock");
  const [asked, home] = [join(scratch.path, "requires.in"), join(scratch.path, "home")];
  await makeDirectory(home);
  await writeFile(asked, inputs.requires.map((each) => `${each}\n`).join(""));
  const argv = [uv.path, "pip", "compile", asked, "--python", interpreter.executable, "--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--quiet", "--color", "never", ...(offline ? ["--offline"] : [])];
  const { status, stdout } = await ctx.run(argv, { cwd: scratch.path, env: { ...env, PATH: ctx.env["PATH"] ?? "/usr/bin:/bin", HOME: home, LC_ALL: "C.UTF-8" }, umask: 0o022 });
  if (status !== 0) return;
  const lock = await store.write(stdout, undefined, mediaTypes.bytes);
  const name = await nameOf(store, inputs);
  const before = await store.readRef("locks", name);
  await store.writeRef("locks", name, { lock } as unknown as Json, before?.generation ?? 0);
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
async function nameOf(store: Store, { requires, interpreter, index, workspace }: BuildLockInputs): Promise<string> {
  const links = index.findLinks.map((link) => (link.startsWith(`${workspace.directory}/`) ? relative(workspace.directory, link) : withoutCredentials(link)));
  const inputs = { schema: "caisson.build-lock/1", requires: requires.toSorted(), interpreter, index: [index.url, ...index.extra].map(withoutCredentials), links, onlyLinks: index.disabled, age: await ageOf(store) };
  return `build-${hashJson(inputs).slice("sha256:".length)}`;
}
