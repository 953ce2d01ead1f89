import type { Distribution, ElfFacts, Platform, Problem } from "../../model/index.ts";
import { compareDotted } from "./facts.ts";
import { parseWheelFileName } from "../wheel/name.ts";

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
  const newest = newestGlibcxx(libc.version);
  return [
    ...(elf.glibc !== undefined && compareDotted(elf.glibc, libc.version) > 0 ? [`needs glibc ${elf.glibc}`] : []),
    ...(elf.glibcxx !== undefined && newest !== undefined && compareDotted(elf.glibcxx, newest) > 0 ? [`needs a libstdc++ with GLIBCXX_${elf.glibcxx}`] : []),
  ];
}

function has({ arch, libc }: Platform): string {
  const newest = libc.family === "glibc" ? newestGlibcxx(libc.version) : undefined;
  return `${libc.family} ${libc.version}${newest === undefined ? "" : ` and GLIBCXX_${newest}`} on ${arch}`;
}

const GLIBC_NAMES = /^(?:libc\.so\.6|libm\.so\.6|libpthread\.so\.0|libdl\.so\.2|librt\.so\.1|ld-linux-(?:x86-64|aarch64)\.so\.[12])$/;

/** The libstdc++ of the distribution that brought a glibc; undefined where it is newer than our list. */
function newestGlibcxx(glibc: string): string | undefined {
  const last = GLIBCXX_BY_GLIBC.at(-1);
  if (last !== undefined && compareDotted(glibc, last[0]) > 0) return undefined;
  return GLIBCXX_BY_GLIBC.findLast(([version]) => compareDotted(version, glibc) <= 0)?.[1];
}

/** CentOS 7, Debian 8, Ubuntu 16.04, Debian 9, Amazon 2, Ubuntu 18.04, RHEL 8 and Debian 10, Debian 11, RHEL 9, Ubuntu 22.04, Debian 12, Ubuntu 24.04, Debian 13. */
const GLIBCXX_BY_GLIBC: readonly (readonly [glibc: string, glibcxx: string])[] = [
  ["2.17", "3.4.19"],
  ["2.19", "3.4.20"],
  ["2.23", "3.4.21"],
  ["2.24", "3.4.22"],
  ["2.26", "3.4.24"],
  ["2.27", "3.4.25"],
  ["2.28", "3.4.25"],
  ["2.31", "3.4.28"],
  ["2.34", "3.4.29"],
  ["2.35", "3.4.30"],
  ["2.36", "3.4.30"],
  ["2.39", "3.4.33"],
  ["2.41", "3.4.33"],
];
