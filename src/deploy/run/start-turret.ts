import { delimiter, dirname, join, resolve } from "node:path";
import { makeTurretEnvironment, readTurretArchive, readTurretFolder, type StartConfig } from "../../build/index.ts";
import { fail, type Problem } from "../../model/index.ts";
import type { Store } from "../../store/index.ts";
import { makeDirectory, ownedDirectory, ownPath, type Context } from "../../system/index.ts";

/** What is started: an archive, or the `config.json` of a turret that lies in a directory. Paths as people typed them. */
export type TurretPlace = { readonly tar: string } | { readonly configFile: string };

/** A line of the turret program's own. */
export type TurretLine = (line: string, stream: "stdout" | "stderr") => void;

/** Seconds that a program has between a signal of ours and SIGKILL. */
const PATIENCE = 10;

/**
 * Start a turret here, in an environment of its own, and stay with it to its end; undefined where its HQ stopped it, or we were asked to: the signal that we got is passed on.
 * Everything it was extracted to is removed, and it is gone when this ends.
 * @throws CaissonError `archive-invalid` · `config-invalid` · `cancelled` before it began · whatever making its environment may say
 */
export async function startTurret(ctx: Context, store: Store, place: TurretPlace, onLine: TurretLine): Promise<Problem | undefined> {
  const archive = "tar" in place ? await readTurretArchive(ctx, place.tar) : undefined;
  const turret = archive ?? (await readTurretFolder(ctx, "configFile" in place ? place.configFile : ""));
  const { config } = turret;
  const environment = config.python ? (await makeTurretEnvironment(ctx, store, config.name, turret.requirements)).directory : undefined;
  await using own = await ownedDirectory("caisson-turret", resolve(ctx.cwd, ctx.env["TMPDIR"] || "/tmp"));
  const temporary = join(own.path, "tmp");
  await makeDirectory(temporary);
  const folder = "path" in turret ? dirname(turret.path) : join(own.path, "turret");
  if (archive !== undefined) {
    await makeDirectory(folder);
    await archive.extract(folder);
  }
  const file = "path" in turret ? turret.path : join(folder, "config.json");
  return await runProgram(ctx, config, { environment, folder, file, temporary, ...("configFile" in place ? { given: place.configFile } : {}) }, onLine);
}

interface Ground {
  /** Of its Python, where it has one. */
  readonly environment: string | undefined;
  /** Where its files lie. */
  readonly folder: string;
  /** Its config.json. */
  readonly file: string;
  /** For temporary files of its own, which go with it. */
  readonly temporary: string;
  /** Somebody's own config.json, as typed; in that of an archive both spellings are put in. */
  readonly given?: string;
}

async function runProgram(ctx: Context, config: StartConfig, ground: Ground, onLine: TurretLine): Promise<Problem | undefined> {
  if (ctx.signal.aborted) fail({ code: "cancelled", message: "stopped on request" });
  let last = "";
  const { argv, cwd, env } = programOf(ctx, config, ground);
  const program = await ctx.start(argv, {
    cwd, env,
    onLine: (line, stream) => {
      if (line.trim() !== "") last = line.trim();
      onLine(line, stream);
    },
  });
  let timer: NodeJS.Timeout | undefined;
  const kill = (): void => program.kill("SIGKILL");
  const stop = (): void => {
    program.kill(signalOf(ctx.signal));
    timer = setTimeout(kill, PATIENCE * 1000);
  };
  ctx.signal.addEventListener("abort", stop, { once: true });
  ctx.urgent.addEventListener("abort", kill, { once: true });
  if (ctx.signal.aborted) stop();
  const { status, signal } = await program.ended;
  ctx.signal.removeEventListener("abort", stop);
  ctx.urgent.removeEventListener("abort", kill);
  clearTimeout(timer);
  if (status === 0 || ctx.signal.aborted) return undefined;
  const how = signal === null ? `with status ${status}` : `by ${signal}`;
  return { code: "process-failed", message: `turret \`${config.name}\` ended ${how} before its HQ stopped it${last === "" ? "" : `; last log: ${last}`}`, ...hintFor(config, ground) };
}

interface Program {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** The turret program goes on where it was called, as the original does; a command begins in the turret's folder, with the programs of its own Python first. */
function programOf(ctx: Context, { command }: StartConfig, { environment, folder, file, temporary }: Ground): Program {
  const env = { ...ctx.env, TMPDIR: temporary, PYTHONUNBUFFERED: "1" };
  const own = environment === undefined ? {} : { PATH: [join(environment, "bin"), ctx.env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"].join(delimiter), VIRTUAL_ENV: environment };
  if (command !== undefined) return { argv: command, cwd: folder, env: { ...env, ...own } };
  return { argv: [join(environment ?? "/", "bin/python"), "-I", "-u", ownPath("agent/turret/start.py"), file], cwd: ctx.cwd, env: { ...env, ...own } };
}

/** Which signal it was is the reason's cause; whoever stops us otherwise means SIGTERM. */
function signalOf({ reason }: AbortSignal): NodeJS.Signals {
  const cause = reason instanceof Error ? reason.cause : undefined;
  return cause === "SIGINT" || cause === "SIGHUP" ? cause : "SIGTERM";
}

function hintFor({ spellings, command }: StartConfig, { given }: Ground): Pick<Problem, "hint"> {
  if (command !== undefined || given === undefined || spellings.length > 1) return {};
  return { hint: `\`${given}\` has only \`${spellings[0] ?? ""}\`: releases of oct-turrets up to 0.2.3 read \`canons\`, later ones \`cannons\`; write both` };
}
