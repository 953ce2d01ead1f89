import { access, constants, stat } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { fail, type Package } from "../../model/index.ts";
import type { Context } from "../../system/index.ts";
import { keepLog } from "../kept-log.ts";
import { lastWords } from "../last-words.ts";

/** The directories of one build by scripts, all below one that is removed afterwards. */
export interface Scene {
  /** The bundle that comes of it, as far as scripts see one. */
  readonly here: string;
  /** What they leave here goes along in the bundle's `data/`. */
  readonly data: string;
  /** A copy of the package's directory, in which they may do what they like. */
  readonly source: string;
  /** Theirs, for whatever need not outlive the build. */
  readonly scratchpad: string;
  /** Lines that they add to this file are run by install.sh. */
  readonly installScript: string;
  /** A virtual environment that is first on PATH. */
  readonly environment: string;
  /** What else is set: nothing of the user's. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Run a script of a package in its source's copy. An executable is started as it is, anything else by sh.
 * @throws CaissonError `build-failed` with its last lines, and where all of them are
 */
export async function runScript(ctx: Context, pkg: Package, when: "pre-build" | "post-build", path: string, scene: Scene): Promise<void> {
  const script = join(scene.source, path);
  if ((await stat(script).catch(() => undefined))?.isFile() !== true) {
    fail({ code: "build-failed", message: `\`${pkg.written}\` has no \`${path}\` at this revision`, hint: `${when} names a file in the package's directory; is it committed?` });
  }
  const what = `${when} ${pkg.written}`;
  ctx.report({ type: "started", what });
  try {
    const log: string[] = [];
    const argv = (await isExecutable(script)) ? [script] : ["/bin/sh", script];
    const { status } = await ctx.run(argv, { cwd: scene.source, env: variablesOf(scene), umask: 0o022, onLine: (line) => log.push(line) });
    if (status !== 0) await scriptFailed(ctx, pkg, when, path, status, log);
  } finally {
    ctx.report({ type: "finished", what });
  }
}

function variablesOf({ here, data, source, scratchpad, installScript, environment, env }: Scene): Readonly<Record<string, string>> {
  return {
    ...env,
    PATH: [join(environment, "bin"), env["PATH"] ?? ""].join(delimiter),
    HERE: here,
    DATA_DIR: data,
    SOURCE_DIR: source,
    SCRATCHPAD: scratchpad,
    INSTALL_SCRIPT: installScript,
    VIRTUAL_ENV: environment,
  };
}

async function isExecutable(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(() => true, () => false);
}

/** The last lines tell why; all of them stay in a file. */
async function scriptFailed(ctx: Context, pkg: Package, when: string, path: string, status: number, log: readonly string[]): Promise<never> {
  const last = lastWords(log);
  return fail({ code: "build-failed", message: `\`${path}\` of \`${pkg.written}\` ended with ${status}`, hint: await keepLog(ctx, `${pkg.name}-${when}`, log) }, last.length === 0 ? undefined : new Error(last.join("\n")));
}
