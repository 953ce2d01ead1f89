import { expect, it } from "vitest";
import type { HostState, Platform } from "../../src/model/index.ts";
import type { HostExamination } from "../../src/transport/index.ts";
import { findingsOf, type Finding, type Wishes } from "../../src/deploy/doctor/findings.ts";

const state: HostState = {
  host: "h1", generation: 3, current: null, previous: null, releases: [], trees: [], treesDigest: `sha256:${"0".repeat(64)}`,
  facts: { os: { id: "debian", release: "12" }, arch: "x86_64", libc: { family: "glibc", version: "2.36" }, python: "3.11.2", pythons: { "3.11": "/usr/bin/python3.11", "3.9": "/opt/python3.9" }, freeBytes: 9e9, freeInodes: 500_000, privileges: "user" },
};
const examined: HostExamination = {
  user: "deploy", umask: 0o22, place: "/srv/shop", root: null, writing: null, linking: null, exchange: true, filesystem: "ext4", noexec: false,
  lock: null, selinux: null, manager: { version: 252, lingers: false }, sudo: [], wantedUser: null,
};
const wishes: Wishes = { target: { name: "production", service: { kind: "none" } }, root: "/srv/shop" };
const platform = { label: "centos-7", arch: "x86_64", libc: { family: "glibc", version: "2.17" }, python: { implementation: "cpython", version: "3.11" } } as unknown as Platform;
const sudoers = { commands: [["systemctl", "restart", "x"]], print: (deployer: string) => `${deployer} ALL=...\n` };
const system: Wishes["target"] = { name: "production", service: { kind: "systemd", scope: "system" } };

function find(what: string, over: { readonly examined?: Partial<HostExamination>; readonly facts?: Partial<HostState["facts"]>; readonly skew?: number; readonly wishes?: Partial<Wishes> } = {}): Finding | undefined {
  const found = { host: "h1", state: { ...state, facts: { ...state.facts, ...over.facts } }, examined: { ...examined, ...over.examined }, ...(over.skew === undefined ? {} : { skew: over.skew }) };
  return findingsOf(found, { ...wishes, ...over.wishes }).find((finding) => finding.what === what);
}

it("finds nothing to mend on a host that has all", () => {
  const findings = findingsOf({ host: "h1", state, examined }, { ...wishes, platform });
  expect(findings.filter(({ well }) => !well)).toEqual([]);
  expect(findings.map(({ what, says }) => `${what}: ${says}`)).toEqual([
    "python: 3.11.2 (and 3.9)", "root: /srv/shop, written as deploy", "links: ext4", "room: 9.0 GB and 500000 inodes free", "platform: debian 12, x86_64, glibc 2.36: fits centos-7",
    "service: nothing is started", "clock: as ours", "lock: free", "umask: 0022", "selinux: none",
  ]);
});

const permission = { code: "permission", detail: "no", place: "/srv" };

