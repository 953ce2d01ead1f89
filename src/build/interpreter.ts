import { constants } from "node:fs";
import { access, readdir } from "node:fs/promises";
import { delimiter, join } from "node:path";
import type { Platform } from "../model/index.ts";
import type { Context } from "../system/index.ts";

/** What an interpreter says of itself and of the machine it runs on. */
export interface InterpreterFacts {
  /** The interpreter proper, never a version manager's script or a virtual environment's link. */
  readonly executable: string;
  /** `3.11.7` */
  readonly version: string;
  readonly implementation: string;
  readonly arch: string;
  readonly libc: Platform["libc"];
}

/** A CPython of exactly that minor (`3.11`) on this machine: on PATH, or kept by pyenv. */
export async function findInterpreter(ctx: Context, minor: string): Promise<InterpreterFacts | undefined> {
  for (const python of [...(await findOnPath(ctx, `python${minor}`)), ...(await findOnPath(ctx, "python3")), ...(await findInPyenv(ctx, minor))]) {
    const facts = await askInterpreter(ctx, python);
    if (facts?.implementation === "cpython" && minorOf(facts) === minor) return facts;
  }
  return undefined;
}

/** `3.11` of `3.11.7`. */
export function minorOf({ version }: InterpreterFacts): string {
  return version.split(".").slice(0, 2).join(".");
}

/** All files of that name on PATH that can be run, in its order. */
export async function findOnPath(ctx: Context, program: string): Promise<readonly string[]> {
  const candidates = (ctx.env["PATH"] ?? "").split(delimiter).filter((directory) => directory.startsWith("/")).map((directory) => join(directory, program));
  const found = await Promise.all(candidates.map((path) => access(path, constants.X_OK).then(() => path, () => undefined)));
  return found.filter((path) => path !== undefined);
}

/** pyenv puts a script for each version on PATH that runs only while that version is chosen. */
async function findInPyenv(ctx: Context, minor: string): Promise<readonly string[]> {
  const root = ctx.env["PYENV_ROOT"] ?? join(ctx.env["HOME"] ?? "/", ".pyenv");
  const versions = await readdir(join(root, "versions")).catch(() => []);
  return versions.filter((version) => version.startsWith(`${minor}.`)).map((version) => join(root, "versions", version, "bin", `python${minor}`));
}

/** Ask an interpreter what it is; undefined where it does not run. */
export async function askInterpreter(ctx: Context, python: string): Promise<InterpreterFacts | undefined> {
  const answer = await ctx.run([python, "-I", "-S", "-c", QUESTION], { cwd: ctx.cwd, env: ctx.env, timeout: 20 }).catch(() => undefined);
  if (answer?.status !== 0) return undefined;
  const { libc, ...facts } = JSON.parse(Buffer.from(answer.stdout).toString("utf8")) as Omit<InterpreterFacts, "libc"> & { readonly libc: string };
  return { ...facts, libc: libc === "" ? { family: "musl", version: await muslVersion(ctx, facts.arch) } : { family: "glibc", version: libc } };
}

// confstr knows the libc that the process itself uses; other libcs do not know the name.
const QUESTION = `
import json, os, sys
try:
    libc = (os.confstr("CS_GNU_LIBC_VERSION") or "").split()[-1:]
except (AttributeError, OSError, ValueError):
    libc = []
own = getattr(sys, "_base_executable", None) or sys.executable
print(json.dumps({"executable": os.path.realpath(own), "version": "%d.%d.%d" % sys.version_info[:3], "implementation": sys.implementation.name, "arch": os.uname()[4], "libc": "".join(libc)}))
`;

/** musl's loader tells its version to whoever runs it without a program. */
async function muslVersion(ctx: Context, arch: string): Promise<string> {
  const answer = await ctx.run([`/lib/ld-musl-${arch}.so.1`], { cwd: "/", env: {}, timeout: 20 }).catch(() => undefined);
  return /^Version (\d+\.\d+)/m.exec(answer?.stderr ?? "")?.[1] ?? "1.1";
}
