/**
 * Small real disks: ext4 on a loop device, mounted here, for what only a file system of one's own can do.
 *
 *     await using disk = await mountDisk({ megabytes: 32, inodes: 64 });
 *     await using hosts = await startHosts({ kind: "namespace", hosts: { h1: { binds: { "/srv": disk.path } } } });
 *     await disk.fill();           // not a byte left: ENOSPC
 *     await disk.fillInodes();     // not a file more
 *
 * As a host's /srv it is deploy's. For hosts of kind `sshd`, and for `local:`, a directory in `disk.path` is a root as well. Needs root: `lackingDisks()`. Costs 0.1 s.
 */
import { execFileSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, rmSync, statfsSync, statSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { basename, join } from "node:path";
import { findProgram } from "../../scripts/hosts/ssh-files.mjs";
import { makeHostsDirectory, removeHostsDirectory } from "./hosts-directory.ts";
import { runToEnd } from "./host.ts";

export interface Disk extends AsyncDisposable {
  /** Where it is mounted. */
  readonly path: string;
  /** The file that is its blocks. */
  readonly image: string;
  /** Fill it until that many bytes are left, 0 unless said otherwise, to the block. */
  readonly fill: (left?: number) => Promise<void>;
  /** Make empty files until that many inodes are left. */
  readonly fillInodes: (left?: number) => Promise<void>;
  /** Give back what filling took. */
  readonly release: () => Promise<void>;
  /** Remount it, also under processes that have files open: EROFS from then on. A file that is open for writing makes this fail; `breakDown` does not ask. */
  readonly readOnly: (on: boolean) => Promise<void>;
  /** The kernel finds it broken and goes read-only by itself, as with a dying disk. There is no way back. */
  readonly breakDown: () => Promise<void>;
  /** What a power cut right now would leave: the blocks that have reached the disk, mounted as a disk of its own, its journal replayed. */
  readonly afterPowerCut: () => Promise<Disk>;
}

/** What is missing for disks, as a sentence. */
export function lackingDisks(): string | undefined {
  if (process.getuid?.() !== 0) return "needs root";
  if (findProgram("mkfs.ext4") === undefined) return "needs mkfs.ext4 (Debian: e2fsprogs)";
  return existsSync("/dev/loop-control") ? undefined : "needs loop devices (/dev/loop-control)";
}

export async function mountDisk(options: { readonly megabytes?: number; readonly inodes?: number } = {}): Promise<Disk> {
  const { megabytes = 32, inodes } = options;
  const directory = makeHostsDirectory();
  const image = join(directory, "image");
  writeFileSync(image, "");
  truncateSync(image, megabytes * 1024 * 1024);
  // Without -m 0 root writes into the reserve of a full disk.
  await must(["mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", ...inodes === undefined ? [] : ["-N", String(inodes)], image]);
  return mountImage(directory, image);
}

/** A copy of a disk's blocks as a disk, the file moved to it. */
export async function mountCopy(copy: string): Promise<Disk> {
  const directory = makeHostsDirectory();
  await must(["mv", copy, join(directory, "image")]);
  return mountImage(directory, join(directory, "image"));
}

async function mountImage(directory: string, image: string): Promise<Disk> {
  const path = join(directory, "mounted disk");
  mkdirSync(path);
  // The loop device goes when its last mount goes.
  await must(["mount", "-o", "loop,errors=remount-ro", image, path]);
  rmSync(join(path, "lost+found"), { recursive: true, force: true });
  const device = execFileSync("findmnt", ["--noheadings", "--output", "SOURCE", "--mountpoint", path], { encoding: "utf8" }).trim();
  const filler = join(path, ".filler");
  return {
    path,
    image,
    fill: async (left = 0) => {
      // Twice: what is written late frees or takes blocks of its own.
      for (let round = 0; round < 2; round++) {
        writeUntilFull(`${filler}-bytes-${round}`);
        await must(["sync", "-f", path]);
      }
      if (left > 0) truncateSync(`${filler}-bytes-0`, Math.max(0, statSync(`${filler}-bytes-0`).size - left));
      await must(["sync", "-f", path]);
    },
    fillInodes: async (left = 0) => {
      mkdirSync(`${filler}-inodes`, { recursive: true });
      for (let at = 0; statfsSync(path).ffree > left; at++) writeFileSync(join(`${filler}-inodes`, String(at)), "");
    },
    release: async () => {
      for (const name of ["bytes-0", "bytes-1", "inodes"]) rmSync(`${filler}-${name}`, { recursive: true, force: true });
      await must(["sync", "-f", path]);
    },
    readOnly: (on) => must(["mount", "-o", `remount,${on ? "ro" : "rw"}`, path]),
    breakDown: async () => writeFileSync(`/sys/fs/ext4/${basename(device)}/trigger_fs_error`, "1"),
    afterPowerCut: async () => {
      const copy = join(directory, "copy");
      await must(["cp", "--sparse=always", image, copy]);
      return mountCopy(copy);
    },
    [Symbol.asyncDispose]: async () => removeHostsDirectory(directory),
  };
}

function writeUntilFull(path: string): void {
  const file = openSync(path, "a");
  for (let size = 1 << 20; size > 0; size >>= 1) {
    try {
      for (;;) writeSync(file, Buffer.alloc(size, 1));
    } catch (problem) {
      if (!String(problem).includes("ENOSPC")) throw problem;
    }
  }
  closeSync(file);
}

async function must(words: readonly string[]): Promise<void> {
  const { status, stderr } = await runToEnd([findProgram(words[0] ?? "") ?? "", ...words.slice(1)]);
  if (status !== 0) throw new Error(`${words.join(" ")}: ${stderr}`);
}
