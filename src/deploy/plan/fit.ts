import type { HostFacts, Payload, Platform, Problem } from "../../model/index.ts";

/** Why a host cannot run a payload; empty when it can. Files run nowhere, so any host will do for them. */
export function checkFit(host: string, facts: HostFacts, payload: Payload): readonly Problem[] {
  if (payload.kind === "files") return [];
  const { platform } = payload;
  const unfit = checkMachine(host, facts, platform, `\`${payload.package}\` is built for ${platform.label}`);
  if (unfit !== undefined) return [{ code: "host-unfit", message: unfit, hint: `build it for a platform that ${host} has: caisson build ${payload.package} --platform PLATFORM` }];
  return payload.interpreter?.from === "host" ? checkPython(host, facts, payload.interpreter.version, `\`${payload.package}\``) : [];
}

/** Why programs of a platform cannot run on a host; `wanted` begins the sentence's end. Undefined where they can. */
export function checkMachine(host: string, facts: HostFacts, platform: Pick<Platform, "arch" | "libc">, wanted: string): string | undefined {
  if (facts.arch !== platform.arch) return `${host} is ${facts.arch}, but ${wanted} (${platform.arch})`;
  if (facts.libc.family !== platform.libc.family) return `${host} has ${facts.libc.family}, but ${wanted} (${platform.libc.family})`;
  if (isOlder(facts.libc.version, platform.libc.version)) return `${host} has ${facts.libc.family} ${facts.libc.version}, but ${wanted} (${platform.libc.family} ${platform.libc.version})`;
  return undefined;
}

/** Whether a host has the CPython that something needs. */
export function checkPython(host: string, facts: HostFacts, version: string, who: string): readonly Problem[] {
  const there = Object.keys(facts.pythons);
  if (there.includes(version) || minorOf(facts.python) === version) return [];
  const list = there.length === 0 ? minorOf(facts.python) : there.toSorted((a, b) => (isOlder(a, b) ? -1 : 1)).join(", ");
  return [{ code: "interpreter-unfit", message: `${who} needs CPython ${version}, and ${host} has ${list}`, hint: `install python${version} on ${host}, or let releases bring one: caisson interpreter add FILE, and interpreter = "tree:python-${version}" under [platforms.NAME]` }];
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
