import type { Platform } from "../../model/index.ts";

/**
 * The wheel tags that a CPython on Linux accepts, best first: its own ABI, the stable ABI, no ABI; and within each the newest libc first, plain `linux` last.
 * `version` of the libc may carry a vendor's tail, `2.20-2014.11`.
 * Source: packaging.python.org/specifications/platform-compatibility-tags; the order is that of PyPA `packaging`
 */
export function compatibleTags(python: string, arch: Platform["arch"], libc: Platform["libc"], refused: readonly number[] = []): readonly string[] {
  const [major = 3, minor = 0] = python.split(".").map(Number);
  const platforms = platformTags(arch, libc, refused);
  const tag = (interpreter: string, abi: string): readonly string[] => platforms.map((platform) => `${interpreter}-${abi}-${platform}`);
  const own = `cp${major}${minor}`;
  // Until 3.7 the ABI's name said that Python's own allocator is in use.
  const abi = minor < 8 ? `${own}m` : own;
  const older = Array.from({ length: minor }, (_, at) => minor - 1 - at);
  const generic = [`py${major}${minor}`, `py${major}`, ...older.map((below) => `py${major}${below}`)];
  return [
    ...tag(own, abi),
    ...tag(own, "abi3"),
    ...tag(own, "none"),
    ...older.filter((below) => below >= 2).flatMap((below) => tag(`cp${major}${below}`, "abi3")),
    ...generic.flatMap((interpreter) => tag(interpreter, "none")),
    `${own}-none-any`,
    ...generic.map((interpreter) => `${interpreter}-none-any`),
  ];
}

/** Platform tags, newest libc first; without those of the minors of glibc in `refused`. */
export function platformTags(arch: Platform["arch"], libc: Platform["libc"], refused: readonly number[] = []): readonly string[] {
  const [major = 0, minor = 0] = parseLibcVersion(libc.version) ?? [];
  const oldest = libc.family === "musl" ? 0 : (OLDEST_GLIBC_MINOR[arch] ?? 17);
  const minors = Array.from({ length: Math.max(0, minor - oldest + 1) }, (_, at) => minor - at);
  if (libc.family === "musl") return [...minors.map((below) => `musllinux_${major}_${below}_${arch}`), `linux_${arch}`];
  return [...minors.filter((below) => !refused.includes(below)).flatMap((below) => [`manylinux_${major}_${below}_${arch}`, ...(LEGACY[below] === undefined ? [] : [`${LEGACY[below]}_${arch}`])]), `linux_${arch}`];
}

/** Major and minor of a libc's version, whatever stands behind them; undefined where there are none. */
export function parseLibcVersion(text: string): readonly [number, number] | undefined {
  const [, major, minor] = /^\s*([0-9]+)\.([0-9]+)/.exec(text) ?? [];
  return major === undefined || minor === undefined ? undefined : [Number(major), Number(minor)];
}

/** aarch64 came with 2.17. */
const OLDEST_GLIBC_MINOR: Readonly<Record<Platform["arch"], number>> = { x86_64: 5, aarch64: 17 };
const LEGACY: Readonly<Record<number, string>> = { 17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1" };
