import { statfs } from "node:fs/promises";
import { findUv } from "../../build/index.ts";
import { CaissonError, type IndexSettings } from "../../model/index.ts";
import type { Store } from "../../store/index.ts";
import type { Context } from "../../system/index.ts";
import { printSize } from "../plan/size.ts";
import type { Examination } from "./examine-hosts.ts";
import type { Finding } from "./findings.ts";

/** Look on this machine for everything that building and deploying need. */
export async function examineHere(ctx: Context, index: IndexSettings, openStore: () => Promise<Store>): Promise<Examination> {
  const findings = await Promise.all([
    program(ctx, "git", ["git", "--version"], /git version (\S+)/, "apt-get install git"),
    program(ctx, "python", ["python3", "-I", "-c", "import sys; print('Python %d.%d.%d' % sys.version_info[:3], sys.version_info >= (3, 6))"], /Python (\S+) True/, "install Python 3.6 or newer (apt-get install python3)"),
    program(ctx, "ssh", ["ssh", "-V"], /(OpenSSH\S*)/, "apt-get install openssh-client"),
    uv(ctx, index),
    store(openStore),
  ]);
  return { host: "here", findings };
}

/** A program that says its version. */
async function program(ctx: Context, what: string, argv: readonly string[], version: RegExp, mend: string): Promise<Finding> {
  const name = argv[0] ?? "";
  try {
    const { stdout, stderr } = await ctx.run(argv, { cwd: "/", env: ctx.env, timeout: 20, signal: ctx.signal });
    const said = `${Buffer.from(stdout).toString("utf8")}${stderr}`.trim();
    const found = version.exec(said)?.[1];
    return found === undefined ? { what, well: false, says: `\`${name}\` is too old, or does not run: ${said.split("\n").at(-1) ?? ""}`, mend } : { what, well: true, says: found };
  } catch (error) {
    if (!(error instanceof CaissonError) || error.code === "cancelled") throw error;
    return { what, well: false, says: error.message, mend };
  }
}

async function uv(ctx: Context, index: IndexSettings): Promise<Finding> {
  try {
    const { path, version } = await findUv(ctx, index);
    return { what: "uv", well: true, says: `${version} (${path})` };
  } catch (error) {
    if (!(error instanceof CaissonError) || error.code === "cancelled") throw error;
    return { what: "uv", well: false, says: error.message, ...(error.hint === undefined ? {} : { mend: error.hint }) };
  }
}

/** Opening it makes and removes files in it, which is what it must be good for. */
async function store(openStore: () => Promise<Store>): Promise<Finding> {
  try {
    const { directory } = await openStore();
    const { bavail, bsize } = await statfs(directory);
    return { what: "store", well: true, says: `${directory}, ${printSize(bavail * bsize)} free` };
  } catch (error) {
    if (!(error instanceof CaissonError) || error.code === "cancelled") throw error;
    return { what: "store", well: false, says: error.message, ...(error.hint === undefined ? {} : { mend: error.hint }) };
  }
}
