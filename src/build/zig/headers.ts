import { cp, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Descriptor, Platform } from "../../model/index.ts";
import type { Store } from "../../store/index.ts";
import { makeDirectory, type Context } from "../../system/index.ts";
import { unpackFromStore } from "../interpreter-tree/lay.ts";
import type { InterpreterFacts } from "../interpreter.ts";

/** What an extension for a platform's Python is compiled with. */
export interface TargetHeaders {
  /** Where `Python.h` lies. */
  readonly directory: string;
  /** How setuptools hears that it is for another architecture than this machine's. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * The headers of the platform's own interpreter tree, else those of the interpreter that runs here, below `scratch` and as they are for the platform; undefined where there are none, as of a system's Python without its development package.
 * Of two architectures of Linux with 64 bits the headers differ in three words.
 */
export async function targetHeaders(ctx: Context, store: Store, interpreter: InterpreterFacts, { arch, python }: Platform, own: Descriptor | undefined, scratch: string): Promise<TargetHeaders | undefined> {
  const said = await askPlaces(ctx, interpreter);
  if (said === undefined) return undefined;
  const directory = join(scratch, "include", `python${python.version}`);
  await makeDirectory(directory);
  if (own !== undefined) await unpackFromStore(ctx, store, own.digest, directory, scratch);
  else if (await isFile(join(said.include, "Python.h"))) await cp(said.include, directory, { recursive: true, dereference: true });
  else return undefined;
  const config = await readConfig(said, directory);
  const foreign = arch !== interpreter.arch;
  await writeFile(join(directory, "pyconfig.h"), config.replaceAll(foreign && own === undefined ? OF_ONE_ARCHITECTURE : OF_NO_LIBC, "/* #undef $1 */"));
  return { directory, env: foreign ? await foreignNames(said, interpreter.arch, arch, scratch) : {} };
}

interface Places {
  readonly include: string;
  /** Debian's name of the architecture, where it has one. */
  readonly multiarch: string;
  /** Of extension modules: `.cpython-311-x86_64-linux-gnu.so`. */
  readonly suffix: string;
}

async function askPlaces(ctx: Context, { executable }: InterpreterFacts): Promise<Places | undefined> {
  const { status, stdout } = await ctx.run([executable, "-I", "-S", "-c", QUESTION], { cwd: "/", env: ctx.env, timeout: 20 });
  return status === 0 ? (JSON.parse(Buffer.from(stdout).toString("utf8")) as Places) : undefined;
}

const QUESTION = `
import json, sysconfig
known = sysconfig.get_config_var
print(json.dumps({"include": sysconfig.get_path("include"), "multiarch": known("MULTIARCH") or "", "suffix": known("EXT_SUFFIX") or ""}))
`;

/** Debian's pyconfig.h only says which file it is, by the architecture, and where no compiler of ours would look. */
async function readConfig({ include, multiarch }: Places, copied: string): Promise<string> {
  const text = await readFile(join(copied, "pyconfig.h"), "utf8");
  if (multiarch === "" || !text.includes(`<${multiarch}/`)) return text;
  const [, name = ""] = new RegExp(`<(${multiarch}/[^>]+)>`).exec(text) ?? [];
  return await readFile(join(include, "..", name), "utf8");
}

/** A header that is none of libc's, and that nothing in Python's own headers needs. */
const OF_NO_LIBC = /^#define (HAVE_CRYPT_H) 1$/gm;

/** And what is true of x86_64 and of no other: its assembler, and how it passes a list of arguments. */
const OF_ONE_ARCHITECTURE = /^#define (HAVE_CRYPT_H|HAVE_GCC_ASM_FOR_X64|HAVE_GCC_ASM_FOR_X87|VA_LIST_IS_ARRAY) 1$/gm;

async function foreignNames({ suffix }: Places, own: string, arch: string, scratch: string): Promise<Readonly<Record<string, string>>> {
  const settings = join(scratch, "distutils.cfg");
  await writeFile(settings, `[bdist_wheel]\nplat_name = linux_${arch}\n`);
  return { SETUPTOOLS_EXT_SUFFIX: suffix.replace(own, arch), DIST_EXTRA_CONFIG: settings };
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}