it.each<readonly [string, string, Parameters<typeof find>[1], string, string]>([
  ["fault 24", "root", { examined: { writing: permission, place: "/srv" } }, "`deploy` may not write `/srv`", "as root: install -d -o deploy /srv/shop"],
  ["fault 24", "root", { examined: { writing: { ...permission, place: "/srv/shop/trees" } } }, "`deploy` may not write `/srv/shop/trees`", "as root: chown -R deploy /srv/shop/trees"],
  ["fault 25", "root", { examined: { root: { code: "host-unfit", detail: "`/srv/shop/versions/current` is not a link" } } }, "`/srv/shop/versions/current` is not a link", "choose another root, or move that away"],
  ["fault 22", "root", { examined: { writing: { code: "process-failed", detail: "EIO", place: "/srv" } } }, "EIO", "see what is wrong with that disk: dmesg | tail"],
  ["fault 27", "root", { examined: { noexec: true } }, "`/srv/shop` is mounted noexec, and programs are to run from it", "choose a root on another file system, or mount that one with exec"],
  ["fault 26", "links", { examined: { linking: { code: "host-unfit", detail: "not on one file system" } } }, "not on one file system", "one file system for the whole root: no mount below it"],
  ["fault 20", "room", { facts: { freeBytes: 1000 } }, "1.0 kB and 500000 inodes free", "make room there (caisson prune removes old releases)"],
  ["fault 21", "room", { facts: { freeInodes: 12 } }, "9.0 GB and 12 inodes free", "make room there (caisson prune removes old releases)"],
  ["fault 34", "platform", { facts: { libc: { family: "musl", version: "1.2" } }, wishes: { platform } }, "h1 has musl, but what is built for centos-7 needs another (glibc)", "build for a platform that it has (caisson.toml: platforms)"],
  ["fault 34", "platform", { facts: { arch: "aarch64" }, wishes: { platform } }, "h1 is aarch64, but what is built for centos-7 needs another (x86_64)", "build for a platform that it has (caisson.toml: platforms)"],
  ["fault 34", "platform", { facts: { python: "3.9.1", pythons: {} }, wishes: { platform } }, "centos-7 needs CPython 3.11, and h1 has 3.9", "install python3.11 on h1, or let releases bring one: caisson interpreter add FILE, and interpreter = \"tree:python-3.11\" under [platforms.NAME]"],
  ["fault 34", "python", { wishes: { platform, lacksInterpreter: { code: "interpreter-unfit", message: "there is no interpreter `python-3.11` in the store", hint: "bring one: caisson interpreter add FILE --name python-3.11" } } }, "there is no interpreter `python-3.11` in the store", "bring one: caisson interpreter add FILE --name python-3.11"],
  ["fault 35", "service", { examined: { sudo: [{ allowed: false, detail: "sudo: a password is required" }] }, wishes: { target: system, sudoers } }, "`deploy` may not start processes with sudo and without a password (sudo: a password is required)", "as root: run what `caisson units --to production` prints, which makes the units too; of it, for sudo:\ndeploy ALL=..."],
  ["row P12", "service", { examined: { manager: null }, wishes: { target: system, sudoers } }, "systemd does not run this host", 'service = "command" in caisson.toml, with a restart of your own'],
  ["row P12", "service", { wishes: { target: { name: "production", service: { kind: "systemd", scope: "user" } } } }, "what `deploy` starts ends when he logs out", "as root: loginctl enable-linger deploy"],
  ["row P12", "user", { examined: { wantedUser: false }, wishes: { target: { ...system, user: "shop" } } }, "there is no user `shop`", "as root: useradd --system --shell /usr/sbin/nologin shop"],
  ["row P12", "user", { examined: { wantedUser: true }, wishes: { target: { ...wishes.target, user: "shop" } } }, "`deploy` cannot start programs as `shop`", 'deploy as root, or as that user, or with service = "systemd"'],
  ["fault 36", "clock", { skew: -315_360_000 }, "315360000 s behind ours: certificates and tokens will fail", "as root: timedatectl set-ntp true"],
  ["fault 37", "lock", { examined: { lock: { by: "ann@desk", since: 1_700_000_000 } } }, "`ann@desk` changes this host since 2023-11-14 22:13:20 UTC", "wait until that has ended"],
])("%s: says of %s what is wrong, and what mends it", (_, what, over, says, mend) => {
  expect(find(what, over)).toEqual({ what, well: false, says, mend });
});

it.each<readonly [string, Parameters<typeof find>[1], string]>([
  ["root", { examined: { place: "/srv" } }, "/srv/shop can be made in /srv as deploy"],
  ["links", { examined: { exchange: false, filesystem: "nfs" } }, "nfs; no exchange of two links, so that going back needs a free inode"],
  ["room", { facts: { freeInodes: 0 } }, "9.0 GB free"],
  ["platform", { facts: { python: "3.9.1", pythons: {} }, wishes: { platform, bringsPython: "3.11.7" } }, "debian 12, x86_64, glibc 2.36: fits centos-7"],
  ["python", { facts: { pythons: { "3.11": "/srv/shop/.python.77/bin/python3.11" } }, wishes: { platform, bringsPython: "3.11.7" } }, "none of its own; releases bring 3.11.7"],
  ["python", { wishes: { platform, bringsPython: "3.11.7" } }, "3.11.2 (and 3.9)"],
  ["service", { examined: { sudo: [{ allowed: true }] }, wishes: { target: system, sudoers } }, "systemd 252, as deploy with sudo"],
  ["service", { facts: { privileges: "root" }, wishes: { target: system, sudoers } }, "systemd 252, as deploy"],
  ["service", { examined: { manager: { version: null, lingers: true } }, wishes: { target: { name: "production", service: { kind: "systemd", scope: "user" } } } }, "systemd of an unknown version, for deploy"],
  ["clock", { skew: 4 }, "4 s ahead"],
  ["selinux", { examined: { selinux: "enforcing" } }, "enforcing"],
  ["user", { examined: { wantedUser: true }, wishes: { target: { ...system, user: "shop" } } }, "processes run as shop"],
])("says of %s how it is where it is well: %j", (what, over, says) => {
  expect(find(what, over)).toEqual({ what, well: true, says });
});
