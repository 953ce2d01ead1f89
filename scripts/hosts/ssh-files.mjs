/** What ssh needs to reach hosts: a key, a configuration, known_hosts, and wrappers that go first on PATH. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Keys, and a directory of wrappers. */
export function makeSshFiles(directory) {
  const files = { directory, config: join(directory, "ssh_config"), knownHosts: join(directory, "known_hosts"), key: join(directory, "key"), bin: join(directory, "bin") };
  makeKey(files.key);
  mkdirSync(files.bin);
  for (const program of ["ssh", "scp", "sftp"]) {
    writeFileSync(join(files.bin, program), `#!/bin/sh\nexec '${findProgram(program)}' -F '${files.config}' "$@"\n`, { mode: 0o755 });
  }
  return files;
}

/** The wrappers first on PATH. An agent of the user's own has no say. */
export function sshEnvironment(files) {
  const { SSH_AUTH_SOCK: _, ...kept } = process.env;
  return { ...kept, PATH: `${files.bin}${delimiter}${process.env.PATH ?? ""}` };
}

/** The name is what known_hosts goes by, whatever address and port lie behind it. */
export function writeSshConfig(files, ways) {
  const blocks = ways.map(({ name, user, address, port, lines = [] }) => [`Host ${name}`, `HostName ${address}`, `Port ${port}`, `User ${user}`, `HostKeyAlias ${name}`, ...lines].join("\n  "));
  const rest = ["Host *", `IdentityFile ${files.key}`, "IdentitiesOnly yes", `UserKnownHostsFile ${files.knownHosts}`, "GlobalKnownHostsFile /dev/null", "PreferredAuthentications publickey"].join("\n  ");
  writeFileSync(files.config, `${[...blocks, rest].join("\n\n")}\n`);
}

/** One line of known_hosts for each name, from the public halves of their keys. */
export function writeKnownHosts(files, keys) {
  writeFileSync(files.knownHosts, [...keys].map(([name, key]) => `${name} ${readFileSync(`${key}.pub`, "utf8").split(" ").slice(0, 2).join(" ")}\n`).join(""));
}

/** An Ed25519 key without a passphrase; its public half is at `<path>.pub`. */
export function makeKey(path) {
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "caisson-test", "-f", path]);
}

/** Where a program is, or undefined: sbin is not on everyone's PATH. */
export function findProgram(name) {
  const answer = execFileSync("sh", ["-c", `PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"; command -v -- "$1" || :`, "sh", name], { encoding: "utf8" });
  return answer.split("\n").find((line) => line !== "");
}
