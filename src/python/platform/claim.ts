import type { ElfFacts, Platform } from "../../model/index.ts";
import { foreignLibraries } from "../elf/facts.ts";
import { compareDotted } from "../elf/versions.ts";

/** The platform tags that a wheel's symbols prove, or why they prove none. */
export type Claim = { readonly tags: readonly string[] } | { readonly fault: string };

/**
 * What may be said of compiled files: any Linux of that architecture with a glibc as new as the newest symbol they ask for, and no older than 2.17.
 * `paths` are those of the wheel's tree.
 * Source: PEP 600
 */
export function provenTags(elf: ElfFacts, paths: readonly string[], arch: Platform["arch"]): Claim {
  if (elf.musl) return { fault: "is linked against musl" };
  if (elf.machines.some((machine) => machine !== arch)) return { fault: `holds programs for ${elf.machines.join(" and ")}` };
  const misnamed = paths.find((path) => (/\.cpython-[0-9a-z]+-(x86_64|aarch64)-linux-(?:gnu|musl)\.so$/.exec(path)?.[1] ?? arch) !== arch);
  if (misnamed !== undefined) return { fault: `has \`${misnamed.replace(/^site\//, "")}\`, which a Python for ${arch} does not look for` };
  const foreign = foreignLibraries(elf);
  if (foreign.length > 0) return { fault: `needs ${foreign.join(", ")} of its host` };
  if (elf.glibcxx !== undefined) return { fault: `needs a libstdc++ with GLIBCXX_${elf.glibcxx}` };
  const glibc = elf.glibc === undefined || compareDotted(elf.glibc, OLDEST) < 0 ? OLDEST : elf.glibc;
  const tag = `manylinux_${glibc.split(".").slice(0, 2).join("_")}_${arch}`;
  // Installers older than PEP 600 know this one by its year alone.
  return { tags: glibc === OLDEST ? [tag, `manylinux2014_${arch}`] : [tag] };
}

const OLDEST = "2.17";
