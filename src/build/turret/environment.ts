import { rename, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CaissonError, fail, normalizeName, OLDEST_TIME, type Package, type Payload, type Platform, type Problem, type Workspace } from "../../model/index.ts";
import { bundleFiles } from "../../formats/index.ts";
import type { Store } from "../../store/index.ts";
import { hashJson, makeDirectory, ownedDirectory, removeTree, type Context } from "../../system/index.ts";
import { cacheDirectory } from "../cache.ts";
import { readDependencies } from "../payload/content.ts";
import { findInterpreter, type InterpreterFacts } from "../interpreter.ts";
import { machinePlatform } from "../machine.ts";
import { assemblePayload } from "../payload/payload.ts";
import { openSession } from "../session.ts";
import type { Source } from "../source/source.ts";
import { withStandIn } from "./setup.ts";

/** An isolated Python with everything that a turret needs in it. */
export interface TurretEnvironment {
  /** Absolute. */
  readonly directory: string;
  /** The version of oct-turrets in it. */
  readonly program: string;
}

/**
 * The environment of a turret on this machine, for its `python3`: locked and fetched as any build is, laid out as any bundle is.
 * Turrets that need the same share one; it is kept, so that the next start makes nothing and asks nobody.
 * @throws CaissonError whatever locking, fetching or building may say
 */
export async function makeTurretEnvironment(ctx: Context, store: Store, written: string, requirements: readonly string[]): Promise<TurretEnvironment> {
  const platform = await machinePlatform(ctx);
  const interpreter = (await findInterpreter(ctx, platform.python.version)) ?? fail({ code: "tool-missing", message: `there is no Python ${platform.python.version} on PATH` });
  const payload = await makePayload(ctx, store, written, withStandIn(requirements), platform);
  const program = payload.distributions.find(({ name }) => name === "oct-turrets")?.version ?? "";
  const key = hashJson({ schema: 1, trees: payload.trees.map(({ id }) => id), interpreter: [interpreter.executable, interpreter.version] });
  const directory = join(cacheDirectory(ctx), "turrets", key.slice("sha256:".length, "sha256:".length + 32));
  if (!(await isWhole(directory))) await layOut(ctx, store, payload, interpreter, directory);
  return { directory, program };
}

async function makePayload(ctx: Context, store: Store, written: string, needs: readonly string[], platform: Platform): Promise<Payload> {
  const pkg: Package = { ...PLAIN, written };
  const workspace: Workspace = { directory: ctx.cwd, name: PLAIN.name, platforms: [platform], interpreters: {}, packages: [pkg], targets: [], index: { findLinks: [] } };
  // What is chosen is kept in the store alone; there is no workspace in which it could be written down.
  const quiet: Context = { ...ctx, report: (event) => void (event.type === "notice" || ctx.report(event)) };
  await using session = await openSession(quiet, store, workspace, [pkg], { offline: false, sources: new Map([[pkg.name, requirementsSource(needs)]]) });
  const dependencies = await readDependencies(session, pkg, [], platform);
  const assembled = assemblePayload(pkg, "0", session.source(pkg).revision, platform, { kind: "python", dependencies, siblings: [] });
  if ("problems" in assembled) throw new CaissonError(assembled.problems as readonly [Problem, ...Problem[]]);
  return assembled.payload;
}

/** Its interpreter is a link, which leads nowhere once that is taken away. */
async function isWhole(directory: string): Promise<boolean> {
  return await stat(join(directory, "bin/python")).then(() => true, () => false);
}

/** A turret may have the name of something that it needs; to the index it is called otherwise. */
const PLAIN: Package = {
  name: normalizeName("caisson-turret"),
  written: "",
  kind: "python",
  source: { path: "." },
  needs: [],
  extras: [],
  prefix: "",
  link: "auto",
  processes: [],
  start: [],
  hooks: [],
};

/** A package that is nothing but its requirements, and lies nowhere. */
function requirementsSource(needs: readonly string[]): Source {
  const text = needs.map((need) => `${need}\n`).join("");
  const id = hashJson(needs).slice("sha256:".length);
  return {
    revision: { id, time: OLDEST_TIME, dirty: false },
    treeKey: id,
    around: () => Promise.resolve(undefined),
    uncommitted: false,
    describe: () => Promise.resolve(undefined),
    commit: () => Promise.resolve({ commit: id, describe: "" }),
    readText: (name) => Promise.resolve(name === "requirements.txt" ? text : undefined),
    checkout: nowhere,
    checkoutInto: nowhere,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function nowhere(): Promise<never> {
  throw new Error("requirements alone have no directory");
}

/** By the agent, as a bundle is installed by hand; then it takes its place with one rename. */
async function layOut(ctx: Context, store: Store, payload: Payload, interpreter: InterpreterFacts, directory: string): Promise<void> {
  const what = `environment of ${payload.written}`;
  ctx.report({ type: "started", what });
  try {
    await using scratch = await ownedDirectory("environment", dirname(directory));
    const [bundle, made] = [join(scratch.path, "bundle"), join(scratch.path, "environment")];
    for await (const file of bundleFiles(payload, store)) {
      if (file.kind === "directory") await makeDirectory(join(bundle, file.path));
      else await writeFile(join(bundle, file.path), file.open());
    }
    const { status, stderr } = await ctx.run([interpreter.executable, "-I", join(bundle, "data/agent.py"), "install", bundle, made, "--python", interpreter.executable], { cwd: scratch.path, env: ctx.env });
    if (status !== 0) fail({ code: "build-failed", message: `the environment of \`${payload.written}\` could not be made` }, stderr.trim());
    // Somebody else may have made the same meanwhile. What stands there and does not run is of no use to anybody.
    if (!(await isWhole(directory))) await removeTree(directory);
    await rename(made, directory).catch(async (error: unknown) => {
      if (!(await isWhole(directory))) throw error;
    });
  } finally {
    ctx.report({ type: "finished", what });
  }
}
