/** Where groups of hosts live on this machine: one numbered directory for each, which says whose it is. All checkouts share the numbers. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run, until } from "./commands.mjs";
import { mountPointsBelow } from "./mounts.mjs";
import { isRunning, signalAll } from "./processes.mjs";

const place = "/var/tmp/caisson-hosts";

/** Control groups of nspawn: on machines with the old and the new hierarchy it wants both. */
const hierarchies = ["/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"].filter((path) => existsSync(join(path, "cgroup.procs")));

/**
 * Take a free number, after a sweep; an owner is a process's word, or a name for hosts that stay until they are taken down.
 */
export async function claimNumber(owner) {
  mkdirSync(place, { recursive: true });
  await sweep();
  const made = mkdtempSync(join(place, "new-"));
  writeFileSync(join(made, "owner"), owner);
  for (let number = 1; number < 255; number++) {
    try {
      // Onto a directory that has something in it this fails: a number has one owner.
      renameSync(made, join(place, String(number)));
      return { number, directory: join(place, String(number)) };
    } catch {
      // Taken.
    }
  }
  rmSync(made, { recursive: true });
  throw new Error(`254 groups of hosts are up (${place})`);
}

/** Every group that is up, with its owner. */
export function readPlace() {
  const numbers = existsSync(place) ? readdirSync(place).filter((name) => /^\d+$/.test(name)) : [];
  return numbers.map((name) => ({ number: Number(name), directory: join(place, name), owner: readWord(join(place, name, "owner")) })).filter(({ owner }) => owner !== "");
}

/** Remove what owners left behind that are gone. */
export async function sweep() {
  for (const { number, owner } of readPlace()) {
    if (/^\d+-\d+/.test(owner) && !isRunning(owner)) await removeGroup(number);
  }
  const halves = existsSync(place) ? readdirSync(place).filter((name) => name.startsWith("gone-")) : [];
  for (const name of halves) rmSync(join(place, name), { recursive: true, force: true, maxRetries: 5 });
}

/** Take a group down: its processes, mounts, links, control groups and files, whatever of them there is. */
export async function removeGroup(number) {
  const directory = join(place, String(number));
  const words = existsSync(directory) ? readdirSync(directory).flatMap((host) => [readWord(join(directory, host, "leader")), readWord(join(directory, host, "net"))]).filter((word) => word !== "") : [];
  signalAll(words.filter(isRunning).map((word) => ({ pid: Number(word.split("-")[0]) })), "SIGKILL");
  await until(() => !words.some(isRunning), `the end of the processes of group ${number}`).catch(() => undefined);
  for (const mount of mountPointsBelow(directory)) await run(["umount", "-l", mount]).catch(() => undefined);
  for (const thing of [["link", "del", `cs${number}`], ["link", "del", `ci${number}`], ["route", "del", "unreachable", `198.19.${number}.0/24`]]) await run(["ip", ...thing]).catch(() => undefined);
  for (const hierarchy of hierarchies) removeControlGroup(join(hierarchy, `caisson-${number}`));
  const gone = join(place, `gone-${number}-${process.pid}`);
  try {
    renameSync(directory, gone);
  } catch {
    // Somebody else has swept it.
  }
  rmSync(gone, { recursive: true, force: true, maxRetries: 5 });
}

/** A control group of its own for one host, in every hierarchy: two nspawn in one group collide. @returns its directories */
export function makeControlGroup(number, name) {
  return hierarchies.map((hierarchy) => {
    const path = join(hierarchy, `caisson-${number}`, name);
    mkdirSync(path, { recursive: true });
    return path;
  });
}

function removeControlGroup(path) {
  if (!existsSync(path)) return;
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) removeControlGroup(join(path, entry.name));
  }
  try {
    rmdirSync(path);
  } catch {
    // A process of it is still going; the next owner of the number finds it empty.
  }
}

function readWord(path) {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}
