import { readFile } from "node:fs/promises";
import { dirname, relative } from "node:path";
import { CaissonError, compareBytewise, failAll, type Problem } from "../model/index.ts";
import { isOutside, type Context } from "../system/index.ts";
import { parseEnvironmentFile, valueTrouble, type Assignment } from "./environment-file.ts";

/** Variables and their values, which are secrets: they go to hosts and nowhere else. */
export type Environment = ReadonlyMap<string, string>;

/** Seconds for a command that a value comes from. */
const PATIENCE = 60;

/**
 * The values of environment files, later ones over earlier ones; taken from the environment and from commands where they say so.
 * @throws CaissonError `config-invalid` with everything that is wrong, by file and line, and never with a value
 */
export async function readEnvironment(ctx: Context, files: readonly string[]): Promise<Environment> {
  const values = new Map<string, string>();
  const problems: Problem[] = [];
  for (const path of files) {
    const file = isOutside(ctx.cwd, path) ? path : relative(ctx.cwd, path);
    const text = await readFile(path).then(decode).catch((error: NodeJS.ErrnoException) => {
      problems.push({ code: "config-invalid", message: error.code === "ENOENT" ? `there is no file \`${file}\`` : `\`${file}\` is ${error.code?.startsWith("ERR_ENC") === true ? "not UTF-8" : `not to be read (${error.code})`}`, hint: "the target's `environment` names it" });
      return "";
    });
    const parsed = parseEnvironmentFile(file, text);
    problems.push(...parsed.problems);
    for (const assignment of parsed.assignments) {
      const found = await valueOf(ctx, dirname(path), assignment);
      const trouble = "value" in found ? valueTrouble(assignment.name, found.value) : found.trouble;
      if (trouble !== undefined) problems.push({ code: "config-invalid", message: `the value of \`${assignment.name}\` ${trouble}`, file, line: assignment.line });
      else if ("value" in found) values.set(assignment.name, found.value);
    }
  }
  failAll(problems);
  return values;
}

/** An environment as the file that systemd and POSIX shells read alike: each value in double quotes, sorted by name; no bytes for no values. */
export function printEnvironment(values: Environment): Uint8Array {
  const lines = [...values].toSorted(([one], [other]) => compareBytewise(one, other)).map(([name, value]) => `${name}="${value.replaceAll(/[\\"$`]/g, "\\$&")}"\n`);
  return Buffer.from(lines.join(""), "utf8");
}

/** @throws TypeError where it is not UTF-8 */
function decode(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

async function valueOf(ctx: Context, directory: string, { value }: Assignment): Promise<{ readonly value: string } | { readonly trouble: string }> {
  if (value.from === "text") return { value: value.text };
  if (value.from === "variable") {
    const found = ctx.env[value.name];
    return found === undefined ? { trouble: `comes from the variable \`${value.name}\`, which is not set here` } : { value: found };
  }
  try {
    const { status, stdout } = await ctx.run(value.argv, { cwd: directory, env: ctx.env, timeout: PATIENCE });
    // What the program says may be the secret itself, so nobody hears it.
    if (status !== 0) return { trouble: `comes from a command that ended with ${status}` };
    return { value: decode(stdout).replace(/(?:\r?\n)+$/, "") };
  } catch (error) {
    if (error instanceof CaissonError && error.code === "cancelled") throw error;
    return { trouble: error instanceof CaissonError ? "comes from a command that cannot be run" : "comes from a command that prints something other than UTF-8" };
  }
}
