import { readFile, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { CaissonError, fail, type Additions, type Json, type Package, type Platform } from "../../model/index.ts";
import type { Store } from "../../store/index.ts";
import { makeDirectory, temporaryDirectory } from "../../system/index.ts";
import { recallAction, rememberAction, type Action } from "../action.ts";
import type { InterpreterFacts } from "../interpreter.ts";
import { readFilesPackage } from "../payload/files.ts";
import { readFolder } from "../payload/folder.ts";
import type { Content, InstalledDistribution } from "../payload/payload.ts";
import { readProject } from "../project.ts";
import type { Session } from "../session.ts";
import { readSourceVersion } from "../source/source-version.ts";
import type { Source } from "../source/source.ts";
import { cleanEnvironment } from "../wheel/make-wheel.ts";
import type { BuildSystem } from "../wheel/build-system.ts";
import type { WheelSource } from "../wheel/wheel.ts";
import { readLeft } from "./left.ts";
import { runScript, type Scene } from "./run-script.ts";

/** What a package with build scripts of its own comes to. */
export interface ByScripts {
  /** Its wheel; absent where it is files, or a folder with requirements. */
  readonly installed?: InstalledDistribution;
  /** Of a folder: its files, if it has any, and its version. */
  readonly folder?: { readonly version: string; readonly files?: Extract<Content, { readonly kind: "files" }> };
  readonly additions?: Additions;
}

/**
 * Build a package between its own scripts, in a copy of its source and with nothing of the user's surroundings: pre-build, name and version, wheel, post-build.
 * What comes of it is kept under the scripts, the source with its commit, the interpreter and this machine: what scripts find besides, nobody can know (docs/decisions/build-scripts.md).
 * @throws CaissonError `build-failed` · as a wheel's build
 */
export async function buildByScripts(session: Session, pkg: Package, platform: Platform): Promise<ByScripts> {
  const action = await actionOf(session, pkg, platform);
  const known = (await recallAction(session.store, action)) as Remembered | undefined;
  if (known !== undefined && (await isWhole(session.store, known))) {
    const { folder, additions, system } = known;
    const installed = system === undefined ? undefined : await session.wheel(wheelSource(session, pkg, action, system, (scratch) => prepareAgain(session, pkg, platform, scratch)), platform);
    return { ...(installed === undefined ? {} : { installed }), ...(folder === undefined ? {} : { folder }), ...(additions === undefined ? {} : { additions }) };
  }
  await using scratch = await temporaryDirectory("caisson-scripts");
  const scene = await setScene(session, pkg, platform, scratch.path);
  if (pkg.preBuild !== undefined) await runScript(session.ctx, pkg, "pre-build", pkg.preBuild, scene);
  const source = sourceAt(session.source(pkg), scene.source);
  const system = pkg.kind === "files" ? undefined : (await readProject(source))?.system;
  const installed = system === undefined ? undefined : await session.wheel(wheelSource(session, pkg, action, system, () => Promise.resolve(scene.source)), platform);
  const folder = system === undefined ? await readFolderAt(session, pkg, source, scene) : undefined;
  if (pkg.postBuild !== undefined) await runScript(session.ctx, pkg, "post-build", pkg.postBuild, scene);
  const additions = await readLeft(session.store, pkg, scene);
  const left = { ...(folder === undefined ? {} : { folder }), ...(additions === undefined ? {} : { additions }) };
  await rememberAction(session.store, action, { ...left, ...(system === undefined ? {} : { system }) } as unknown as Json);
  return { ...left, ...(installed === undefined ? {} : { installed }) };
}

interface Remembered extends Omit<ByScripts, "installed"> {
  /** How its wheel is built after the pre-build script; absent where it is files, or a folder. */
  readonly system?: BuildSystem;
}

type ScriptsAction = Extract<Action, { kind: "scripts" }>;

/** The minor that a wheel is built with, as for any wheel: the platform's own, where this machine has it. */
async function actionOf(session: Session, pkg: Package, platform: Platform): Promise<ScriptsAction> {
  const source = session.source(pkg);
  const around = await source.around();
  const { os, arch, libc } = await session.machine();
  return {
    schema: "caisson.action/1",
    kind: "scripts",
    source: { tree: source.treeKey, ...(around === undefined ? {} : { around }), ...(await source.commit()) },
    scripts: { pre: pkg.preBuild ?? "", post: pkg.postBuild ?? "" },
    interpreter: platform.python.version,
    machine: { os, arch, libc },
    tool: `uv ${await session.workshop.uvVersion()}`,
  };
}

async function isWhole(store: Store, { folder, additions, system }: Remembered): Promise<boolean> {
  if (folder === undefined && system === undefined) return false;
  const blobs = [folder?.files?.document, ...(folder?.files?.blobs ?? []), additions?.lines, additions?.files?.tree.document, ...(additions?.files?.blobs ?? [])];
  for (const blob of blobs) if (blob !== undefined && !(await store.has(blob.digest))) return false;
  return true;
}

function wheelSource({ source: sourceOf }: Session, pkg: Package, { source, scripts, machine }: ScriptsAction, system: BuildSystem, path: WheelSource["path"]): WheelSource {
  return { name: pkg.name, written: pkg.written, key: { ...source, scripts, on: machine }, path, system: () => Promise.resolve(system), time: sourceOf(pkg).revision.time };
}

/** Only the wheel was lost, or never made for this platform. */
async function prepareAgain(session: Session, pkg: Package, platform: Platform, scratch: string): Promise<string> {
  const scene = await setScene(session, pkg, platform, scratch);
  if (pkg.preBuild !== undefined) await runScript(session.ctx, pkg, "pre-build", pkg.preBuild, scene);
  return scene.source;
}

async function setScene(session: Session, pkg: Package, platform: Platform, scratch: string): Promise<Scene> {
  const { workshop } = session;
  const source = session.source(pkg);
  const interpreter = (await workshop.interpreter(platform.python.version)) ?? (await workshop.interpreter()) ?? fail({ code: "tool-missing", message: `there is no Python ${platform.python.version} to build \`${pkg.written}\` with`, hint: `put python${platform.python.version} on PATH` });
  const uv = await workshop.uv();
  const [here, temporary] = [join(scratch, "bundle"), join(scratch, "tmp")];
  const scene: Scene = {
    here,
    data: join(here, "data"),
    source: await source.checkoutInto(join(scratch, "source")),
    scratchpad: join(scratch, "scratchpad"),
    installScript: join(scratch, "install-lines.sh"),
    environment: join(scratch, "environment"),
    env: { ...(await cleanEnvironment(workshop, scratch, source.revision.time)), PATH: [...new Set([dirname(uv.path), dirname(interpreter.executable), "/usr/local/bin", "/usr/bin", "/bin"])].join(delimiter), TMPDIR: temporary },
  };
  for (const directory of [scene.data, scene.scratchpad, temporary]) await makeDirectory(directory);
  await writeFile(scene.installScript, "");
  await makeEnvironment(session, uv.path, interpreter, scene);
  return { ...scene, env: { ...scene.env, ...(session.offline ? { UV_OFFLINE: "1" } : {}) } };
}

async function makeEnvironment({ ctx }: Session, uv: string, { executable }: InterpreterFacts, { environment, here, env }: Scene): Promise<void> {
  const { status, stderr } = await ctx.run([uv, "venv", "--quiet", "--python", executable, environment], { cwd: here, env });
  if (status !== 0) throw new CaissonError([{ code: "build-failed", message: "uv cannot make an environment for build scripts" }], new Error(stderr.trim()));
}

/** A source whose files are those that lie in a directory now. */
function sourceAt(source: Source, directory: string): Source {
  return { ...source, readText: (name) => readFile(join(directory, name), "utf8").catch(() => undefined), checkout: () => Promise.resolve(directory) };
}

async function readFolderAt({ store }: Session, pkg: Package, source: Source, scene: Scene): Promise<NonNullable<ByScripts["folder"]>> {
  const [{ version }, files] = [await readSourceVersion(pkg, source), await (pkg.kind === "files" ? readFilesPackage : readFolder)(store, pkg, scene.source)];
  return { version, ...(files === undefined ? {} : { files }) };
}
