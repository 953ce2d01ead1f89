import { mkdir, open, readFile, realpath, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fail, type Platform } from "../model/index.ts";
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

/**
 * The facts of PATH's python3. Those of a real interpreter are kept under its identity, because asking costs a start of Python;
 * a version manager's script may mean another one tomorrow, so it is asked each time.
 */
async function machinePython(ctx: Context, os: Platform["os"]): Promise<InterpreterFacts> {
  const [python] = await findOnPath(ctx, "python3");
  if (python === undefined) return fail({ code: "tool-missing", message: "there is no python3 on PATH", hint: "install Python 3, or name a platform with --platform" });
  const proper = await realpath(python);
  if (!(await isInterpreter(proper))) return await askOrFail(ctx, python);
  const { mtimeMs, size } = await stat(proper);
  const cache = join(cacheDirectory(ctx), "interpreters", `${hashJson([proper, Math.trunc(mtimeMs), size, os]).slice("sha256:".length)}.json`);
  const known = await readFacts(cache);
  if (known !== undefined) return known;
  const facts = await askOrFail(ctx, python);
  await mkdir(dirname(cache), { recursive: true });
  await writeDurably(cache, `${JSON.stringify(facts)}\n`);
  return facts;
}

/** Some version managers put a program of their own under the name `python3`, so the name of the file proper counts too. */
async function isInterpreter(path: string): Promise<boolean> {
  if (!/^python3?(\.\d+)?$/.test(basename(path))) return false;
  const file = await open(path, "r");
  try {
    const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
    return buffer.equals(ELF);
  } finally {
    await file.close();
  }
}

const ELF = Buffer.from([0x7f, 0x45, 0x4c, 0x46]);

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
