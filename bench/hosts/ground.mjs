/** Ten hosts on this machine, each an sshd in a mount namespace of its own behind a line with delay, and an application in many versions to deploy to them. */
import { fork, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { findProgram, makeKey, makeSshFiles, sshEnvironment, writeKnownHosts, writeSshConfig } from "../../scripts/hosts/ssh-files.mjs";
import { must } from "../../scripts/needs.mjs";
import { changeLine, makeHundred } from "../ground.mjs";

/** Where everything that is deployed lies, as hosts see it. */
export const PLACE = "/srv/caisson-bench";

/** Start `count` hosts, h1 and so on. They end with `stop`. Needs root, for the mount namespaces. */
export async function startHosts(directory, count) {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  mkdirSync("/run/sshd", { recursive: true });
  mkdirSync(PLACE, { recursive: true });
  const files = makeSshFiles(directory);
  const names = Array.from({ length: count }, (_, at) => `h${at + 1}`);
  const keys = new Map(names.map((name) => [name, join(directory, `${name}.hostkey`)]));
  keys.forEach(makeKey);
  writeKnownHosts(files, keys);
  const hosts = [];
  for (const name of names) hosts.push(await startHost(name, directory, files, keys.get(name)));
  writeSshConfig(files, hosts.map(({ name, port }) => ({ name, user: "root", address: "127.0.0.1", port })));
  return {
    files,
    env: sshEnvironment(files),
    hosts,
    names,
    /** Milliseconds there and back. */
    delay: async (roundTrip) => void await Promise.all(hosts.map((host) => ask(host.control, { do: "set", state: { roundTrip } }))),
    /** What has gone over all lines so far. */
    traffic: async () => (await Promise.all(hosts.map((host) => ask(host.control, { do: "count" })))).reduce((sum, each) => ({ bytes: sum.bytes + each.toHost + each.fromHost, turns: Math.max(sum.turns, each.turns), connections: sum.connections + each.connections }), { bytes: 0, turns: 0, connections: 0 }),
    /** Everything that was deployed is gone. */
    clear: () => hosts.forEach(({ disk }) => spawnSync("sh", ["-c", `chmod -R u+w "${disk}" && rm -rf "${disk}"/*`])),
    stop: () => hosts.forEach(({ sshd, relay }) => {
      sshd.kill();
      relay.disconnect();
    }),
  };
}

async function startHost(name, directory, files, key) {
  const disk = join(directory, name);
  mkdirSync(disk);
  const port = await freePort();
  const config = join(directory, `${name}.sshd_config`);
  writeFileSync(config, [
    "ListenAddress 127.0.0.1", `Port ${port}`, `HostKey ${key}`, `AuthorizedKeysFile ${files.key}.pub`, "PidFile none", "StrictModes no", "UsePAM no", "PermitRootLogin prohibit-password",
    "PasswordAuthentication no", "Subsystem sftp internal-sftp", "PrintMotd no", "MaxStartups 100", `SetEnv LC_ALL=C.UTF-8 HOME=${directory} PATH=/usr/local/bin:/usr/bin:/bin`, "",
  ].join("\n"));
  const sshd = spawn("unshare", ["--mount", "sh", "-c", `mount --bind "$1" "$2" && exec "$3" -D -e -f "$4"`, "sh", disk, PLACE, findProgram("sshd"), config], { stdio: "ignore" });
  const control = join(directory, `${name}.line`);
  const relay = fork(join(import.meta.dirname, "../../test/support/line-relay.mjs"), ["127.0.0.1", String(port), control], { execArgv: [] });
  const [message] = await once(relay, "message");
  return { name, disk, sshd, relay, control, port: message.port };
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

async function ask(control, command) {
  const socket = createConnection(control);
  socket.write(JSON.stringify(command));
  return JSON.parse(await text(socket));
}

/** An application of 120 modules and 69 dependencies in versions that differ by one line; each is a stack for Caisson, and a directory of files for all others. */
export function makeApplication(ground, directory, env, names) {
  const locked = readFileSync(join(import.meta.dirname, "wheels.txt"), "utf8").trim().split("\n");
  const application = makeHundred({ ...ground, locked }, join(directory, "app"));
  writeFileSync(join(application, "caisson.toml"), `${readFileSync(join(application, "caisson.toml"), "utf8")}
${names.map((_, at) => `[targets.t${at + 1}]\nroot = "${PLACE}/caisson"\nhosts = [${names.slice(0, at + 1).map((name) => `"root@${name}"`).join(", ")}]\nrollout = { max_parallel = "100%", canary = 0 }\n`).join("\n")}`);
  const site = join(directory, "site");
  if (!existsSync(site)) {
    must([join(ground.peers, "pip"), "install", "--quiet", "--no-compile", "--no-index", "--no-deps", "--find-links", ground.wheels, "--target", join(site, "lib"), ...locked]);
    must([join(ground.peers, "pip"), "download", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--find-links", ground.wheels, "--dest", join(directory, "wheels"), ...locked]);
    cpSync(join(application, "src/hundred"), join(site, "lib/hundred"), { recursive: true });
  }
  let version = 0;
  return {
    application,
    env,
    site,
    wheels: join(directory, "wheels"),
    version: () => version,
    next: () => {
      version++;
      changeLine(application, "src/hundred/__init__.py");
      cpSync(join(application, "src/hundred/__init__.py"), join(site, "lib/hundred/__init__.py"));
      run(env, [...ground.caisson, "build", "--to-stack", `r${version}`, "--create"], application);
    },
  };
}

function run(env, [program, ...words], cwd) {
  const { status, stderr, stdout } = spawnSync(program, words, { cwd, env, encoding: "utf8" });
  if (status !== 0) throw new Error(`${words.join(" ")} ended with ${status}\n${stdout}${stderr}`);
}
