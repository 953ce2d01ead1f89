import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Platform, Workspace } from "../../model/index.ts";
import type { Store } from "../../store/index.ts";
import type { Context } from "../../system/index.ts";
import { cacheDirectory } from "../cache.ts";
import type { PackageIndex } from "../fetch/index-settings.ts";
import { ZIG } from "./zig-pin.ts";

/** A C and C++ compiler that brings the headers and symbols of every glibc since 2.17. */
export interface Zig {
  /** The program. */
  readonly path: string;
  /** What it keeps of its own work: parts of libc and libc++, by content. */
  readonly cache: string;
}

/** What stands for it among the inputs of a wheel. */
export const zigName: string = `zig ${ZIG}`;

/** Whether zig compiles for a platform: where somebody said so, and for glibc alone. */
export function isCompiledByZig({ compilers }: Pick<Workspace, "compilers">, { label, libc }: Platform): boolean {
  return (compilers?.of[label] ?? compilers?.usual) === "zig" && libc.family === "glibc";
}

/**
 * The zig that we know: unpacked in the cache, from its wheel in the store, from a directory of files, or from the index.
 * @throws CaissonError `tool-missing` · `index-unreachable` · `digest-mismatch`
 */
export async function findZig(ctx: Context, store: Store, index: PackageIndex, offline: boolean): Promise<Zig> {
  const directory = join(cacheDirectory(ctx), "tools", `zig-${ZIG}`);
  const path = join(directory, "ziglang", "zig");
  if ((await stat(path).catch(() => undefined)) === undefined) await (await import("./bring-zig.ts")).bringZig(ctx, store, index, offline, directory);
  return { path, cache: join(cacheDirectory(ctx), "zig") };
}
