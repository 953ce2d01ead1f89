/** A group of hosts with an address each: kind `namespace` (a Debian without an init of its own) or `systemd` (the same, booted). */
import { accessSync, chownSync, constants, existsSync, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { boot, enter, halt, holdNetwork, killSshd, readSshLog, startSshd } from "./boot.mjs";
import { debianRoot } from "./debian-root.mjs";
import { connectHosts } from "./network.mjs";
import { makeOverlay, writeSshdConfig } from "./overlay.mjs";
import { claimNumber, removeGroup } from "./place.mjs";
import { findProgram, makeKey, makeSshFiles, writeKnownHosts, writeSshConfig } from "./ssh-files.mjs";
import { startWire } from "./wire.mjs";

/** What this machine lacks for hosts of this kind, or undefined. */
export function lackingForGroup(kind) {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "needs root";
  const programs = ["debootstrap", "ip", "unshare", "nsenter", "flock", "mount", ...kind === "systemd" ? ["systemd-nspawn"] : []].filter((name) => findProgram(name) === undefined);
  if (programs.length > 0) return `needs ${programs.join(" and ")} (Debian: debootstrap iproute2 util-linux systemd-container)`;
  if (!existsSync("/etc/debian_version")) return "needs a Debian mirror in /etc/apt";
  if (!/\toverlay$/m.test(readFileSync("/proc/filesystems", "utf8"))) return "needs a kernel with overlay (modprobe overlay)";
  // The upper directory of an overlay cannot lie on an overlay, which a container's disk often is.
  if (statfsSync("/var/tmp").type === 0x794c7630) return "needs a /var/tmp that is no overlay";
  // CAP_SYS_ADMIN is bit 21; a container's root often lacks it.
  const capabilities = BigInt(`0x${/^CapEff:\t(?<hex>.*)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.groups?.hex ?? "0"}`);
  if ((capabilities & (1n << 21n)) === 0n) return "needs a root that may mount";
  if (kind === "systemd" && !mayWrite("/sys/fs/cgroup/systemd") && !mayWrite("/sys/fs/cgroup")) return "needs /sys/fs/cgroup to write to";
  return undefined;
}

/**
 * Bring hosts up. `hosts` says by name what is special about one: `python` (false, or where another is), `behind: "h1"` (its bastion), `binds` (path on the host: path here), `sshd` (lines).
 * group.d.mts has the options and the group.
 */
export async function openGroup({ kind, names, owner, sshd = [], hosts: special = {}, wire: state, say }) {
  const base = await debianRoot(say);
  const { number, directory } = await claimNumber(owner);
  try {
    const files = makeSshFiles(makeDirectory(join(directory, "ssh")));
    const hosts = names.map((name, at) => describeHost({ kind, name, number, place: at + 1, directory: join(directory, name), sshd, bastion: Object.values(special).some(({ behind }) => behind === name), ...special[name] }));
    const addresses = new Map(hosts.map(({ name, address }) => [name, address]));
    const keys = new Map(names.map((name) => [name, join(files.directory, `${name}.hostkey`)]));
    keys.forEach(makeKey);
    writeKnownHosts(files, keys);
    const ways = hosts.map(({ name, address, behind }) => ({ name, user: "deploy", address, port: 22, ...behind !== undefined && { lines: [`ProxyJump ${behind}`] } }));
    writeSshConfig(files, ways);
    await Promise.all(hosts.map(async (host) => {
      await makeOverlay(host, base, { names, addresses, key: files.key, hostKey: keys.get(host.name) });
      giveSrv(host);
      host.net = await holdNetwork(host.directory);
    }));
    const wire = state && await startWire({ number, directory, hosts: hosts.filter(({ behind }) => behind === undefined), state });
    await connectHosts(number, hosts, state !== undefined);
    await Promise.all(hosts.map(boot));
    writeFileSync(join(directory, "group.json"), `${JSON.stringify({ number, owner, kind, hosts: hosts.map(({ name, address, root, leader }) => ({ name, address, root, leader })), files }, undefined, 1)}\n`);
    return { number, files, ways, wire, hosts: hosts.map((host) => openedHost(host, files)), close: () => removeGroup(number) };
  } catch (problem) {
    await removeGroup(number);
    throw problem;
  }
}

function describeHost(host) {
  const address = `198.${host.behind === undefined ? 18 : 19}.${host.number}.${host.place}`;
  return { python: true, bastion: false, ...host, address, root: join(host.directory, "root"), binds: { "/srv": join(host.directory, "srv"), ...typeof host.python === "string" && { [host.python]: host.python }, ...host.binds } };
}

/** deploy owns /srv of every host. */
function giveSrv({ binds, root }) {
  const [, uid, gid] = /^deploy:[^:]*:(\d+):(\d+):/m.exec(readFileSync(join(root, "etc/passwd"), "utf8")) ?? [];
  mkdirSync(binds["/srv"], { recursive: true });
  chownSync(binds["/srv"], Number(uid), Number(gid));
}

function openedHost(host, files) {
  const { name, address, root, directory } = host;
  const hostKey = join(files.directory, `${name}.hostkey`);
  return {
    name, address, root, directory,
    srv: host.binds["/srv"],
    leader: () => host.leader,
    log: () => readSshLog(host),
    enter: (words, options) => enter(host, words, options),
    kill: async () => killSshd(host),
    restart: async ({ sshd = host.sshd, newHostKey = false } = {}) => {
      killSshd(host);
      writeSshdConfig(root, host.kind, sshd);
      if (newHostKey) {
        rmSync(hostKey);
        makeKey(hostKey);
        writeFileSync(join(root, "etc/caisson-test/hostkey"), readFileSync(hostKey), { mode: 0o600 });
      }
      await startSshd(host);
    },
    halt: () => halt(host),
    boot: () => boot(host),
  };
}

function makeDirectory(path) {
  mkdirSync(path, { recursive: true });
  return path;
}

function mayWrite(path) {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
