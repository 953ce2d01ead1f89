import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { HostsFiles } from "./host.ts";

/** How ssh finds one host. */
export interface Way {
  readonly name: string;
  readonly user: string;
  /** An address, and a port of it. */
  readonly address: string;
  readonly port: number;
  /** Further lines of ssh_config for this host: `ProxyJump h1`. */
  readonly lines?: readonly string[];
}

/** Keys, and a directory of wrappers that go first on PATH. */
export function makeSshFiles(directory: string): HostsFiles {
  const files = { directory, config: join(directory, "ssh_config"), knownHosts: join(directory, "known_hosts"), key: join(directory, "key") };
  makeKey(files.key);
  mkdirSync(join(directory, "bin"));
  for (const program of ["ssh", "scp", "sftp"]) {
    writeFileSync(join(directory, "bin", program), `#!/bin/sh\nexec '${findProgram(program)}' -F '${files.config}' "$@"\n`, { mode: 0o755 });
  }
  return files;
}

/** The wrapper first on PATH. An agent of the user's own has no say. */
export function sshEnvironment(files: HostsFiles): Readonly<Record<string, string>> {
  const kept = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[0] !== "SSH_AUTH_SOCK");
  return { ...Object.fromEntries(kept), PATH: `${join(files.directory, "bin")}${delimiter}${process.env["PATH"] ?? ""}` };
}

/** The name is what known_hosts goes by, whatever address and port lie behind it. */
export function writeSshConfig(files: HostsFiles, ways: readonly Way[]): void {
  const blocks = ways.map(({ name, user, address, port, lines = [] }) => [`Host ${name}`, `HostName ${address}`, `Port ${port}`, `User ${user}`, `HostKeyAlias ${name}`, ...lines].join("\n  "));
  const rest = ["Host *", `IdentityFile ${files.key}`, "IdentitiesOnly yes", `UserKnownHostsFile ${files.knownHosts}`, "GlobalKnownHostsFile /dev/null", "PreferredAuthentications publickey"].join("\n  ");
  writeFileSync(files.config, `${[...blocks, rest].join("\n\n")}\n`);
}

/** One line of known_hosts for each host, from the public halves of their keys. */
export function writeKnownHosts(files: HostsFiles, keys: ReadonlyMap<string, string>): void {
  writeFileSync(files.knownHosts, [...keys].map(([name, key]) => `${name} ${readFileSync(`${key}.pub`, "utf8").split(" ").slice(0, 2).join(" ")}\n`).join(""));
}

/** An Ed25519 key without a passphrase; its public half is at `<path>.pub`. */
export function makeKey(path: string): void {
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "caisson-test", "-f", path]);
}

/** Where a program is: sbin is not on everyone's PATH. */
export function findProgram(name: string): string {
  return findPrograms(name)[0] ?? name;
}

export function findPrograms(name: string): readonly string[] {
  const answer = execFileSync("sh", ["-c", `PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"; command -v -- "$1" || :`, "sh", name], { encoding: "utf8" });
  return answer.split("\n").filter((line) => line !== "");
}
