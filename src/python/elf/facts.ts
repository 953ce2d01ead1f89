import { compareBytewise, type ElfFacts } from "../../model/index.ts";
import type { Elf } from "./elf.ts";
import { neededVersions } from "./versions.ts";

/** An ELF file and where it lies in its wheel's tree, `site/numpy/core/x.so`. */
export interface ElfFile {
  readonly path: string;
  readonly elf: Elf;
}

/** What they ask of their host together; `paths` are all files of the wheel's tree. */
export function gatherElfFacts(files: readonly ElfFile[], paths: readonly string[]): ElfFacts {
  const provided = new Set([...paths.map((path) => path.slice(path.lastIndexOf("/") + 1)), ...files.map(({ elf }) => elf.soname)]);
  const needed = new Set(files.flatMap(({ elf }) => elf.needed));
  const outside = [...needed].filter((name) => !provided.has(name)).toSorted(compareBytewise);
  const asked = files.flatMap(({ elf }) => elf.versions).filter(({ library }) => !provided.has(library)).map(({ version }) => version);
  const directories = new Set(paths.flatMap(parents));
  return {
    ...neededVersions(asked),
    musl: files.some(isMusl),
    machines: [...new Set(files.map(({ elf }) => elf.machine))].toSorted(compareBytewise),
    needed: outside,
    escapes: files.some((file) => file.elf.runpath.some((part) => escapes(file.path, part, directories))),
  };
}

/** The facts of a wheel that has ELF files, and what is odd about them: rules T9 and T10. */
export function describeElf(files: readonly ElfFile[], paths: readonly string[], platformTags: readonly string[]): { readonly facts?: ElfFacts; readonly warnings: readonly string[] } {
  if (files.length === 0) return { warnings: [] };
  const facts = gatherElfFacts(files, paths);
  const foreign = foreignLibraries(facts);
  const absolute = absoluteRunpaths(files);
  return {
    facts,
    warnings: [
      ...(foreign.length > 0 ? [`T9: it needs libraries that it does not bring: ${foreign.join(", ")}`] : []),
      ...(absolute.length > 0 ? [`T9: its RUNPATH names places on its builder's disk: ${absolute.join(", ")}`] : []),
      ...(platformTags.includes("any") ? [`T10: it says it fits any platform, and holds programs for ${facts.machines.join(", ")}`] : []),
    ],
  };
}

/** Libraries that neither the wheel brings nor every host has. */
export function foreignLibraries({ needed }: ElfFacts): readonly string[] {
  return needed.filter((name) => !SYSTEM_LIBRARIES.test(name));
}

/** What every host with a C and C++ runtime and a Python has. */
const SYSTEM_LIBRARIES = /^(?:lib(?:c|m|rt|dl|pthread|util|nsl|resolv|crypt|anl|gcc_s|z|expat|stdc\+\+)\.so(?:\.[0-9]+)*|libc\.musl-.*|ld-(?:linux|musl).*)$/;

/** RUNPATH parts that name a place on the builder's disk. */
function absoluteRunpaths(files: readonly ElfFile[]): readonly string[] {
  const parts = files.flatMap(({ elf }) => elf.runpath.filter((part) => part.startsWith("/")));
  return [...new Set(parts)].toSorted(compareBytewise);
}

/** musl has no symbol versions; its libc is found by name. */
function isMusl({ elf }: ElfFile): boolean {
  return elf.needed.some((name) => /^libc\.musl-|^ld-musl-/.test(name)) || elf.interpreter?.includes("/ld-musl-") === true;
}

function parents(path: string): readonly string[] {
  const steps = path.split("/");
  return steps.slice(0, -1).map((_, at) => steps.slice(0, at + 1).join("/"));
}

/** Whether a part of RUNPATH leads from the file's own directory to one that is not in the wheel. */
function escapes(path: string, part: string, directories: ReadonlySet<string>): boolean {
  const [, below] = /^\$(?:ORIGIN|\{ORIGIN\})(?:\/(.*))?$/.exec(part) ?? [];
  if (below === undefined) return false;
  const steps = path.split("/").slice(0, -1);
  let climbed = false;
  for (const step of below.split("/")) {
    if (step === "..") {
      climbed = true;
      if (steps.pop() === undefined) return true;
    } else if (step !== "" && step !== ".") {
      steps.push(step);
    }
  }
  return climbed && (steps.length < 2 || !directories.has(steps.join("/")));
}
