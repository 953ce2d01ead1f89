import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ownPath } from "../../src/system/index.ts";
import { once } from "./once.ts";
import { oraclePython } from "./python-oracle.ts";
import { pip } from "./real-wheels.ts";

/** The wheel of zig, which has for every glibc the symbols that it ships. */
const ZIGLANG = "ziglang==0.15.2";

/** What other programs say that the ELF files of a wheel ask of glibc; test/support/glibc-symbols.py has the words. */
export interface GlibcNeeds {
  /** Symbols of glibc that are asked for. */
  readonly symbols: number;
  /** `2.17.0`; empty where none is asked for. */
  readonly glibc: string;
  /** Symbols that no glibc has. */
  readonly unknown: readonly string[];
  /** `manylinux_2_17`, for x86_64. */
  readonly policy: string | null;
}

/** The symbol lists of every glibc, downloaded once; undefined where there is no network and never was. */
export function glibcLists(): string | undefined {
  const lists = ownPath(`.cache/glibc-lists-${ZIGLANG.split("==")[1]}`);
  let failed = false;
  once(`${lists}.lock`, () => failed || existsSync(lists), () => {
    failed = !takeLists(lists);
  });
  if (failed) console.warn("zig's symbol lists cannot be downloaded; tests that need them are skipped");
  return failed ? undefined : lists;
}

/** 90 MB come, a quarter of one stays. */
function takeLists(lists: string): boolean {
  const temporary = `${lists}.tmp-${process.pid}`;
  mkdirSync(temporary, { recursive: true });
  try {
    download(temporary, [ZIGLANG]);
    execFileSync("python3", ["-I", "-c", "import sys, zipfile; open(sys.argv[2], 'wb').write(zipfile.ZipFile(sys.argv[1]).read('ziglang/lib/libc/glibc/abilists'))", join(temporary, readdirSync(temporary)[0] ?? ""), join(temporary, "abilists")]);
    renameSync(join(temporary, "abilists"), lists);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** Wheels from the index into a directory, by pip; further words say for which platform. */
export function download(directory: string, requirements: readonly string[], words: readonly string[] = []): void {
  execFileSync(pip(), ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:", ...words, "--dest", directory, ...requirements], { stdio: "inherit" });
}

/** Ask pyelftools, zig's lists and auditwheel about wheels, by their paths. */
export function askGlibcNeeds(lists: string, wheels: readonly string[]): Readonly<Record<string, GlibcNeeds>> {
  const python = oraclePython("auditwheel", ["auditwheel==6.8.2", "pyelftools==0.32"]);
  const { status, stdout, stderr } = spawnSync(python, ["-I", join(import.meta.dirname, "glibc-symbols.py"), lists, ...wheels], { encoding: "utf8", maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`the oracles failed: ${stderr}`);
  return JSON.parse(stdout) as Record<string, GlibcNeeds>;
}
