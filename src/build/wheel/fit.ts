import { fail, type Platform } from "../../model/index.ts";
import { expandTags, parseWheelFileName } from "../../python/index.ts";
import type { InterpreterFacts } from "../interpreter.ts";
import type { BuiltWheel, WheelSource, Workshop } from "./wheel.ts";

/**
 * The wheel, where it fits a platform: one tagged for any manylinux proves itself by its symbols, one tagged `linux_x86_64` fits only the system it was made on.
 * @throws CaissonError `wheel-unfit`
 */
export async function fitting(built: BuiltWheel, source: WheelSource, platform: Platform, workshop: Workshop): Promise<BuiltWheel> {
  const name = parseWheelFileName(built.fileName);
  const fits = name === undefined ? [] : [...expandTags(name)].filter((tag) => platform.tags.includes(tag));
  const unbound = fits.some((tag) => !tag.includes("-linux_"));
  if (unbound || (fits.length > 0 && (await isHere(workshop, platform)))) return built;
  if (!isPure(built)) return mustBeCompiled(source, platform, await workshop.interpreter(platform.python.version));
  return fail({ code: "wheel-unfit", message: `the wheel of \`${source.written}\`, \`${built.fileName}\`, does not fit ${platform.label} (Python ${platform.python.version})` });
}

export function isPure({ fileName }: BuiltWheel): boolean {
  return parseWheelFileName(fileName)?.platformTags.every((tag) => tag === "any") === true;
}

/** Compiled, and tagged with no libc that it would run with elsewhere. */
export function isBound({ fileName }: BuiltWheel): boolean {
  return parseWheelFileName(fileName)?.platformTags.every((tag) => tag.startsWith("linux_")) === true;
}

/** Whether what is compiled here is compiled for that platform. */
export async function isHere({ machine }: Workshop, { os, arch, libc }: Platform): Promise<boolean> {
  const own = await machine();
  return own.os.id === os.id && own.os.release === os.release && own.arch === arch && own.libc.family === libc.family && own.libc.version === libc.version;
}

/**
 * `exact`: the platform's Python on this machine.
 * @throws CaissonError `wheel-unfit` always
 */
export function mustBeCompiled(source: WheelSource, platform: Platform, exact: InterpreterFacts | undefined): never {
  const { label, libc, python: { version } } = platform;
  const there = `build it on a ${label} machine with python${version}`;
  const zig = `let zig compile it: compiler = "zig" under [platforms.${label}] of caisson.toml${exact === undefined ? `, with python${version} on PATH` : ""}`;
  return fail({ code: "wheel-unfit", message: `\`${source.written}\` must be compiled for ${label} and no builder is named for it`, hint: libc.family === "glibc" ? `${there}, or ${zig}` : there });
}
