import { mkdir, open, readFile, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { fail, type Json, type Platform } from "../model/index.ts";
import { platformFromFacts, platformPreset } from "../python/index.ts";
import { hashJson, writeDurably, type Context } from "../system/index.ts";
import { cacheDirectory } from "./cache.ts";
import { askInterpreter, findOnPath, type InterpreterFacts } from "./interpreter.ts";

/**
 * The platform of this machine, by its os-release file and the python3 that PATH names.
 * @throws CaissonError `tool-missing` without python3 · `platform-unknown` where it is no CPython on Linux
 */
export async function machinePlatform(ctx: Context): Promise<Platform> {
  const os = await readOsRelease();
  const python = await machinePython(ctx, os);
  if (python.implementation !== "cpython") fail({ code: "platform-unknown", message: `python3 on PATH is ${python.implementation}, and only CPython is built for`, hint: "put a CPython first on PATH, or name a platform with --platform" });
  if (python.arch !== "x86_64" && python.arch !== "aarch64") fail({ code: "platform-unknown", message: `nothing is built for the architecture ${python.arch}`, hint: "x86_64 and aarch64 are known; name one with --platform" });
  const own = platformFromFacts({ os, arch: python.arch, libc: python.libc, python: python.version }, "ran");
  const preset = platformPreset(own.label);
  // Two machines of one system may differ in Python's patch release; what they build for it is the same.
  return preset?.libc.version === own.libc.version ? { ...preset, evidence: "ran" } : own;
}

/** The facts of PATH's python3, kept under what decides them, because asking costs a start of Python. */
async function machinePython(ctx: Context, os: Platform["os"]): Promise<InterpreterFacts> {
  const [python] = await findOnPath(ctx, "python3");
  if (python === undefined) return fail({ code: "tool-missing", message: "there is no python3 on PATH", hint: "install Python 3, or name a platform with --platform" });
  const identity = (await identifyInterpreter(await realpath(python))) ?? (await identifyPyenv(ctx, python));
  if (identity === undefined) return await askOrFail(ctx, python);
  const kept = join(cacheDirectory(ctx), "interpreters", `${hashJson([identity, os]).slice("sha256:".length)}.json`);
  const known = await readFacts(kept);
  if (known !== undefined && (await identifyInterpreter(known.executable)) !== undefined) return known;
  const facts = await askOrFail(ctx, python);
  await mkdir(dirname(kept), { recursive: true });
  await writeDurably(kept, `${JSON.stringify(facts)}\n`);
  return facts;
}

/** A program that is Python itself, as that very file. Some version managers put a program of their own under that name, so the name of the file proper counts too. */
async function identifyInterpreter(proper: string): Promise<Json | undefined> {
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
  return ["pyenv", root, variable, files, Math.trunc(versions.mtimeMs)];
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

async function readFacts(path: string): Promise<InterpreterFacts | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as InterpreterFacts;
  } catch {
    return undefined;
  }
}

async function askOrFail(ctx: Context, python: string): Promise<InterpreterFacts> {
  return (await askInterpreter(ctx, python)) ?? fail({ code: "tool-missing", message: `\`${python}\` does not run`, hint: `try: ${python} --version` });
}

async function readOsRelease(): Promise<Platform["os"]> {
  const text = await readFile("/etc/os-release", "utf8").catch(() => readFile("/usr/lib/os-release", "utf8")).catch(() => "");
  const value = (name: string): string | undefined => new RegExp(`^${name}=["']?([^"'\\n]*)["']?$`, "m").exec(text)?.[1];
  // Rolling distributions have no VERSION_ID.
  return { id: value("ID") ?? "linux", release: value("VERSION_ID") ?? "" };
}
