import type { Distribution, ElfFacts, Platform, Problem } from "../../model/index.ts";
import { parseWheelFileName } from "../wheel/name.ts";
import { compareDotted, runtimeOf } from "./versions.ts";

/**
 * Whether a wheel's ELF files can be loaded on a platform, rules T9 and T10: what its symbols say, whatever its tag promises.
 * Problems are `wheel-unfit`.
 */
export function checkElf(distribution: Distribution, platform: Platform): readonly Problem[] {
  const { elf, fileName } = distribution;
  if (elf === undefined) return [];
  const rule = parseWheelFileName(fileName)?.platformTags.includes("any") === true ? "T10" : "T9";
  return faults(elf, platform).map((fault) => ({
    code: "wheel-unfit",
    message: `${rule}: \`${fileName}\` ${fault}, and \`${platform.label}\` has ${has(platform)}`,
    file: fileName,
    hint: `lock another version of \`${distribution.name}\` for \`${platform.label}\`, or build it there`,
  }));
}

function faults(elf: ElfFacts, { arch, libc }: Platform): readonly string[] {
  if (elf.machines.length > 0 && !elf.machines.includes(arch)) return [`holds programs for ${elf.machines.map((machine) => (machine === "other" ? "another machine" : machine)).join(" and ")}`];
  if (libc.family === "musl") return !elf.musl && elf.needed.some((name) => GLIBC_NAMES.test(name)) ? [`is linked against glibc${elf.glibc === undefined ? "" : ` ${elf.glibc}`}`] : [];
  if (elf.musl) return ["is linked against musl"];
  const runtime = runtimeOf(libc.version);
  return [
    ...(isNewer(elf.glibc, libc.version) ? [`needs glibc ${elf.glibc}`] : []),
    ...(isNewer(elf.glibcxx, runtime?.glibcxx) ? [`needs a libstdc++ with GLIBCXX_${elf.glibcxx}`] : []),
    ...(isNewer(elf.gcc, runtime?.gcc) ? [`needs a libgcc with GCC_${elf.gcc}`] : []),
  ];
}

function isNewer(needed: string | undefined, known: string | undefined): boolean {
  return needed !== undefined && known !== undefined && compareDotted(needed, known) > 0;
}

function has({ arch, libc }: Platform): string {
  const runtime = libc.family === "glibc" ? runtimeOf(libc.version) : undefined;
  return `${libc.family} ${libc.version}${runtime === undefined ? "" : ` and GLIBCXX_${runtime.glibcxx}`} on ${arch}`;
}

const GLIBC_NAMES = /^(?:libc\.so\.6|libm\.so\.6|libpthread\.so\.0|libdl\.so\.2|librt\.so\.1|ld-linux-(?:x86-64|aarch64)\.so\.[12])$/;
