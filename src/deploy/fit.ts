import type { HostFacts, Payload, Problem } from "../model/index.ts";

/** Why a host cannot run a payload; empty when it can. Files run nowhere, so any host will do for them. */
export function checkFit(host: string, facts: HostFacts, payload: Payload): readonly Problem[] {
  if (payload.kind === "files") return [];
  const { platform } = payload;
  const unfit = (message: string): Problem => ({ code: "host-unfit", message, hint: `build it for a platform that ${host} has: caisson build ${payload.package} --platform PLATFORM` });
  const wanted = `\`${payload.package}\` is built for ${platform.label}`;
  if (facts.arch !== platform.arch) return [unfit(`${host} is ${facts.arch}, but ${wanted} (${platform.arch})`)];
  if (facts.libc.family !== platform.libc.family) return [unfit(`${host} has ${facts.libc.family}, but ${wanted} (${platform.libc.family})`)];
  if (isOlder(facts.libc.version, platform.libc.version)) return [unfit(`${host} has ${facts.libc.family} ${facts.libc.version}, but ${wanted} (${platform.libc.family} ${platform.libc.version})`)];
  if (payload.interpreter?.from !== "host") return [];
  const { version } = payload.interpreter;
  const there = Object.keys(facts.pythons);
  if (there.includes(version) || minorOf(facts.python) === version) return [];
  const list = there.length === 0 ? minorOf(facts.python) : there.toSorted((a, b) => (isOlder(a, b) ? -1 : 1)).join(", ");
  return [{ code: "interpreter-unfit", message: `\`${payload.package}\` needs CPython ${version}, and ${host} has ${list}`, hint: `install python${version} on ${host}, or build for a platform with another Python` }];
}

function minorOf(version: string): string {
  return version.split(".").slice(0, 2).join(".");
}

/** Versions of C libraries and interpreters: numbers with dots. */
function isOlder(version: string, than: string): boolean {
  const left = version.split(".").map(Number);
  const right = than.split(".").map(Number);
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
