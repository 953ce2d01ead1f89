import { join } from "node:path";
import { CaissonError, hasBuildScripts, OLDEST_TIME, problemsOf, type Additions, type Descriptor, type Package, type Platform, type Problem } from "../../model/index.ts";
import { select, type Choice, type Misfit } from "../../python/index.ts";
import { commitSource } from "../lock/commit-requirement.ts";
import { fetchFiles } from "../fetch/fetch.ts";
import type { ByScripts } from "../build-scripts/build-scripts.ts";
import { readFilesPackage } from "./files.ts";
import { readFolder } from "./folder.ts";
import { gather } from "../gather.ts";
import { lockPackage } from "../lock/lock.ts";
import { lockRequest } from "../lock/lock-request.ts";
import { siblingsOf } from "../order.ts";
import type { Content, InstalledDistribution } from "./payload.ts";
import { readScript } from "./script.ts";
import { readProject } from "../project.ts";
import type { Session } from "../session.ts";
import { readSourceVersion } from "../source/source-version.ts";
import { readTurretPackage } from "../turret/package.ts";
import type { WheelSource } from "../wheel/wheel.ts";

export interface ReadContent {
  readonly version: string;
  readonly content: Content;
  /** What its build scripts left for install.sh. */
  readonly additions?: Additions;
  /** Something in it is decided by the commit and not by the files alone, as a version from a tag is. */
  readonly dependsOnCommit: boolean;
}

/** Everything that a package consists of on a platform: built, fetched and read. */
export async function readContent(session: Session, pkg: Package, platform: Platform): Promise<ReadContent> {
  const { kind } = pkg;
  if (kind === "files") return hasBuildScripts(pkg) ? await readScriptedFiles(session, pkg, platform) : await readFiles(session, pkg);
  if (kind === "turret") return await readTurret(session, pkg, platform);
  kind satisfies "python";
  return await readPython(session, pkg, platform);
}

async function readTurret(session: Session, pkg: Package, platform: Platform): Promise<ReadContent> {
  const source = session.source(pkg);
  const version = await readSourceVersion(pkg, source);
  const { turret, ...files } = await readTurretPackage(session, pkg, source, version.version);
  const content = { kind: "turret", files: { kind: "files", ...files }, command: turret.command ?? [] } as const;
  if (!turret.python) return { content, ...version };
  const siblings = siblingsOf(pkg, session.workspace.packages).filter(({ kind }) => kind === "python");
  const [theirs, dependencies] = await gather([gather(siblings.map((sibling) => buildSibling(session, pkg, sibling, platform))), readDependencies(session, pkg, siblings, platform)]);
  const python = { kind: "python", dependencies, siblings: theirs.flatMap((sibling) => sibling.installed ?? []) } as const;
  return { content: { ...content, python }, ...version, dependsOnCommit: version.dependsOnCommit || theirs.some(({ dependsOnCommit }) => dependsOnCommit) };
}

async function readFiles(session: Session, pkg: Package): Promise<ReadContent> {
  const source = session.source(pkg);
  const reading = source.checkout().then((directory) => readFilesPackage(session.store, pkg, directory));
  const [content, version] = await gather([reading, readSourceVersion(pkg, source)]);
  return { content, ...version };
}

/** What lies in the copy of its directory when the first script has run. */
async function readScriptedFiles(session: Session, pkg: Package, platform: Platform): Promise<ReadContent> {
  const { folder, additions } = await session.byScripts(pkg, platform);
  if (folder?.files === undefined) throw new Error("a package of files has files");
  return { version: folder.version, content: folder.files, ...(additions === undefined ? {} : { additions }), dependsOnCommit: true };
}

async function readPython(session: Session, pkg: Package, platform: Platform): Promise<ReadContent> {
  const siblings = siblingsOf(pkg, session.workspace.packages).filter(({ kind }) => kind === "python");
  const [own, theirs, dependencies] = await gather([
    buildOwn(session, pkg, platform),
    gather(siblings.map((sibling) => buildSibling(session, pkg, sibling, platform))),
    readDependencies(session, pkg, siblings, platform),
  ]);
  const files = own.installed === undefined ? await filesOf(session, pkg, own) : undefined;
  const installed = { ...(own.installed === undefined ? {} : { own: own.installed }), ...(files === undefined ? {} : { files }) };
  const version = own.installed?.distribution.version ?? own.folder?.version ?? (await readSourceVersion(pkg, session.source(pkg))).version;
  return {
    version,
    content: { kind: "python", dependencies, siblings: theirs.flatMap((sibling) => sibling.installed ?? []), ...installed },
    ...(own.additions === undefined ? {} : { additions: own.additions }),
    dependsOnCommit: [own, ...theirs].some(({ dependsOnCommit }) => dependsOnCommit),
  };
}

/** What a package is that has no wheel. */
async function filesOf(session: Session, pkg: Package, { folder }: Own): ReturnType<typeof readFolder> {
  if (folder !== undefined) return folder.files;
  return await (pkg.script === undefined ? readFolder : readScript)(session.store, pkg, await session.source(pkg).checkout());
}

