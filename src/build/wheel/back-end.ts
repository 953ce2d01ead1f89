import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectory, ownPath, type Context } from "../../system/index.ts";
import type { BuildSystem } from "./build-system.ts";

/** A back end that is to make a wheel. */
export interface BackEndRun {
  readonly system: BuildSystem;
  /** The interpreter of an environment with all that it needs. */
  readonly python: string;
  readonly env: Readonly<Record<string, string>>;
  /** Requirements that need not be asked for: as they are written, and the names of what is there. */
  readonly here: readonly string[];
  /** Whether it is asked what it needs besides. */
  readonly ask: boolean;
}

/** What a back end came to: a wheel, or what it lacks; neither where it failed. */
export interface Ran {
  readonly log: readonly string[];
  readonly path?: string;
  readonly lacks?: readonly string[];
}

/** Run a back end on a project's directory or archive, below a `directory` that is removed afterwards. One process asks and makes, where nothing is lacking. */
export async function runBackEnd(ctx: Context, source: string, directory: string, { system, python, env, here, ask }: BackEndRun): Promise<Ran> {
  const [unpacked, out, answer] = ["unpacked", "out", "answer.json"].map((name) => join(directory, name)) as [string, string, string];
  for (const place of [unpacked, out]) await makeDirectory(place);
  const isArchive = (await stat(source)).isFile();
  const request = { archive: isArchive ? source : null, directory: isArchive ? unpacked : source, backEnd: system.backEnd, places: system.places, here, ask, out, answer };
  // What it lies in is gone when somebody reads this.
  const place = `${request.directory}/`;
  const log: string[] = [];
  const { status } = await ctx.run([python, ownPath("agent/build/back_end.py"), JSON.stringify(request)], { cwd: directory, env, umask: 0o022, tethered: true, onLine: (line) => log.push(line.replaceAll(place, "")) });
  if (status > 128) log.push(`the back end was killed by signal ${status - 128}`);
  else if (status !== 0 && log.length === 0) log.push(`the back end left with status ${status}, and said nothing`);
  if (status !== 0) return { log };
  const { wheel, lacks } = JSON.parse(await readFile(answer, "utf8")) as { readonly wheel?: string; readonly lacks?: readonly string[] };
  return { log, ...(wheel === undefined ? {} : { path: join(out, wheel) }), ...(lacks === undefined ? {} : { lacks }) };
}
