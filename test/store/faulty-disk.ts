import { chmodSync, fstatSync, lstatSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import promises, { type FileHandle } from "node:fs/promises";
import { once } from "node:events";
import { syncBuiltinESMExports } from "node:module";
import { dirname, join } from "node:path";

/** What becomes of the n-th change that is asked of the disk, counted from 1. */
export type Fate = (call: number, what: string) => "done" | "never" | Error;

/** What a power cut now would lose: bytes and names that nobody synced. */
export interface UnsyncedDisk {
  readonly calls: number;
  /** Cut the power: each thing that is not safe is lost where `loses` says so. */
  cutPower(loses: () => boolean): void;
}

type Call = (...words: readonly unknown[]) => Promise<unknown>;

/**
 * Do some work on a disk that fails as `fate` says, and remembers what was synced.
 * A call that is "never" done never ends, nor does any after it: the process is dead from there on, and `work` is not waited for.
 * `lies`: the disk says that it synced, and did not.
 */
export async function onFaultyDisk(root: string, fate: Fate, work: () => Promise<void>, lies = false): Promise<UnsyncedDisk & { readonly died: boolean; readonly error: unknown }> {
  const names = new Set<string>();
  const files = new Map<number, "dirty" | "safe">();
  const opened: FileHandle[] = [];
  let calls = 0;
  const begun = new Set<Promise<unknown>>();
  const death = new AbortController();

  const change = async (what: string, act: () => Promise<unknown>): Promise<unknown> => {
    const outcome = death.signal.aborted ? "never" : fate(++calls, what);
    if (outcome instanceof Error) throw outcome;
    if (outcome === "done") return await begin(act());
    death.abort();
    return await new Promise(() => undefined);
  };

  const begin = async (act: Promise<unknown>): Promise<unknown> => {
    begun.add(act);
    return await act.finally(() => begun.delete(act));
  };

  const before = { open: promises.open, rename: promises.rename, link: promises.link, unlink: promises.unlink, mkdir: promises.mkdir, copyFile: promises.copyFile } as unknown as Record<string, Call>;
  const call = (name: string, ...words: readonly unknown[]): Promise<unknown> => (before[name] as Call)(...words);
  const patched: Record<string, Call> = {
    open: async (path, flags, mode) => {
      const open = async (): Promise<FileHandle> => {
        const handle = (await call("open", path, flags, mode)) as FileHandle;
        opened.push(handle);
        return handle;
      };
      const handle = (await (flags === "wx" ? change("open", open) : death.signal.aborted ? new Promise(() => undefined) : begin(open()))) as FileHandle;
      if (flags === "wx") files.set(inodeOf(handle), "dirty");
      return watch(handle, String(path));
    },
    rename: (from, to) => change("rename", async () => {
      await call("rename", from, to);
      names.add(String(to));
    }),
    link: (from, to) => change("link", async () => {
      await call("link", from, to);
      names.add(String(to));
    }),
    unlink: (path) => change("unlink", () => call("unlink", path)),
    mkdir: (path, options) => change("mkdir", async () => {
      const first = (await call("mkdir", path, options)) as string | undefined;
      if (first !== undefined) for (let made = String(path); made.length >= first.length; made = dirname(made)) names.add(made);
      return first;
    }),
  };

  /** A handle whose writes and syncs are changes; a sync makes safe what it is asked for. */
  function watch(handle: FileHandle, path: string): FileHandle {
    const inode = inodeOf(handle);
    return new Proxy(handle, {
      get: (target, key) => {
        if (key === "writeFile") return (bytes: string) => change("writeFile", async () => {
          files.set(inode, "dirty");
          await target.writeFile(bytes);
        });
        if (key === "sync") return () => change("sync", async () => {
          await target.sync();
          if (lies) return;
          if (fstatSync(target.fd).isDirectory()) for (const name of names) if (dirname(name) === path) names.delete(name);
          if (files.has(inode)) files.set(inode, "safe");
        });
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
  }

  Object.assign(promises, patched);
  syncBuiltinESMExports();
  let outcome: "died" | { readonly error: unknown };
  try {
    outcome = await Promise.race([once(death.signal, "abort").then(() => "died" as const), work().then(() => ({ error: undefined }), (error: unknown) => ({ error }))]);
  } finally {
    Object.assign(promises, before);
    syncBuiltinESMExports();
  }
  // A dead process holds nothing open, and what the kernel had begun for it is done.
  await Promise.allSettled(begun);
  await Promise.all(opened.map((handle) => handle.close().catch(() => undefined)));
  return {
    calls,
    died: outcome === "died",
    error: outcome === "died" ? undefined : outcome.error,
    cutPower: (loses) => {
      for (const path of walkFiles(root)) if (files.get(lstatSync(path).ino) === "dirty" && loses()) spoil(path);
      for (const name of names) if (loses()) rmSync(name, { recursive: true, force: true });
    },
  };
}

function inodeOf(handle: FileHandle): number {
  return fstatSync(handle.fd).ino;
}

function* walkFiles(directory: string): Iterable<string> {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) yield* walkFiles(path);
    else yield path;
  }
}

/** Half of the file as zeros: its length was safe, its blocks were not. */
function spoil(path: string): void {
  const { size } = lstatSync(path);
  chmodSync(path, 0o644);
  if (size % 2 === 0) writeFileSync(path, Buffer.alloc(size));
  else truncateSync(path, 0);
}
