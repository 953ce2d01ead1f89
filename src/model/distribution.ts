import type { Descriptor } from "./digest.ts";
import type { PackageName } from "./name.ts";
import type { Tree } from "./tree.ts";

/** What the ELF files of a wheel ask of their host, gathered over all of them. */
export interface ElfFacts {
  /** Highest `GLIBC_x.y` symbol version asked of the host, `2.17`. */
  readonly glibc?: string;
  /** Highest `GLIBCXX_x.y.z`, or what came with the highest `CXXABI_x.y.z`, without the prefix. */
  readonly glibcxx?: string;
  /** Highest `GCC_x.y.z` asked of its libgcc. */
  readonly gcc?: string;
  /** `libc.musl` is asked for. */
  readonly musl: boolean;
  /** Machines the files are for; one in a sound wheel. */
  readonly machines: readonly ("x86_64" | "aarch64" | "other")[];
  /** DT_NEEDED names that no file of the wheel provides. */
  readonly needed: readonly string[];
  /** A RUNPATH or RPATH leaves the wheel through `$ORIGIN/../..`: its files must be hard-linked beside those of its neighbours. */
  readonly escapes: boolean;
}

/** What we learned from one wheel; cached under the wheel's digest and the rule-set version. */
export interface Distribution {
  readonly name: PackageName;
  readonly version: string;
  readonly wheel: Descriptor;
  readonly fileName: string;
  readonly tree: Tree;
  /** PEP 508 strings of METADATA's `Requires-Dist`, as written. */
  readonly requires: readonly string[];
  readonly requiresPython?: string;
  readonly elf?: ElfFacts;
  /** Paths in the tree of each `__init__.py` that is not empty and does nothing but declare a namespace package. */
  readonly namespaces?: readonly string[];
  /** What would have been refused, had nobody made an exception; each begins with the rule. */
  readonly excused?: readonly string[];
  /** What is odd but tolerated, one sentence each. */
  readonly warnings: readonly string[];
}
