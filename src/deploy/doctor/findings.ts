import type { HostFacts, HostState, Platform, Problem, Target } from "../../model/index.ts";
import type { HostExamination } from "../../transport/index.ts";
import { checkMachine, checkPython } from "../plan/fit.ts";
import { printSize } from "../plan/size.ts";

/** One thing that a machine needs, or that is worth knowing of it. */
export interface Finding {
  /** One word: `python`. */
  readonly what: string;
  readonly well: boolean;
  /** How it is. */
  readonly says: string;
  /** What to type where it is not well; there, unless it says otherwise. */
  readonly mend?: string;
}

/** What decides how a host should be. */
export interface Wishes {
  readonly target: Pick<Target, "name" | "service" | "user">;
  readonly root: string;
  /** What is built for it, where that is known. */
  readonly platform?: Platform;
  /** The version of the interpreter that releases bring along. */
  readonly bringsPython?: string;
  /** They should bring one, and it cannot be had. */
  readonly lacksInterpreter?: Problem;
  /** Argument lists that who deploys runs with sudo, and the file that lets him. */
  readonly sudoers?: { readonly commands: readonly (readonly string[])[]; readonly print: (deployer: string) => string };
}

/** How a host was found. `skew`: seconds that its clock is ahead of ours, at least. */
export interface Found {
  readonly host: string;
  readonly state: HostState;
  readonly examined: HostExamination;
  readonly skew?: number;
}

/** Bytes and inodes below which a deploy may well not go through. */
const FEW_BYTES = 1 << 29;
const FEW_INODES = 20_000;
/** Seconds that clocks may differ before certificates and tokens fail. */
const FAR = 60;

/** Everything that a deploy needs of a host, in the order in which it needs it. */
export function findingsOf(found: Found, wishes: Wishes): readonly Finding[] {
  const { state: { facts } } = found;
  return [
    pythonFinding(facts, wishes),
    rootFinding(found, wishes),
    linkFinding(found.examined),
    roomFinding(facts),
    platformFinding(found, wishes),
    ...serviceFindings(found, wishes),
    ...userFinding(found, wishes),
    clockFinding(found),
    lockFinding(found.examined),
    well("umask", found.examined.umask === null ? "unknown" : found.examined.umask.toString(8).padStart(4, "0")),
    well("selinux", found.examined.selinux ?? "none"),
  ];
}

function well(what: string, says: string): Finding {
  return { what, well: true, says };
}

function ill(what: string, says: string, mend: string): Finding {
  return { what, well: false, says, mend };
}

/** What the agent itself brought, or a release, is none of the host's. */
function pythonFinding(facts: HostFacts, { root, bringsPython, lacksInterpreter }: Wishes): Finding {
  if (lacksInterpreter !== undefined) return ill("python", lacksInterpreter.message, lacksInterpreter.hint ?? "");
  const own = Object.values(facts.pythons).some((path) => !path.startsWith(`${root}/`));
  return well("python", bringsPython === undefined || own ? `${facts.python}${others(facts)}` : `none of its own; releases bring ${bringsPython}`);
}

function others({ python, pythons }: HostFacts): string {
  const minors = Object.keys(pythons).filter((minor) => !python.startsWith(`${minor}.`));
  return minors.length === 0 ? "" : ` (and ${minors.join(", ")})`;
}

function rootFinding({ examined }: Found, { root }: Wishes): Finding {
  const { user, place, writing } = examined;
  if (examined.root !== null) return ill("root", examined.root.detail, "choose another root, or move that away");
  if (writing?.code === "permission") return ill("root", `\`${user}\` may not write \`${writing.place}\``, writing.place === place ? `as root: install -d -o ${user} ${root}` : `as root: chown -R ${user} ${writing.place}`);
  if (writing !== null) return ill("root", writing.detail, "see what is wrong with that disk: dmesg | tail");
  if (examined.noexec) return ill("root", `\`${place}\` is mounted noexec, and programs are to run from it`, "choose a root on another file system, or mount that one with exec");
  return well("root", place === root ? `${root}, written as ${user}` : `${root} can be made in ${place} as ${user}`);
}

