import { access, chmod, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { quoteWord } from "../../formats/index.ts";
import type { NamedWheel } from "../../python/index.ts";
import { makeDirectory } from "../../system/index.ts";

/** What a build finds where it looks for compilers. */
export interface Compilers {
  /** First on its PATH; none for this machine's own. */
  readonly directories: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Whether it asked for one and was refused. */
  readonly haveRefused: () => Promise<boolean>;
  /** A wheel that they made, under the name that may be given to it. */
  readonly name?: (wheel: NamedWheel) => Promise<NamedWheel>;
}

/** Put compilers below a build's `scratch` directory; `path` is where its other programs are. */
export type ChooseCompilers = (scratch: string, path: string) => Promise<Compilers>;

/**
 * Programs with the names of compilers, which refuse at once and leave word: a build that needs one is over before it has taken any time, and one that does not is as good as any.
 * What cargo asks for is let through to the programs in `path`: a wheel from Rust says itself which systems it is for.
 */
export const refusingCompilers: ChooseCompilers = async (scratch, path) => {
  const directory = join(scratch, "compilers");
  const word = join(scratch, "asked");
  await makeDirectory(directory);
  const program = `#!/bin/sh\nif [ -n "\${CARGO_MANIFEST_DIR-}" ]; then\n  PATH=${quoteWord(path)} exec "\${0##*/}" "$@"\nfi\n: > ${quoteWord(word)}\necho 'no compiler: what this makes is for another system' >&2\nexit 1\n`;
  for (const [name] of COMPILERS) {
    await writeFile(join(directory, name), program);
    await chmod(join(directory, name), 0o755);
  }
  // By name: a path with a blank in it is two words to most build tools.
  return { directories: [directory], env: { CC: "cc", CXX: "c++", FC: "gfortran" }, haveRefused: async () => await access(word).then(() => true, () => false) };
};

/** As interpreters call the compiler that they were made with, and as people call theirs; with what zig calls it, where it has one. */
export const COMPILERS: readonly (readonly [name: string, zig: "cc" | "c++" | undefined])[] = [
  ...["cc", "gcc", "clang", "x86_64-linux-gnu-gcc", "aarch64-linux-gnu-gcc"].map((name) => [name, "cc"] as const),
  ...["c++", "g++", "clang++", "x86_64-linux-gnu-g++", "aarch64-linux-gnu-g++"].map((name) => [name, "c++"] as const),
  ...["gfortran", "nvcc"].map((name) => [name, undefined] as const),
];

/** A PATH that begins with them. */
export function pathWith({ directories }: Compilers, ...path: readonly string[]): string {
  return [...directories, ...path].join(delimiter);
}
