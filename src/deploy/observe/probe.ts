import { CaissonError, fail, parseHostWord, type HostAddress, type Platform } from "../../model/index.ts";
import { platformFromFacts } from "../../python/index.ts";
import type { Context } from "../../system/index.ts";
import { openAgent, openWays, type BareHost, type PlatformExamination } from "../../transport/index.ts";
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
  /** The interpreter that was asked, as it calls itself; undefined where the machine has none, and its shell was asked what it is. */
  readonly path?: string;
  /** What the kernel is called is left out of its markers: it is not known before a release runs, and hosts of one kind differ in it. */
  readonly platform: Platform;
}

/** Asked for of every agent, and never made: nothing is changed. */
const NO_ROOT = "/.caisson-probe";

/**
 * What wheels are chosen by on a machine: its libc, architecture and Python, asked over one connection. Where it has no Python, one must be named that releases will bring.
 * @throws CaissonError `name-invalid` · `platform-unknown` where nothing is built for such a machine · `interpreter-unfit` where it has no such Python · as `openAgent`
 */
export async function probePlatform(ctx: Context, request: ProbeRequest): Promise<Probed> {
  const host = addressOf(request.host);
  let bare: { readonly arch: string; readonly host: BareHost } | undefined;
  await using ways = await openWays(ctx, [host], (arch, found) => {
    bare = { arch, host: found };
    return Promise.resolve(undefined);
  });
  try {
    await using agent = await openAgent(ctx, host, { by: whoAsks(ctx), transport: ways.to(host) });
    const found = await agent.platform(request.python);
    return { host: host.name, path: found.path, platform: platformOf(host.name, found) };
  } catch (error) {
    if (bare === undefined || !(error instanceof CaissonError)) throw error;
    return { host: host.name, platform: bareOf(host.name, bare.arch, bare.host, request) };
  }
}

/** A machine without a Python, with the one that releases will bring. */
function bareOf(name: string, word: string, { os, libc }: BareHost, { host = name, python }: ProbeRequest): Platform {
  const [, family, version = ""] = /^(glibc|musl) ([0-9]+\.[0-9]+)/.exec(libc) ?? [];
  const arch = knownArch(name, word);
  if (family !== "glibc" && family !== "musl") return fail({ code: "host-unfit", message: `\`${name}\` has no Python 3.6 or newer, and does not say which C library it has`, hint: "caisson platform list; a platform that it is can be named without asking" });
  if (python === undefined) return fail({ code: "host-unfit", message: `\`${name}\` has no Python 3.6 or newer; it is ${os.id} ${os.release}, ${family} ${version}, ${arch}`, hint: `name the Python that its releases will bring: caisson platform probe ${host} --python 3.11` });
  return platformFromFacts({ os, arch, libc: { family, version }, python }, "declared");
}

function knownArch(host: string, arch: string): Platform["arch"] {
  if (arch === "x86_64" || arch === "aarch64") return arch;
  return fail({ code: "platform-unknown", message: `\`${host}\` is ${arch}, and only x86_64 and aarch64 are known here`, hint: "caisson platform list" });
}

function addressOf(word: string | undefined): HostAddress {
  if (word === undefined) return { name: "local", via: "local", address: "", root: NO_ROOT };
  const host = parseHostWord(word) ?? fail({ code: "name-invalid", message: `\`${word}\` is no host`, hint: "user@host, or ssh://user@host:port" });
  return { name: host.name, via: "ssh", address: host.address, root: host.root ?? NO_ROOT };
}

/** The machine's own words win over what we would make of them. */
function platformOf(host: string, { os, arch: word, libc, path, soabi, wide, refused, markers: said }: PlatformExamination): Platform {
  const refuse = (what: string): never => fail({ code: "platform-unknown", message: `\`${path}\` on \`${host}\` is ${what}, and nothing is built for that`, hint: "name another interpreter there: --python 3.11" });
  const arch = knownArch(host, word);
  if (said["implementation_name"] !== "cpython") refuse(`a ${said["platform_python_implementation"] ?? "Python of an unknown kind"}`);
  if (!wide) refuse("a 32-bit program");
  if (/^cpython-3[0-9]+t/.test(soabi ?? "")) refuse("a CPython without the interpreter lock");
  const platform = platformFromFacts({ os, arch, libc, python: said["python_full_version"] ?? "", refused }, "ran");
  return { ...platform, markers: { ...platform.markers, ...said, platform_release: "", platform_version: "" } };
}
