import { readdir, rm, stat, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { compareBytewise, directoryHere, fail, type Package, type PackageName, type Workspace } from "../model/index.ts";
import type { Store } from "../store/index.ts";
import { makeDirectory, takeOwnerWithin, type Context } from "../system/index.ts";
import { choosePackages } from "./build.ts";
import { readDependencies, readOwn } from "./payload/content.ts";
import { gather } from "./gather.ts";
import { indexSettings, uvEnvironment } from "./fetch/index-settings.ts";
import { findInterpreter } from "./interpreter.ts";
import { isFile } from "./known-file.ts";
import { siblingsOf } from "./order.ts";
import type { InstalledDistribution } from "./payload/payload.ts";
import { readProject } from "./project.ts";
import { openSession, type Session } from "./session.ts";
import { withSiblings } from "./sources.ts";
import { findUv } from "./uv/tools.ts";

export interface DevRequest {
  /** All of the workspace where absent. */
  readonly packages?: readonly PackageName[];
  /** Where the environment goes, relative to the caller; `.venv` at the workspace's top where absent. */
  readonly output?: string;
  readonly offline: boolean;
  /** Extras or groups were asked for that no lock need have; what one has keeps its version. */
  readonly beyondLocks?: boolean;
}

/** An environment to work in. */
export interface DevEnvironment {
  /** Absolute. */
  readonly directory: string;
  /** This machine's. */
  readonly platform: string;
  /** Packages whose files on disk are what is imported. */
  readonly editable: readonly PackageName[];
  /** How many distributions come from elsewhere. */
  readonly distributions: number;
}

/**
 * Make a virtual environment of exactly what a release on this machine would have, but with the workspace's own packages as they lie on disk:
 * a change is there at once, and no published version of a sibling ever gets in. Made again, it is brought up to date.
 * @throws CaissonError `requirements-broken` where two packages are locked to different versions · `ref-exists` where something else stands at the place · as a build
 */
export async function makeDevEnvironment(ctx: Context, store: Store, workspace: Workspace, request: DevRequest): Promise<DevEnvironment> {
  const { offline } = request;
  const chosen = choosePackages(workspace, request.packages).filter(({ kind }) => kind === "python");
  // A script has its versions to itself, so that it may not agree with the rest, unless somebody wants it there, or there is nothing else.
  const projects = chosen.filter(({ script }) => script === undefined);
  const wanted = request.packages === undefined && projects.length > 0 ? projects : chosen;
  const directory = resolve(ctx.cwd, request.output ?? join(workspace.directory, ".venv"));
  await checkPlace(ctx, directory);
  await using session = await openSession(ctx, store, workspace, wanted, { onDisk: true, offline, beyondLocks: request.beyondLocks === true });
  const packages = withSiblings(session.workspace, wanted.map(({ name }) => name)).filter(({ kind }) => kind === "python");
  const platform = await session.machine();
  const read = await gather(packages.map(async (pkg) => ({ pkg, dependencies: await readDependencies(session, pkg, siblingsOf(pkg, session.workspace.packages).filter(({ kind }) => kind === "python"), platform) })));
  const { editable, elsewhere } = await findProjects(session, packages);
  const dependencies = [...mergeDependencies(read), ...(await gather(elsewhere.map((pkg) => readOwn(session, pkg, platform))))].flatMap((installed) => installed ?? []);
  await sync(ctx, session, directory, platform.python.version, dependencies, editable);
  return { directory, platform: platform.label, editable: editable.map(({ name }) => name), distributions: dependencies.length };
}

/** Nothing is written over but a virtual environment. */
async function checkPlace(ctx: Context, directory: string): Promise<void> {
  const names = await readdir(directory).catch((): readonly string[] => []);
  if (names.length > 0 && !names.includes("pyvenv.cfg")) fail({ code: "ref-exists", message: `\`${relative(ctx.cwd, directory)}\` is no virtual environment, and not empty`, hint: "choose another place: --output DIR" });
}

/** One environment holds one version of each distribution. */
function mergeDependencies(read: readonly { readonly pkg: Package; readonly dependencies: readonly InstalledDistribution[] }[]): readonly InstalledDistribution[] {
  const found = new Map<PackageName, { readonly pkg: Package; readonly installed: InstalledDistribution }>();
  for (const { pkg, dependencies } of read) {
    for (const installed of dependencies) {
      const { name, version } = installed.distribution;
      const other = found.get(name);
      if (other !== undefined && other.installed.distribution.version !== version) {
        fail({ code: "requirements-broken", message: `\`${other.pkg.written}\` is locked to \`${name}\` ${other.installed.distribution.version}, and \`${pkg.written}\` to ${version}`, hint: `make them agree, or make an environment of one: caisson dev ${pkg.written} --output .venv-${pkg.written}` });
      }
      found.set(name, other ?? { pkg, installed });
    }
  }
  return [...found.values()].map(({ installed }) => installed).toSorted((a, b) => compareBytewise(a.distribution.name, b.distribution.name));
}

/** Packages that are distributions: those of this workspace, and those of other repositories, of which nobody has a file here to change. */
async function findProjects(session: Session, packages: readonly Package[]): Promise<{ readonly editable: readonly Package[]; readonly elsewhere: readonly Package[] }> {
  const found = await Promise.all(packages.map(async (pkg) => ((await readProject(session.source(pkg))) === undefined ? [] : [pkg])));
  const projects = found.flat();
  return { editable: projects.filter((pkg) => directoryHere(pkg) !== undefined), elsewhere: projects.filter((pkg) => directoryHere(pkg) === undefined) };
}

/** By uv, which removes what is no longer wanted and touches nothing else. The wheels stay beside what was installed from them. */
async function sync(ctx: Context, { store, workspace, offline }: Session, directory: string, minor: string, dependencies: readonly InstalledDistribution[], editable: readonly Package[]): Promise<void> {
  const what = `install ${dependencies.length} distributions`;
  ctx.report({ type: "started", what });
  try {
    const [uv, python, index] = await Promise.all([findUv(ctx, workspace.index, { offline }), findInterpreter(ctx, minor), indexSettings(ctx, workspace.index)]);
    const executable = python?.executable ?? fail({ code: "tool-missing", message: `there is no python${minor} on PATH`, hint: `install Python ${minor}` });
    const env = { ...uvEnvironment(ctx, index), PATH: ctx.env["PATH"] ?? "/usr/bin:/bin", HOME: ctx.env["HOME"] ?? "/", LC_ALL: "C.UTF-8" };
    const run = async (...words: readonly string[]): Promise<void> => {
      const { status, stderr } = await ctx.run([uv.path, ...words, "--quiet", "--color", "never", ...(offline ? ["--offline"] : [])], { cwd: workspace.directory, env });
      if (status !== 0) fail({ code: "build-failed", message: `uv could not make the environment \`${directory}\``, hint: "caisson dev --output DIR makes it elsewhere" }, new Error(stderr.trim()));
    };
    if ((await stat(join(directory, "bin", "python")).catch(() => undefined)) === undefined) await run("venv", "--allow-existing", "--python", executable, directory);
    const wheels = join(directory, ".wheels");
    await makeDirectory(wheels);
    const names = new Set(dependencies.map(({ distribution }) => distribution.fileName));
    await Promise.all((await readdir(wheels)).filter((name) => !names.has(name)).map((name) => rm(join(wheels, name))));
    for (const { distribution: { fileName, wheel } } of dependencies) if (!(await isFile(ctx, join(wheels, fileName), wheel))) await store.copyTo(wheel.digest, join(wheels, fileName));
    const requirements = join(wheels, "requirements.txt");
    // By name and address: uv takes a `#` in a mere address for its end.
    const lines = [...dependencies.map(({ distribution: { name, fileName } }) => `${name} @ ${pathToFileURL(join(wheels, fileName)).href}`), ...editable.map((pkg) => `-e ${pkg.name} @ ${pathToFileURL(resolve(workspace.directory, directoryHere(pkg) ?? ".")).href}`)];
    await writeFile(requirements, lines.map((line) => `${line}\n`).join(""));
    await run("pip", "sync", "--allow-empty-requirements", "--python", join(directory, "bin", "python"), requirements);
    await rm(requirements);
  } finally {
    await takeOwnerWithin(directory);
    ctx.report({ type: "finished", what });
  }
}
