/**
 * Real hosts on this machine, by hand: Debians with an address, an sshd and, if wanted, a real systemd. Needs root; see CONTRIBUTING.md.
 *
 *   node scripts/hosts.mjs up [N] [--systemd] [--name NAME]     N hosts (1), h1, h2, ...; they stay until `down`
 *   node scripts/hosts.mjs prepare                              make the Debian under them, where there can be hosts; the first `up` or test would
 *   node scripts/hosts.mjs list                                 every group that is up, those of running tests too
 *   node scripts/hosts.mjs shell HOST [COMMAND...] [--user USER] [--name NAME]
 *   node scripts/hosts.mjs down [--name NAME]
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { debianRoot } from "./hosts/debian-root.mjs";
import { lackingForGroup, openGroup } from "./hosts/group.mjs";
import { readPlace, removeGroup } from "./hosts/place.mjs";
import { installPackages } from "./packages.mjs";

const usage = "usage: node scripts/hosts.mjs up [N] [--systemd] | prepare | list | shell HOST [--user USER] [-- COMMAND...] | down   [--name NAME]";
const { verb, words, name, user, systemd } = readWords();

const verbs = {
  up: async () => {
    const kind = systemd ? "systemd" : "namespace";
    if (lackingForGroup(kind) !== undefined) installPackages();
    const lacking = lackingForGroup(kind);
    if (lacking !== undefined) stop(`hosts of kind ${kind}: ${lacking}`);
    if (find() !== undefined) stop(`\`${name}\` is up`, `node scripts/hosts.mjs down --name ${name}`);
    const count = Number(words[0] ?? "1");
    if (!Number.isInteger(count) || count < 1 || count > 250) stop(`\`${words[0]}\` is not a number of hosts from 1 to 250`);
    const { files, hosts } = await openGroup({ kind, names: Array.from({ length: count }, (_, at) => `h${at + 1}`), owner: name, say: console.error });
    for (const host of hosts) console.log(`${host.name}  ${host.address}  ${host.root}`);
    console.error(`reach them (users root, deploy): PATH=${files.bin}:$PATH ssh deploy@h1`);
  },
  prepare: async () => {
    if (lackingForGroup("namespace") !== undefined) installPackages();
    if (lackingForGroup("namespace") === undefined) await debianRoot(console.error);
  },
  list: async () => {
    for (const { number, owner, directory } of readPlace()) console.log(`${number}  ${owner}  ${readGroup(directory)?.hosts.map((host) => `${host.name}=${host.address}`).join(" ") ?? "coming up"}`);
  },
  shell: async () => {
    const files = readGroup(need().directory)?.files;
    if (files === undefined || words[0] === undefined) stop(usage);
    process.exitCode = spawnSync(join(files.bin, "ssh"), ["-o", "LogLevel=ERROR", `${user}@${words[0]}`, ...words.slice(1)], { stdio: "inherit" }).status ?? 1;
  },
  down: async () => removeGroup(need().number),
};
await (verbs[verb] ?? (() => stop(usage)))();

function readWords() {
  try {
    const { positionals, values } = parseArgs({ allowPositionals: true, options: { name: { type: "string", default: "hand" }, user: { type: "string", default: "deploy" }, systemd: { type: "boolean", default: false } } });
    if (!/^[a-z][a-z0-9-]*$/.test(values.name)) stop(`\`${values.name}\` is not a name: small letters, digits and dashes`);
    return { verb: positionals[0] ?? "", words: positionals.slice(1), ...values };
  } catch (problem) {
    return stop(`${problem.message.split(". ")[0]}`, usage);
  }
}

function find() {
  return readPlace().find(({ owner }) => owner === name);
}

function need() {
  return find() ?? stop(`no hosts named \`${name}\` are up`, "node scripts/hosts.mjs up 3");
}

function readGroup(directory) {
  try {
    return JSON.parse(readFileSync(join(directory, "group.json"), "utf8"));
  } catch {
    return undefined;
  }
}

function stop(message, hint) {
  console.error(message.startsWith("usage:") ? message : `error: ${message}`);
  if (hint !== undefined) console.error(`hint: ${hint}`);
  process.exit(2);
}
