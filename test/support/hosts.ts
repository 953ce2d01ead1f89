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
 *
 * Kinds, and what the first and each further host costs on two cores:
 * `sshd` (0.2 s, 0.05 s) needs nothing but an sshd, as root or not: every host is this machine, with a home and directories of its own.
 * `namespace` (0.2 s, 0.06 s) needs root: a Debian of its own, an address, processes of its own; accounts root, deploy (no rights), and deploy's
 * troubles with login shells: noisy, fish, tcsh, ash (busybox), nologin. `hosts: { h2: { python: false }, h3: { behind: "h1" } }`.
 * `systemd` (0.4 s, 0.3 s) is the same, booted, with logind, a lingering `systemd --user` for deploy, and sudo
 * (`writeFile(host.outside("/etc/sudoers.d/x"), "deploy ALL=(root) NOPASSWD: /usr/bin/systemctl daemon-reload\n", { mode: 0o440 })`).
 * The Debian under the last two is made once per checkout (1 to 2 minutes, 300 MB in .cache/hosts): the first test to ask waits.
 *
 * Lines that break: `openLine` (line.ts, a relay for all kinds) and `planFrameCut` (frame-cut.ts). Lines to measure on: `startHosts({ kind: "namespace", wire: { roundTrip: 50 } })`,
 * then `hosts.wire.count("h1")`: packets pass a program (scripts/hosts/wire.py), so that TCP's own windows meet the delay. Disks: `mountDisk` (disks.ts).
 * Wrong clocks, a full /tmp, old Pythons, bastions, a power failure: test/hosts/ground.test.ts shows how each is had.
 * Benches have all of it without TypeScript from scripts/hosts/group.mjs.
 *
 * What a kind lacks here is said by `lacking(kind)`; a test then skips with that sentence:
 *
 *     it("deploys", async ({ skip }) => { skip(lacking("systemd") !== undefined, lacking("systemd")); ... });
 */
import { existsSync } from "node:fs";
import { lackingForGroup, type HostSpecial, type WireState } from "../../scripts/hosts/group.mjs";
import type { Hosts } from "./host.ts";
import { startMachines, type Machines } from "./hosts-machine.ts";
import { lackingSshd, startSshdHosts } from "./hosts-sshd.ts";

export type { Host, Hosts, Outcome } from "./host.ts";
export type { Machine, Machines } from "./hosts-machine.ts";

export type HostKind = "sshd" | "namespace" | "systemd";

export interface HostsOptions<Kind extends HostKind = HostKind> {
  /** `sshd` unless said otherwise. */
  readonly kind?: Kind;
  /** 1 unless said otherwise. They are named h1, h2, ... */
  readonly count?: number;
  /** Lines of sshd_config, which win over ours: `["MaxSessions 1", "AllowTcpForwarding no", "Subsystem sftp /bin/false"]`. */
  readonly sshd?: readonly string[];
  /** What is special about one of them; not for kind `sshd`. */
  readonly hosts?: Readonly<Record<string, HostSpecial>>;
  /** A wire of this length, rate and loss before them; not for kind `sshd`. */
  readonly wire?: WireState;
}

/** What hosts of this kind, or a wire before them, need that is not here, as a sentence; undefined when they can be had. */
export function lacking(kind: HostKind | "wire" = "sshd"): string | undefined {
  if (kind === "sshd") return lackingSshd();
  if (kind === "wire") return lackingForGroup("namespace") ?? (existsSync("/dev/net/tun") ? undefined : "needs /dev/net/tun");
  return lackingForGroup(kind);
}

/** Start hosts. They are gone with all that runs on them when the value is disposed of, and at the next start when this process was killed. */
export function startHosts(options?: HostsOptions<"sshd">): Promise<Hosts>;
export function startHosts(options: HostsOptions<"namespace" | "systemd">): Promise<Machines>;
export function startHosts(options: HostsOptions = {}): Promise<Hosts> {
  const { kind = "sshd", count = 1, sshd = [], hosts = {}, wire } = options;
  const names = Array.from({ length: count }, (_, at) => `h${at + 1}`);
  return kind === "sshd" ? startSshdHosts(names, sshd) : startMachines({ kind, names, sshd, hosts, ...wire && { wire } });
}
