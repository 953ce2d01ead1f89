import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Who is killed: the agent with its workers, the one process of it that makes the call, the command that started it, or nobody, where calls are only counted; or the agent is asked to end, by a SIGTERM. */
export type Victim = "agent" | "worker" | "command" | "asked" | "nobody";

export interface CallKiller {
  /** What the command is run with: its first agent counts every call that changes something, and the n-th kills. */
  env(at: number, victim: Victim): { readonly PATH: string; readonly CAISSON_TEST_KILL: string };
  /** What the command is run with: at every n-th call the disk's image is copied as it is. */
  copying(every: number, image: string): { readonly PATH: string; readonly CAISSON_TEST_KILL: string };
  /** The copies that the last command with this environment has made, each with the number of its call. */
  copies(env: { readonly CAISSON_TEST_KILL: string }): readonly { readonly call: number; readonly image: string }[];
  /** How many calls the first agent of the last command with this environment has made; undefined where it never began. */
  counted(env: { readonly CAISSON_TEST_KILL: string }): number | undefined;
  /** Whether the call at which somebody is killed was made. */
  reached(env: { readonly CAISSON_TEST_KILL: string }): boolean;
  /** Their names, where nobody was killed: as Python has them, those of the C library as that does. */
  names(env: { readonly CAISSON_TEST_KILL: string }): readonly string[];
  /** The PATH of commands whose agents are left alone, and need not be compiled again. */
  readonly path: string;
}

let killers = 0;

/** A `python3` of its own in a directory there, through which agents on this machine are killed at a call. `before`: a program and its words that it is started by. */
export function makeCallKiller(directory: string, before: readonly string[] = []): CallKiller {
  const place = mkdtempSync(join(directory, "killer-"));
  const python = execFileSync("python3", ["-c", "import sys; print(sys.executable)"], { encoding: "utf8" }).trim();
  const bin = join(place, "bin");
  mkdirSync(bin);
  const words = [...before, python, "-I", "-X", `pycache_prefix=${join(place, "cache")}`, join(import.meta.dirname, "kill-at-call.py")].map((word) => `'${word}'`).join(" ");
  writeFileSync(join(bin, "python3"), `#!/bin/sh\ncase "$2" in */agent.py) exec ${words} "$@" ;; esac\nexec '${python}' "$@"\n`, { mode: 0o755 });
  const path = `${bin}${delimiter}${process.env["PATH"] ?? ""}`;
  const wordsFor = (at: number, who: string) => ({ PATH: path, CAISSON_TEST_KILL: JSON.stringify([at, who, join(place, `calls-${killers++}`)]) });
  return {
    path,
    env: wordsFor,
    copying: (every, image) => wordsFor(every, `copy:${image}`),
    copies: (env) => readdirSync(place).flatMap((name) => (join(place, name).startsWith(`${fileOf(env)}.`) ? [{ call: Number(name.split(".").at(-1)), image: join(place, name) }] : [])).toSorted((a, b) => a.call - b.call),
    names: (env) => readFileSync(`${fileOf(env)}.names`, "utf8").trim().split("\n"),
    counted,
    reached: (env) => (counted(env) ?? 0) >= (JSON.parse(env.CAISSON_TEST_KILL) as [number])[0],
  };
}

function counted(env: { readonly CAISSON_TEST_KILL: string }): number | undefined {
  const file = fileOf(env);
  return existsSync(file) ? Number(readFileSync(file).readBigInt64LE()) : undefined;
}

function fileOf({ CAISSON_TEST_KILL }: { readonly CAISSON_TEST_KILL: string }): string {
  return (JSON.parse(CAISSON_TEST_KILL) as [number, string, string])[2];
}
