import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Make something once while several test processes want it: the first makes it, the others wait until it is there or the first is gone. */
export function once(lock: string, isThere: () => boolean, make: () => void): void {
  mkdirSync(dirname(lock), { recursive: true });
  while (!isThere()) {
    if (take(lock)) {
      try {
        if (!isThere()) make();
      } finally {
        rmSync(lock, { force: true });
      }
      return;
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
  }
}

function take(lock: string): boolean {
  try {
    writeFileSync(lock, String(process.pid), { flag: "wx" });
    return true;
  } catch {
    if (!isAlive(lock)) rmSync(lock, { force: true });
    return false;
  }
}

/** Whether the process that holds the lock runs; a lock that was just made and is still empty has an owner. */
function isAlive(lock: string): boolean {
  try {
    const owner = readFileSync(lock, "utf8");
    return owner === "" || process.kill(Number(owner), 0);
  } catch {
    return false;
  }
}