function linkFinding({ linking, exchange, filesystem }: HostExamination): Finding {
  if (linking !== null) return ill("links", linking.detail, "one file system for the whole root: no mount below it");
  return well("links", `${filesystem}${exchange ? "" : "; no exchange of two links, so that going back needs a free inode"}`);
}

function roomFinding({ freeBytes, freeInodes }: HostFacts): Finding {
  // A file system that counts no inodes says 0 of them.
  const few = freeBytes < FEW_BYTES || (freeInodes > 0 && freeInodes < FEW_INODES);
  const says = `${printSize(freeBytes)}${freeInodes > 0 ? ` and ${freeInodes} inodes` : ""} free`;
  return few ? ill("room", says, "make room there (caisson prune removes old releases)") : well("room", says);
}

function platformFinding({ host, state: { facts } }: Found, { platform, bringsPython, lacksInterpreter }: Wishes): Finding {
  const is = `${facts.os.id} ${facts.os.release}, ${facts.arch}, ${facts.libc.family} ${facts.libc.version}`;
  if (platform === undefined) return well("platform", is);
  const unfit = checkMachine(host, facts, platform, `what is built for ${platform.label} needs another`);
  if (unfit !== undefined) return ill("platform", unfit, "build for a platform that it has (caisson.toml: platforms)");
  const [lacking]: readonly (Problem | undefined)[] = bringsPython !== undefined || lacksInterpreter !== undefined ? [] : checkPython(host, facts, platform.python.version, platform.label);
  return lacking === undefined ? well("platform", `${is}: fits ${platform.label}`) : ill("platform", lacking.message, lacking.hint ?? "");
}

function serviceFindings({ examined, state: { facts } }: Found, { target: { name, service }, sudoers }: Wishes): readonly Finding[] {
  const { manager, user } = examined;
  if (service.kind !== "systemd") return [well("service", service.kind === "none" ? "nothing is started" : "the target's own commands")];
  if (manager === null) return [ill("service", "systemd does not run this host", "service = \"command\" in caisson.toml, with a restart of your own")];
  const version = `systemd ${manager.version ?? "of an unknown version"}`;
  if (service.scope === "user") return [manager.lingers ? well("service", `${version}, for ${user}`) : ill("service", `what \`${user}\` starts ends when he logs out`, `as root: loginctl enable-linger ${user}`)];
  if (facts.privileges === "root" || sudoers === undefined) return [well("service", `${version}, as ${user}`)];
  const refused = examined.sudo.find(({ allowed }) => !allowed);
  if (refused === undefined) return [well("service", `${version}, as ${user} with sudo`)];
  return [ill("service", `\`${user}\` may not start processes with sudo and without a password${refused.detail === undefined || refused.detail === "" ? "" : ` (${refused.detail})`}`, `as root: run what \`caisson units --to ${name}\` prints, which makes the units too; of it, for sudo:\n${sudoers.print(user).trimEnd()}`)];
}

function userFinding({ examined, state: { facts } }: Found, { target: { user, service } }: Wishes): readonly Finding[] {
  if (user === undefined) return [];
  if (examined.wantedUser !== true) return [ill("user", `there is no user \`${user}\``, `as root: useradd --system --shell /usr/sbin/nologin ${user}`)];
  const may = user === examined.user || facts.privileges === "root" || service.kind === "systemd";
  return [may ? well("user", `processes run as ${user}`) : ill("user", `\`${examined.user}\` cannot start programs as \`${user}\``, "deploy as root, or as that user, or with service = \"systemd\"")];
}

function clockFinding({ skew = 0 }: Found): Finding {
  if (Math.abs(skew) <= FAR) return well("clock", skew === 0 ? "as ours" : `${Math.abs(skew)} s ${skew > 0 ? "ahead" : "behind"}`);
  return ill("clock", `${Math.abs(skew)} s ${skew > 0 ? "ahead of" : "behind"} ours: certificates and tokens will fail`, "as root: timedatectl set-ntp true");
}

function lockFinding({ lock }: HostExamination): Finding {
  if (lock === null) return well("lock", "free");
  const since = lock.since === undefined ? "" : ` since ${new Date(lock.since * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;
  return ill("lock", `\`${lock.by ?? "somebody"}\` changes this host${since}`, "wait until that has ended");
}
