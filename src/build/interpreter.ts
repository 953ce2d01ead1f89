import { constants } from "node:fs";
import { access, open, readFile, readdir, realpath, stat } from "node:fs/promises";
import { basename, delimiter, dirname, join, resolve } from "node:path";
import type { Json, Platform } from "../model/index.ts";
import type { Context } from "../system/index.ts";
import { kept } from "./cache.ts";

/** What an interpreter says of itself and of the machine it runs on. */
export interface InterpreterFacts {
  /** The interpreter proper, never a version manager's script or a virtual environment's link. */
  readonly executable: string;
  /** `3.11.7` */
  readonly version: string;
  readonly implementation: string;
  readonly arch: string;
  readonly libc: Platform["libc"];
  /** What else of it gets into extension modules: its exact version, and the flags that it compiles with, as one hash. */
  readonly compiles: string;
  /** The compiler that it calls, as it calls it. */
  readonly compiler: string;
}

/** A CPython of exactly that minor (`3.11`) on this machine: on PATH, or kept by pyenv. */
export async function findInterpreter(ctx: Context, minor: string): Promise<InterpreterFacts | undefined> {
  for (const python of [...(await findOnPath(ctx, `python${minor}`)), ...(await findOnPath(ctx, "python3")), ...(await findInPyenv(ctx, minor))]) {
    const facts = await askInterpreter(ctx, python);
    if (facts?.implementation === "cpython" && minorOf(facts) === minor) return facts;
  }
  return undefined;
}

/** `3.11` of `3.11.7`. */
export function minorOf({ version }: InterpreterFacts): string {
  return version.split(".").slice(0, 2).join(".");
}

/** All files of that name on PATH that can be run, in its order. */
export async function findOnPath(ctx: Context, program: string): Promise<readonly string[]> {
  const candidates = (ctx.env["PATH"] ?? "").split(delimiter).filter((directory) => directory.startsWith("/")).map((directory) => join(directory, program));
  const found = await Promise.all(candidates.map((path) => access(path, constants.X_OK).then(() => path, () => undefined)));
  return found.filter((path) => path !== undefined);
}

/** pyenv puts a script for each version on PATH that runs only while that version is chosen. */
async function findInPyenv(ctx: Context, minor: string): Promise<readonly string[]> {
  const root = ctx.env["PYENV_ROOT"] ?? join(ctx.env["HOME"] ?? "/", ".pyenv");
  const versions = await readdir(join(root, "versions")).catch(() => []);
  return versions.filter((version) => version.startsWith(`${minor}.`)).map((version) => join(root, "versions", version, "bin", `python${minor}`));
}

/** What an interpreter is; undefined where it does not run. Kept under what decides the answer, because asking costs a start of Python. */
export async function askInterpreter(ctx: Context, python: string): Promise<InterpreterFacts | undefined> {
  const identity = (await identifyProgram(await realpath(python).catch(() => python))) ?? (await identifyPyenv(ctx, python));
  if (identity === undefined) return await runInterpreter(ctx, python);
  // A new release of the system may bring another libc.
  const known = await kept(ctx, "interpreters", [2, identity, await readText("/etc/os-release")], () => runInterpreter(ctx, python));
  return known === undefined || (await identifyProgram(known.executable)) !== undefined ? known : await runInterpreter(ctx, python);
}

/** A program that is Python itself, as that very file. Some version managers put a program of their own under that name, so the name of the file proper counts too. */
async function identifyProgram(proper: string): Promise<Json | undefined> {
  if (!/^python3?(\.\d+)?$/.test(basename(proper))) return undefined;
  const file = await open(proper, "r").catch(() => undefined);
  try {
    if (file === undefined || !(await file.read(Buffer.alloc(4), 0, 4, 0)).buffer.equals(ELF)) return undefined;
    const { mtimeMs, size } = await file.stat();
    return ["file", proper, Math.trunc(mtimeMs), size];
  } finally {
    await file?.close();
  }
}

const ELF = Buffer.from([0x7f, 0x45, 0x4c, 0x46]);

/** A script of pyenv, as all that pyenv decides by: a variable, files from here upwards, its own file, and the versions there are. Any other manager's script is asked each time. */
async function identifyPyenv(ctx: Context, python: string): Promise<Json | undefined> {
  const root = dirname(dirname(python));
  const versions = await stat(join(root, "versions")).catch(() => undefined);
  if (basename(dirname(python)) !== "shims" || versions === undefined || !(await readText(python)).includes("pyenv")) return undefined;
  const { PYENV_VERSION: variable = "", PYENV_DIR: start = "" } = ctx.env;
  const places = [...upwards(resolve(ctx.cwd, start)), ...upwards(ctx.cwd)];
  const files = await Promise.all([...places.map((directory) => join(directory, ".python-version")), join(root, "version"), python].map(readText));
  return ["pyenv", python, variable, files, Math.trunc(versions.mtimeMs)];
}

function* upwards(directory: string): Iterable<string> {
  for (let at = directory; ; at = dirname(at)) {
    yield at;
    if (at === dirname(at)) return;
  }
}

async function readText(path: string): Promise<string> {
  return await readFile(path, "utf8").catch(() => "");
}

async function runInterpreter(ctx: Context, python: string): Promise<InterpreterFacts | undefined> {
  const answer = await ctx.run([python, "-I", "-S", "-c", QUESTION], { cwd: ctx.cwd, env: ctx.env, timeout: 20 }).catch(() => undefined);
  if (answer?.status !== 0) return undefined;
  const { libc, ...facts } = JSON.parse(Buffer.from(answer.stdout).toString("utf8")) as Omit<InterpreterFacts, "libc"> & { readonly libc: string };
  return { ...facts, libc: libc === "" ? { family: "musl", version: await muslVersion(ctx, facts.arch) } : { family: "glibc", version: libc } };
}

// confstr knows the libc that the process itself uses; other libcs do not know the name.
const QUESTION = `
import hashlib, json, os, sys, sysconfig
try:
    libc = (os.confstr("CS_GNU_LIBC_VERSION") or "").split()[-1:]
except (AttributeError, OSError, ValueError):
    libc = []
own = getattr(sys, "_base_executable", None) or sys.executable
flags = [sys.version] + [str(sysconfig.get_config_var(name)) for name in ("CC", "CXX", "CFLAGS", "OPT", "CCSHARED", "LDSHARED", "LDFLAGS", "EXT_SUFFIX", "SOABI")]
compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
print(json.dumps({"executable": os.path.realpath(own), "version": "%d.%d.%d" % sys.version_info[:3], "implementation": sys.implementation.name, "arch": os.uname()[4], "libc": "".join(libc), "compiles": hashlib.sha256(repr(flags).encode()).hexdigest(), "compiler": compiler}))
`;

/** musl's loader tells its version to whoever runs it without a program. */
async function muslVersion(ctx: Context, arch: string): Promise<string> {
  const answer = await ctx.run([`/lib/ld-musl-${arch}.so.1`], { cwd: "/", env: {}, timeout: 20 }).catch(() => undefined);
  return /^Version (\d+\.\d+)/m.exec(answer?.stderr ?? "")?.[1] ?? "1.1";
}
