/**
 * Real hosts on this machine, for tests of everything that goes over ssh.
 *
 *     await using hosts = await startHosts({ count: 3 });
 *     const h1 = hosts.get("h1");
 *     await h1.run("uname");                             // over ssh, by the wrapper
 *     const to = `${h1.address}:${h1.root("shop")}`;     // what Caisson is given, with env: hosts.env
 *     readFile(h1.outside(`${h1.root("shop")}/journal.jsonl`));
 *
 * `hosts.env` has a PATH whose first directory holds an `ssh` (and `scp`, `sftp`) that runs the real one with `-F`
 * on a configuration of these hosts: user, port, key and known_hosts. The product sees only the system's `ssh`.
 * Kinds: `sshd` needs nothing but an sshd, as root or not: every host is this machine, with a home and directories of its own.
 * What a kind lacks here is said by `lacking(kind)`; a test then skips with that sentence:
 *
 *     it("deploys", async ({ skip }) => { skip(lacking() !== undefined, lacking()); ... });
 */
import type { Hosts } from "./host.ts";
import { lackingSshd, startSshdHosts } from "./hosts-sshd.ts";

export type { Host, Hosts, Outcome } from "./host.ts";

export type HostKind = "sshd";

export interface HostsOptions {
  /** `sshd` unless said otherwise. */
  readonly kind?: HostKind;
  /** 1 unless said otherwise. They are named h1, h2, ... */
  readonly count?: number;
  /** Lines of sshd_config, which win over ours: `["MaxSessions 1", "AllowTcpForwarding no", "Subsystem sftp /bin/false"]`. */
  readonly sshd?: readonly string[];
}

/** What hosts of this kind need that is not here, as a sentence; undefined when they can be had. */
export function lacking(kind: HostKind = "sshd"): string | undefined {
  const asks: Record<HostKind, () => string | undefined> = { sshd: lackingSshd };
  return asks[kind]();
}

/** Start hosts. They are gone with all that runs on them when the value is disposed of, and at the next start when this process was killed. */
export async function startHosts(options: HostsOptions = {}): Promise<Hosts> {
  const { count = 1, sshd = [] } = options;
  const names = Array.from({ length: count }, (_, at) => `h${at + 1}`);
  return startSshdHosts(names, sshd);
}
