import { readFile } from "node:fs/promises";
import { fail, type Platform } from "../model/index.ts";
import { platformFromFacts, platformPreset } from "../python/index.ts";
import type { Context } from "../system/index.ts";
import { askInterpreter, findOnPath } from "./interpreter.ts";

/**
 * The platform of this machine, by its os-release file and the python3 that PATH names.
 * @throws CaissonError `tool-missing` without python3 · `platform-unknown` where it is no CPython on Linux
 */
export async function machinePlatform(ctx: Context): Promise<Platform> {
  const [first] = await findOnPath(ctx, "python3");
  if (first === undefined) return fail({ code: "tool-missing", message: "there is no python3 on PATH", hint: "install Python 3, or name a platform with --platform" });
  const [os, python] = await Promise.all([readOsRelease(), askInterpreter(ctx, first)]);
  if (python === undefined) return fail({ code: "tool-missing", message: `\`${first}\` does not run`, hint: `try: ${first} --version` });
  if (python.implementation !== "cpython") fail({ code: "platform-unknown", message: `python3 on PATH is ${python.implementation}, and only CPython is built for`, hint: "put a CPython first on PATH, or name a platform with --platform" });
  if (python.arch !== "x86_64" && python.arch !== "aarch64") fail({ code: "platform-unknown", message: `nothing is built for the architecture ${python.arch}`, hint: "x86_64 and aarch64 are known; name one with --platform" });
  const own = platformFromFacts({ os, arch: python.arch, libc: python.libc, python: python.version }, "ran");
  const preset = platformPreset(own.label);
  // Two machines of one system may differ in Python's patch release; what they build for it is the same.
  return preset?.libc.version === own.libc.version ? { ...preset, evidence: "ran" } : own;
}

async function readOsRelease(): Promise<Platform["os"]> {
  const text = await readFile("/etc/os-release", "utf8").catch(() => readFile("/usr/lib/os-release", "utf8")).catch(() => "");
  const value = (name: string): string | undefined => new RegExp(`^${name}=["']?([^"'\\n]*)["']?$`, "m").exec(text)?.[1];
  // Rolling distributions have no VERSION_ID.
  return { id: value("ID") ?? "linux", release: value("VERSION_ID") ?? "" };
}
