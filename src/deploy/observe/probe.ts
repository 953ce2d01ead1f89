import { fail, parseHostWord, type HostAddress, type Platform } from "../../model/index.ts";
import { platformFromFacts } from "../../python/index.ts";
import type { Context } from "../../system/index.ts";
import { openAgent, openWays, type PlatformExamination } from "../../transport/index.ts";
import { whoAsks } from "./contact.ts";

export interface ProbeRequest {
  /** `user@host`, a host of the user's ssh configuration, or `ssh://user@host:port`; this machine where absent. With a directory behind it, an interpreter of a release there is asked where the host has none of its own. */
  readonly host?: string;
  /** The minor of the interpreter that is asked, `3.12`; the `python3` there where absent. */
  readonly python?: string;
}

/** A machine as it told what wheels are chosen by there. */
export interface Probed {
  /** What people call it; `local` for this machine. */
  readonly host: string;
  /** The interpreter that was asked, as it calls itself. */
  readonly path: string;
  /** What the kernel is called is left out of its markers: it is not known before a release runs, and hosts of one kind differ in it. */
  readonly platform: Platform;
}

/** Asked for of every agent, and never made: nothing is changed. */
const NO_ROOT = "/.caisson-probe";

/**
 * What wheels are chosen by on a machine: its libc, architecture and Python, asked over one connection.
 * @throws CaissonError `name-invalid` · `platform-unknown` where nothing is built for such a machine · `interpreter-unfit` where it has no such Python · as `openAgent`
 */
export async function probePlatform(ctx: Context, request: ProbeRequest): Promise<Probed> {
  const host = addressOf(request.host);
  await using ways = await openWays(ctx, [host]);
  await using agent = await openAgent(ctx, host, { by: whoAsks(ctx), transport: ways.to(host) });
  const found = await agent.platform(request.python);
  return { host: host.name, path: found.path, platform: platformOf(host.name, found) };
}

function addressOf(word: string | undefined): HostAddress {
  if (word === undefined) return { name: "local", via: "local", address: "", root: NO_ROOT };
  const host = parseHostWord(word) ?? fail({ code: "name-invalid", message: `\`${word}\` is no host`, hint: "user@host, or ssh://user@host:port" });
  return { name: host.name, via: "ssh", address: host.address, root: host.root ?? NO_ROOT };
}

/** The machine's own words win over what we would make of them. */
function platformOf(host: string, { os, arch, libc, path, soabi, wide, refused, markers: said }: PlatformExamination): Platform {
  const refuse = (what: string): never => fail({ code: "platform-unknown", message: `\`${path}\` on \`${host}\` is ${what}, and nothing is built for that`, hint: "name another interpreter there: --python 3.11" });
  if (arch !== "x86_64" && arch !== "aarch64") return fail({ code: "platform-unknown", message: `\`${host}\` is ${arch}, and only x86_64 and aarch64 are known here`, hint: "caisson platform list" });
  if (said["implementation_name"] !== "cpython") refuse(`a ${said["platform_python_implementation"] ?? "Python of an unknown kind"}`);
  if (!wide) refuse("a 32-bit program");
  if (/^cpython-3[0-9]+t/.test(soabi ?? "")) refuse("a CPython without the interpreter lock");
  const platform = platformFromFacts({ os, arch, libc, python: said["python_full_version"] ?? "", refused }, "ran");
  return { ...platform, markers: { ...platform.markers, ...said, platform_release: "", platform_version: "" } };
}
