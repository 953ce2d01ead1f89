import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { quoteWord } from "../../formats/index.ts";
import { makeDirectory, type Context } from "../../system/index.ts";
import { cacheDirectory } from "../cache.ts";
import { findOnPath } from "../interpreter.ts";

/** A toolchain of Rust on this machine. */
export interface Rust {
  /** Its `cargo` and `rustc` proper, which need no manager's settings. */
  readonly directory: string;
  /** As it says: `rustc 1.95.0 (59807616e 2026-04-14)`. */
  readonly version: string;
}

/** The toolchain of the user's own `rustc`; that may be rustup's program of the name, which wants the user's HOME. */
export async function findRust(ctx: Context): Promise<Rust | undefined> {
  const ask = async (program: string, ...words: readonly string[]): Promise<string> => {
    const answer = await ctx.run([program, ...words], { cwd: "/", env: ctx.env, timeout: 20 }).catch(() => undefined);
    return answer?.status === 0 ? Buffer.from(answer.stdout).toString("utf8").trim() : "";
  };
  const [rustc] = await findOnPath(ctx, "rustc");
  const top = rustc === undefined ? "" : await ask(rustc, "--print", "sysroot");
  const version = top === "" ? "" : await ask(join(top, "bin", "rustc"), "--version");
  return version === "" ? undefined : { directory: join(top, "bin"), version };
}

/** Whether what a back end consists of calls Rust. */
export function callsRust(requires: readonly string[]): boolean {
  return requires.some((requirement) => /^(?:maturin|setuptools[-_.]rust)\b/i.test(requirement.trim()));
}

/**
 * Variables with which cargo keeps its crates in one place for all builds, and has rustc write neither that place nor the build's own into what it makes.
 * By a program around rustc and not by RUSTFLAGS, because whoever sets these says so in a file of the project, which they would hide.
 */
export async function steadyRust(ctx: Context, scratch: string, offline: boolean): Promise<Readonly<Record<string, string>>> {
  const [directory, crates] = [join(scratch, "rust"), join(cacheDirectory(ctx), "cargo")];
  const program = join(directory, "rustc");
  await makeDirectory(directory);
  await writeFile(program, `#!/bin/sh\nexec "$@" --remap-path-prefix=${quoteWord(scratch)}=. --remap-path-prefix=${quoteWord(crates)}=crates\n`);
  await chmod(program, 0o755);
  return { RUSTC_WRAPPER: program, CARGO_HOME: crates, ...(offline ? { CARGO_NET_OFFLINE: "true" } : {}) };
}
