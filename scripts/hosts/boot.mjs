/** One host as processes: booted, with an sshd, halted. */
import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run, until } from "./commands.mjs";
import { switchLinks } from "./network.mjs";
import { makeControlGroup } from "./place.mjs";
import { descendants, isRunning, processesBeside, processWord, signalAll } from "./processes.mjs";

const environment = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8" };

/** A process that holds the host's network namespace, which outlives the host's reboots. @returns its pid */
export async function holdNetwork(directory) {
  const child = startApart(["unshare", "--net", "--", "sleep", "infinity"], join(directory, "boot.log"));
  await until(() => (readFileSync(`/proc/${child.pid}/comm`, "latin1") === "sleep\n"), "a network namespace");
  writeFileSync(join(directory, "net"), processWord(child.pid));
  return child.pid;
}

/** Start the host's first process, and sshd. */
export async function boot(host) {
  const { directory, kind } = host;
  await switchLinks(host.net, "up");
  const before = readSshLog(host).length;
  const child = startApart(kind === "systemd" ? nspawnWords(host) : namespaceWords(host), join(directory, "boot.log"));
  const first = kind === "systemd" ? "systemd" : "perl";
  const find = () => {
    if (!isRunning(processWord(child.pid)) || child.exitCode !== null) throw new Error(`host \`${host.name}\` does not boot:\n${readFileSync(join(directory, "boot.log"), "utf8")}`);
    return descendants([child.pid]).find(({ name, pid }) => name === first && /^NSpid:.*\t1$/m.test(readFileSync(`/proc/${pid}/status`, "latin1")));
  };
  const { pid } = await until(find, `the first process of \`${host.name}\``);
  host.leader = pid;
  host.word = processWord(pid);
  writeFileSync(join(directory, "leader"), host.word);
  host.starter = processWord(child.pid);
  // systemd brings its sshd up by itself.
  if (kind === "systemd") await listening(host, before, 60);
  else await startSshd(host);
}

/** The power fails: nothing is said to anybody, what was not synced may be lost by the programs' own view only, the disk is this machine's. */
export async function halt(host) {
  await switchLinks(host.net, "down");
  signalAll([{ pid: host.leader }], "SIGKILL");
  // What started it (nspawn holds a lock on the directory) ends after it.
  await until(() => !isRunning(host.starter), `the end of \`${host.name}\``);
}

/** Run a program on the host as root, from outside. */
export async function enter(host, words, options = {}) {
  // The number of a process that is gone may be another's, and this is root.
  if (!isRunning(host.word)) throw new Error(`host \`${host.name}\` is not running`);
  return run(["nsenter", `--target=${host.leader}`, "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--", ...words], { ...options, env: environment });
}

export async function startSshd(host) {
  const before = readSshLog(host).length;
  if (host.kind === "systemd") await enter(host, ["systemctl", "restart", "caisson-test-sshd"]);
  else await enter(host, ["/usr/sbin/sshd", "-f", "/etc/caisson-test/sshd_config", "-E", "/var/log/sshd.log"]);
  await listening(host, before, 30);
}

/** sshd and its connections, but not what was started through them. */
export function killSshd(host) {
  const found = () => (isRunning(host.word) ? processesBeside(host.leader) : []).filter(({ name }) => name.startsWith("sshd"));
  signalAll(found(), "SIGSTOP");
  signalAll(found(), "SIGKILL");
}

export function readSshLog({ root }) {
  const path = join(root, "var/log/sshd.log");
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

function listening(host, before, seconds) {
  return until(() => readSshLog(host).slice(before).includes("Server listening on"), `sshd of \`${host.name}\` (see ${join(host.directory, "boot.log")})`, seconds);
}

function namespaceWords({ net, root, name, binds }) {
  return ["nsenter", `--net=/proc/${net}/ns/net`, "unshare", "--pid", "--mount", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child", "--", "/bin/sh", join(import.meta.dirname, "namespace-init.sh"), root, name, ...Object.entries(binds).flatMap(([to, from]) => [from, to])];
}

/** Not from within `ip netns exec`, whose fresh /sys hides the control groups. */
function nspawnWords({ number, net, root, name, binds }) {
  const groups = makeControlGroup(number, name);
  const nspawn = ["systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", `--directory=${root}`, `--machine=${name}`, `--network-namespace-path=/proc/${net}/ns/net`, "--link-journal=no", "--resolv-conf=off", "--timezone=off", "--console=pipe", ...Object.entries(binds).map(([to, from]) => `--bind=${from}:${to}`)];
  return ["/bin/sh", "-c", 'while [ "$1" != -- ]; do echo $$ > "$1/cgroup.procs"; shift; done; shift; exec "$@"', "sh", ...groups, "--", ...nspawn];
}

/** A process that outlives ours; what it says goes to a file. */
function startApart([program, ...words], log) {
  const output = openSync(log, "a");
  const child = spawn(program, words, { stdio: ["ignore", output, output], detached: true, env: { ...environment, SYSTEMD_LOG_LEVEL: "warning" } });
  closeSync(output);
  child.unref();
  child.on("error", () => undefined);
  return child;
}
