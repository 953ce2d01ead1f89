import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, openSync, readFileSync, rmSync, writeFileSync, closeSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { descendants, signalAll } from "../../scripts/hosts/processes.mjs";
import { findProgram, makeKey, makeSshFiles, sshEnvironment, writeKnownHosts, writeSshConfig, type SshFiles } from "../../scripts/hosts/ssh-files.mjs";
import { countConnections, hostOf, routesOf, runOverSsh, type Host, type Hosts, type RestartOptions } from "./host.ts";
import { makeHostsDirectory, markVariable, removeHostsDirectory } from "./hosts-directory.ts";

/** Hosts of kind `sshd`: this machine, once per sshd, each on a high port of 127.0.0.1 with a host key, a home and a disk of its own. */
export async function startSshdHosts(names: readonly string[], sshd: readonly string[]): Promise<Hosts> {
  const files = makeSshFiles(makeHostsDirectory());
  const env = sshEnvironment(files);
  const keys = new Map(names.map((name) => [name, join(files.directory, `${name}.hostkey`)]));
  keys.forEach(makeKey);
  writeKnownHosts(files, keys);
  const parts = await Promise.all(names.map((name) => startSshdHost(name, files, env, sshd)));
  const ways = parts.map(({ host, port }) => ({ name: host.name, user: userInfo().username, address: "127.0.0.1", port }));
  writeSshConfig(files, ways);
  const all = parts.map(({ host }) => host);
  return { all, get: hostOf(all), env, files, ...routesOf(files, ways), [Symbol.asyncDispose]: async () => removeHostsDirectory(files.directory) };
}

/** What is missing for this kind. */
export function lackingSshd(): string | undefined {
  return findProgram("sshd") === undefined ? "needs sshd (Debian: openssh-server)" : undefined;
}

async function startSshdHost(name: string, files: SshFiles, env: Hosts["env"], first: readonly string[]): Promise<{ readonly host: Host; readonly port: number }> {
  // A space, so that nothing on a host relies on there being none.
  const disk = join(files.directory, `${name} disk`);
  for (const folder of ["home", "srv"]) mkdirSync(join(disk, folder), { recursive: true });
  const address = `${userInfo().username}@${name}`;
  const log = join(files.directory, `${name}.log`);
  let { port, pid } = await onFreePort((free) => startSshd(name, files, disk, free, first));
  const host: Host = {
    name,
    address,
    root: (root) => join(disk, "srv", root),
    outside: (path) => path,
    run: (command, { user = userInfo().username, input = "" } = {}) => runOverSsh(env, `${user}@${name}`, command, input),
    kill: async () => killSshd(pid),
    restart: async ({ sshd = first, newHostKey = false }: RestartOptions = {}) => {
      killSshd(pid);
      const key = join(files.directory, `${name}.hostkey`);
      if (newHostKey) {
        rmSync(key);
        makeKey(key);
      }
      pid = await startSshd(name, files, disk, port, sshd);
    },
    log: () => readLog(log),
    connections: () => countConnections(readLog(log)),
  };
  return { host, port };
}

/** Start sshd and wait until it listens. @returns its pid */
async function startSshd(name: string, files: SshFiles, disk: string, port: number, first: readonly string[]): Promise<number> {
  const config = join(files.directory, `${name}.sshd_config`);
  const log = join(files.directory, `${name}.log`);
  writeFileSync(config, `${[...first, ...sshdLines(name, files, disk, port)].join("\n")}\n`);
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  const before = readLog(log).length;
  const output = openSync(log, "a");
  // sshd runs itself again for every connection, so it wants to be called by its whole path.
  const child = spawn(findProgram("sshd") ?? "sshd", ["-D", "-e", "-f", config], { stdio: ["ignore", output, output], detached: true, env: { ...process.env, [markVariable]: files.directory } });
  closeSync(output);
  child.unref();
  child.on("error", () => undefined);
  for (let waited = 0; waited < 30_000; waited += 10) {
    if (readLog(log).slice(before).includes("Server listening on")) return child.pid ?? 0;
    if (child.exitCode !== null || child.pid === undefined) break;
    await wait(10);
  }
  throw new Error(`sshd of \`${name}\` does not start:\n${readLog(log).slice(before)}`);
}

/** sshd takes the first value of a word, so a test's lines go before these. */
function sshdLines(name: string, files: SshFiles, disk: string, port: number): readonly string[] {
  return [
    "ListenAddress 127.0.0.1", `Port ${port}`, `HostKey ${join(files.directory, `${name}.hostkey`)}`, `AuthorizedKeysFile ${files.key}.pub`, "PidFile none", "StrictModes no", "UsePAM no",
    "PermitRootLogin prohibit-password", "PasswordAuthentication no", "KbdInteractiveAuthentication no", "LogLevel VERBOSE", "Subsystem sftp internal-sftp", "PrintMotd no", "AcceptEnv LANG LC_*",
    `SetEnv ${markVariable}=${files.directory} HOME="${join(disk, "home")}"`,
  ];
}

/** sshd and its connections, but not what was started through them: that outlives a dead line on a real host as well. */
function killSshd(pid: number): void {
  signalAll([{ pid }], "SIGSTOP");
  const connections = descendants([pid]).filter((process) => process.name.startsWith("sshd"));
  signalAll([{ pid }, ...connections], "SIGKILL");
}

/** Another process may take the port between asking and using; then the next one. */
async function onFreePort(start: (port: number) => Promise<number>): Promise<{ readonly port: number; readonly pid: number }> {
  for (let attempt = 0; ; attempt++) {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    await new Promise((closed) => server.close(closed));
    try {
      return { port, pid: await start(port) };
    } catch (problem) {
      if (attempt === 4 || !String(problem).includes("Address already in use")) throw problem;
    }
  }
}

function readLog(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
