import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { mountPointsBelow } from "../../scripts/hosts/mounts.mjs";
import { isRunning, processesWith, processWord, signalAll } from "../../scripts/hosts/processes.mjs";

/** Every process of a host carries this variable with the directory of its hosts, so that it is found wherever it went. */
export const markVariable = "CAISSON_TEST_HOSTS";

/** One place for all checkouts of a user; no space in it, because some of sshd's words cannot hold one. */
const place = join(tmpdir(), `caisson-hosts-${userInfo().uid}`);
const open = new Set<string>();
let watched = false;

/**
 * A directory for hosts, named after this process: `<pid>-<started>-<random>`.
 * Sweeps first what processes left behind that are gone.
 */
export function makeHostsDirectory(): string {
  mkdirSync(place, { recursive: true, mode: 0o755 });
  for (const name of readdirSync(place)) {
    if (!isRunning(name)) removeHostsDirectory(join(place, name));
  }
  if (!watched) process.on("exit", () => open.forEach(removeHostsDirectory));
  watched = true;
  const directory = mkdtempSync(join(place, `${processWord()}-`));
  open.add(directory);
  return directory;
}

/** End everything that was started for these hosts, and remove their files. */
export function removeHostsDirectory(directory: string): void {
  // Twice: one may be born while the others are being found.
  for (let round = 0; round < 2; round++) signalAll(processesWith(`${markVariable}=${directory}`), "SIGKILL");
  // What is on a disk that is mounted here goes with the disk, not before.
  for (const point of mountPointsBelow(directory)) execFileSync("umount", ["-l", point], { stdio: "ignore" });
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  open.delete(directory);
}
