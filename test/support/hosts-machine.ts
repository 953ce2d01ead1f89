import { openGroup, type GroupHost, type GroupOptions, type Wire } from "../../scripts/hosts/group.mjs";
import { processWord } from "../../scripts/hosts/processes.mjs";
import { sshEnvironment } from "../../scripts/hosts/ssh-files.mjs";
import { countConnections, hostOf, routesOf, runOverSsh, type Host, type Hosts } from "./host.ts";

/** A host with a Debian, an address and processes of its own. */
export interface Machine extends Host {
  /** Run a program as root, not over ssh; what it wrote to stdout. Fails when it fails. */
  readonly enter: (words: readonly string[], options?: { readonly input?: string }) => Promise<string>;
  /** Its first process as seen from here: `/proc/<leader>/root` is all of its file systems. */
  readonly leader: () => number;
  /** The power fails: its links go silent and every process ends at once. What lies on its disk stays. */
  readonly halt: () => Promise<void>;
  /** The power is back: it starts as a machine does, with what lies on its disk. */
  readonly boot: () => Promise<void>;
}

/** Hosts of kind `namespace` or `systemd`. */
export interface Machines extends Hosts<Machine> {
  /** Where it was asked for: delay, rate and loss as TCP itself meets them, and counts of what was sent. */
  readonly wire: Wire | undefined;
}

export async function startMachines(options: Omit<GroupOptions, "owner" | "say">): Promise<Machines> {
  const group = await openGroup({ ...options, owner: processWord(), say: (line) => process.stderr.write(`${line}\n`) });
  const env = sshEnvironment(group.files);
  const all = group.hosts.map((host) => asMachine(host, env));
  return { all, get: hostOf(all), env, wire: group.wire, files: group.files, ...routesOf(group.files, group.ways), [Symbol.asyncDispose]: group.close };
}

function asMachine(host: GroupHost, env: Hosts["env"]): Machine {
  const { name, enter, leader, halt, boot, kill, restart, log } = host;
  const address = `deploy@${name}`;
  return {
    name, address, enter, leader, halt, boot, kill, restart, log,
    root: (root) => `/srv/${root}`,
    outside: (path) => (path === "/srv" || path.startsWith("/srv/") ? `${host.srv}${path.slice("/srv".length)}` : `${host.root}${path}`),
    run: (command, { user = "deploy", input = "" } = {}) => runOverSsh(env, `${user}@${name}`, command, input),
    connections: () => countConnections(log()),
  };
}
