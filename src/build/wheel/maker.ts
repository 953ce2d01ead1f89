import type { Digest, Json } from "../../model/index.ts";
import type { Context } from "../../system/index.ts";
import type { InterpreterFacts } from "../interpreter.ts";
import { zigName } from "../zig/zig.ts";
import { callsRust } from "./rust.ts";
import type { Workshop } from "./wheel.ts";

/** What makes a wheel, as far as its source decides that. */
export interface Maker {
  /** The minor of the interpreter that runs the back end, `3.11`. */
  readonly interpreter: string;
  /** Whether the wheel is more than Python. */
  readonly compiled: boolean;
  /** What its back end needs, as far as the source says that. */
  readonly requires?: readonly string[];
  /** What it was compiled for by zig, `x86_64-linux-gnu.2.17`; absent where this machine compiled it. */
  readonly target?: string;
  /** The interpreter tree that ran the back end, where that was none of this machine's. */
  readonly tree?: Digest;
  /** Those of an interpreter tree; absent where they are of the interpreter that ran. */
  readonly headers?: Digest;
}

/** A maker as it is here and now: what of it can get into a wheel, as fields of a key. */
export interface MakerFacts {
  readonly interpreter: string;
  readonly tool: string;
  /** The lock of what the back end consists of. */
  readonly backend?: Digest | "unlocked";
  readonly machine?: Json;
}

/** A wheel that is nothing but Python is the same from every interpreter of a minor; one that is compiled depends on the compiler, its flags and the libc. */
export async function makerFacts(ctx: Context, workshop: Pick<Workshop, "uvVersion" | "interpreter" | "machine" | "rust">, { interpreter, compiled, requires = [], target, tree, headers }: Maker): Promise<Omit<MakerFacts, "backend">> {
  const tool = `uv ${await workshop.uvVersion()}`;
  const rust = compiled && callsRust(requires) ? { rust: (await workshop.rust())?.version ?? "" } : {};
  if (target !== undefined) return { interpreter, tool, machine: { compiler: zigName, target, python: tree ?? (await workshop.interpreter(interpreter))?.compiles ?? "", ...(headers === undefined ? {} : { headers }), ...rust } };
  return { interpreter, tool, ...(compiled ? { machine: { ...(await machineFacts(ctx, workshop, await workshop.interpreter(interpreter))), ...rust } } : {}) };
}

async function machineFacts(ctx: Context, workshop: Pick<Workshop, "machine">, interpreter: InterpreterFacts | undefined): Promise<Readonly<Record<string, Json>>> {
  const { os, arch, libc } = await workshop.machine();
  return { os, arch, libc, python: interpreter?.compiles ?? "", compiler: await compilerVersion(ctx, interpreter?.compiler ?? "cc") };
}

/** What a compiler says of itself; "" where there is none. */
async function compilerVersion(ctx: Context, program: string): Promise<string> {
  const answer = await ctx.run([program, "--version"], { cwd: "/", env: { PATH: COMPILERS, LC_ALL: "C" }, timeout: 20 }).catch(() => undefined);
  return answer?.status === 0 ? (Buffer.from(answer.stdout).toString("utf8").split("\n")[0] ?? "") : "";
}

/** Where back ends find compilers. */
const COMPILERS = "/usr/local/bin:/usr/bin:/bin";
