import { once } from "node:events";
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import type { SshFiles, Way } from "../../scripts/hosts/ssh-files.mjs";

/** What a command on a host came to. */
export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A real host: it answers ssh, and dies when told to. */
export interface Host {
  /** `h1` */
  readonly name: string;
  /** What goes to ssh as destination: `deploy@h1`. Only the wrapper's configuration knows what h1 is. */
  readonly address: string;
  /** A path on the host for a target's root of this name. Its parent is there and belongs to the address's user; it is not. */
  readonly root: (name: string) => string;
  /** Where a path of the host lies as seen from here, for looking without ssh. */
  readonly outside: (path: string) => string;
  /** Run a shell command on the host over ssh, as the address's user unless another is named. */
  readonly run: (command: string, options?: { readonly input?: string | Buffer; readonly user?: string }) => Promise<Outcome>;
  /** End sshd and every connection at once, without a word of ssh's to the other side; what runs on the host sees the end of its input. */
  readonly kill: () => Promise<void>;
  /** Start sshd again, with these lines of sshd_config instead of the ones before, and with another host key when that is asked for. */
  readonly restart: (options?: RestartOptions) => Promise<void>;
  /** What sshd has logged so far, at LogLevel VERBOSE. */
  readonly log: () => string;
  /** How many connections sshd has seen so far, the refused ones too. */
  readonly connections: () => number;
}

export interface RestartOptions {
  readonly sshd?: readonly string[];
  readonly newHostKey?: boolean;
}

/** Some hosts, and what a command needs to reach them. */
export interface Hosts<Kind extends Host = Host> extends AsyncDisposable {
  readonly all: readonly Kind[];
  /** The host of this name. */
  readonly get: (name: string) => Kind;
  /** This process's environment with the wrapper first on PATH. */
  readonly env: Readonly<Record<string, string>>;
  readonly files: SshFiles;
  /** How ssh reaches a host without any line in between. Not for one behind a bastion. */
  readonly way: (name: string) => Way;
  /** Send ssh another way from now on; without one, the direct way again. */
  readonly reroute: (name: string, to?: { readonly address: string; readonly port: number }) => void;
}

/** Run a program to its end and collect what it says. */
export async function runToEnd([program = "", ...words]: readonly string[], options: { readonly env?: Readonly<Record<string, string>>; readonly input?: string | Buffer } = {}): Promise<Outcome> {
  const child = spawn(program, words, { stdio: ["pipe", "pipe", "pipe"], ...options.env && { env: options.env } });
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input ?? "");
  const [[status], stdout, stderr] = await Promise.all([once(child, "close") as Promise<[number | null]>, text(child.stdout), text(child.stderr)]);
  return { status, stdout, stderr };
}

/** By the wrapper that comes first on this PATH. */
export function runOverSsh(env: Hosts["env"], address: string, command: string, input: string | Buffer = ""): Promise<Outcome> {
  return runToEnd(["ssh", "-T", "-o", "BatchMode=yes", "--", address, command], { env, input });
}

/** How many connections a log of sshd tells of, the refused ones too. */
export function countConnections(log: string): number {
  return log.split("\n").filter((line) => line.includes("Connection from ")).length;
}

/** Ways to hosts, written already, and what changes them; lines that a test has added stay. */
export function routesOf(files: SshFiles, ways: readonly Way[]): Pick<Hosts, "way" | "reroute"> {
  const find = (name: string): Way => {
    const found = ways.find((way) => way.name === name);
    if (found === undefined || found.lines !== undefined) throw new Error(`there is no direct way to \`${name}\``);
    return found;
  };
  return {
    way: find,
    reroute: (name, to = find(name)) => {
      const config = readFileSync(files.config, "utf8");
      writeFileSync(files.config, config.replace(new RegExp(`^Host ${name}\\n  HostName .*\\n  Port .*$`, "m"), `Host ${name}\n  HostName ${to.address}\n  Port ${to.port}`));
    },
  };
}

/** The host of this name among these. */
export function hostOf<Kind extends Host>(all: readonly Kind[]): (name: string) => Kind {
  return (name) => {
    const found = all.find((host) => host.name === name);
    if (found === undefined) throw new Error(`there is no host \`${name}\` among ${all.map((host) => host.name).join(", ")}`);
    return found;
  };
}
