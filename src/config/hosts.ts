import { posix, resolve } from "node:path";
import { parseHostWord, rootTrouble, type HostAddress, type HostWord, type Mismatch } from "../model/index.ts";
import type { TargetConfig } from "./schema.ts";

type Report = (mismatch: Mismatch) => void;

/**
 * Hosts by the word that stands for each in the file. Their names are what people read in results:
 * `local`, or the word where there are several; of another machine its name, or its whole address where that is not the only one of that name.
 */
export function readHosts({ root, hosts = ["local"] }: TargetConfig, workspace: string, report: Report): ReadonlyMap<string, HostAddress> {
  const found = new Map<string, HostAddress>();
  if (hosts.length === 0) report({ at: ["hosts"], message: "there is no host in `hosts`" });
  if (root === undefined && hosts.some((word) => word === "local" || (!word.startsWith("local:") && parseHostWord(word)?.root === undefined))) report({ at: [], message: "`root` is missing", hint: "the directory that releases are put in" });
  const names = hosts.flatMap((word) => (namesThisMachine(word) ? [] : (parseHostWord(word)?.name ?? [])));
  for (const [index, word] of hosts.entries()) {
    const at = ["hosts", index];
    const host = namesThisMachine(word) ? readLocal(word, root, hosts.length, workspace, at, report) : readRemote(word, root, names, at, report);
    if (host === undefined) continue;
    if ([...found.values()].some((other) => other.address === host.address && other.root === host.root)) report({ at, message: `\`${word}\` is there twice` });
    found.set(word, host);
  }
  return found;
}

function namesThisMachine(word: string): boolean {
  return word === "local" || word.startsWith("local:");
}

function readLocal(word: string, root: string | undefined, count: number, workspace: string, at: Mismatch["at"], report: Report): HostAddress | undefined {
  const directory = word === "local" ? root : word.slice("local:".length);
  if (directory === "") report({ at, message: `\`${word}\` names no directory`, hint: HOST_HINT });
  if (directory === undefined || directory === "") return undefined;
  if (/^~(?:\/|$)/.test(directory)) report({ at: word === "local" ? ["root"] : at, message: `\`${directory}\` begins with \`~\`, which no shell reads here`, hint: "write the directory out" });
  return localHost(count === 1 ? "local" : word, resolve(workspace, directory));
}

function readRemote(word: string, root: string | undefined, names: readonly string[], at: Mismatch["at"], report: Report): HostAddress | undefined {
  const parsed = parseHostWord(word);
  if (parsed === undefined) report({ at, message: `\`${word}\` is no host`, hint: HOST_HINT });
  const directory = parsed?.root ?? root;
  if (parsed === undefined || directory === undefined) return undefined;
  const trouble = rootTrouble(directory);
  if (trouble !== undefined) report({ at: parsed.root === undefined ? ["root"] : at, message: `\`${directory}\` ${trouble}`, hint: "a directory on the hosts, from the top: /srv/shop" });
  return remoteHost(parsed, names.filter((name) => name === parsed.name).length > 1 ? word : parsed.name, directory);
}

const HOST_HINT = "user@host, ssh://user@host:port, `local`, or `local:` and a directory";

export function localHost(name: string, root: string): HostAddress {
  return { name, via: "local", address: "", root };
}

export function remoteHost({ address }: HostWord, name: string, root: string): HostAddress {
  return { name, via: "ssh", address, root: posix.normalize(root).replace(/(?<=.)\/$/, "") };
}