/** The wheel of a package of the workspace; undefined where it is no distribution. */
export async function readOwn(session: Session, pkg: Package, platform: Platform): Promise<InstalledDistribution | undefined> {
  return (await buildOwn(session, pkg, platform)).installed;
}

interface Own {
  /** Absent where there is nothing to build, only requirements. */
  readonly installed?: InstalledDistribution;
  readonly dependsOnCommit: boolean;
  readonly folder?: ByScripts["folder"];
  readonly additions?: Additions;
}

async function buildOwn(session: Session, pkg: Package, platform: Platform): Promise<Own> {
  // A script may ask git for anything.
  if (hasBuildScripts(pkg)) return { ...(await session.byScripts(pkg, platform)), dependsOnCommit: true };
  const source = session.source(pkg);
  const project = await readProject(source);
  if (project === undefined) return { dependsOnCommit: (await source.readText("VERSION")) === undefined };
  const dependsOnCommit = !project.hasVersion;
  const around = await source.around();
  const wheel: WheelSource = {
    name: pkg.name,
    written: pkg.written,
    key: { tree: source.treeKey, ...(around === undefined ? {} : { around }), ...(dependsOnCommit ? await source.commit() : {}) },
    path: (scratch) => source.checkoutInto(scratch),
    // What is keyed by its files alone may know no time but one that is always the same.
    time: dependsOnCommit ? source.revision.time : OLDEST_TIME,
    system: () => Promise.resolve(project.system),
  };
  return { installed: await session.wheel(wheel, platform), dependsOnCommit };
}

async function buildSibling(session: Session, pkg: Package, sibling: Package, platform: Platform): Promise<Own> {
  try {
    return await buildOwn(session, sibling, platform);
  } catch (error) {
    if (!(error instanceof CaissonError)) throw error;
    throw new CaissonError([...problemsOf(error), { code: "build-failed", message: `\`${pkg.written}\` is not built, because it needs \`${sibling.written}\`` }]);
  }
}

/** Everything that a package gets from elsewhere on a platform, by its lock: fetched or built, and read. */
export async function readDependencies(session: Session, pkg: Package, siblings: readonly Package[], platform: Platform): Promise<readonly InstalledDistribution[]> {
  const { lock, directory } = await lockPackage(session.ctx, session.store, lockRequest(session, pkg, platform));
  const own = pkg.kind === "turret" || (await readProject(session.source(pkg))) === undefined ? [] : [pkg.name];
  const selected = select(lock, platform, { extras: pkg.extras, ...(pkg.groups === undefined ? {} : { groups: pkg.groups }), provided: [...own, ...siblings.map(({ name }) => name)], written: pkg.written });
  if ("problems" in selected) return refuseMisfit(selected);
  return await gather([readChoices(session, pkg, selected.choices, directory, platform), gather(selected.commits.map((commit) => session.wheel(commitSource(session, commit, directory), platform)))]).then((read) => read.flat());
}

function refuseMisfit({ problems, files }: Misfit): never {
  throw new CaissonError(problems as readonly [Problem, ...Problem[]], files.length === 0 ? undefined : new Error(`the lock has of ${files.join("\nthe lock has of ")}`));
}

/** Each file is read as soon as it is there, while others still come. */
async function readChoices(session: Session, { written }: Package, choices: readonly Choice[], directory: () => Promise<string>, platform: Platform): Promise<readonly InstalledDistribution[]> {
  const what = `check ${written} ${platform.label}`;
  const reading = new Map<Choice, Promise<InstalledDistribution>>();
  let done = 0;
  const read = async (choice: Choice, file: Descriptor): Promise<InstalledDistribution> => {
    const installed = await readDependency(session, choice, file, platform);
    session.ctx.report({ type: "progress", what, done: ++done, total: choices.length });
    return installed;
  };
  const come = (fileName: string, file: Descriptor): void => {
    if (reading.size === 0) session.ctx.report({ type: "started", what });
    for (const choice of choices) {
      if (choice.file.fileName !== fileName) continue;
      const work = read(choice, file);
      // Awaited when all have come; until then a failure must not end the process.
      work.catch(() => undefined);
      reading.set(choice, work);
    }
  };
  try {
    await fetchFiles(session.ctx, session.store, choices, { index: await session.index(), directory, offline: session.offline, come });
    return await gather(choices.map((choice) => reading.get(choice) as Promise<InstalledDistribution>));
  } finally {
    await Promise.allSettled(reading.values());
    if (reading.size > 0) session.ctx.report({ type: "finished", what });
  }
}

async function readDependency(session: Session, choice: Choice, file: Descriptor, platform: Platform): Promise<InstalledDistribution> {
  const { name, version, file: { fileName } } = choice;
  if (!choice.build) return await session.read(fileName, file);
  const source: WheelSource = {
    name,
    written: name,
    ...(version === undefined ? {} : { version }),
    key: { sdist: file.digest },
    path: async (scratch) => {
      const path = join(scratch, fileName);
      await session.store.copyTo(file.digest, path);
      return path;
    },
    system: async () => await (await import("../wheel/sdist-system.ts")).sdistSystem(session.ctx, session.store, file, (await session.workshop.interpreter())?.executable ?? "python3"),
    time: OLDEST_TIME,
  };
  return await session.wheel(source, platform);
}
