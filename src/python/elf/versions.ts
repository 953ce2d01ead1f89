import type { ElfFacts } from "../../model/index.ts";

/** What symbol versions, `GLIBC_2.17`, ask of a host's C library, libstdc++ and libgcc together. */
export function neededVersions(asked: readonly string[]): Pick<ElfFacts, "glibc" | "glibcxx" | "gcc"> {
  const glibc = highest([...below(asked, "GLIBC_"), ...asked.flatMap((version) => FEATURES[version] ?? [])]);
  const glibcxx = highest([...below(asked, "GLIBCXX_"), ...below(asked, "CXXABI_").flatMap(cameWith)]);
  const gcc = highest(below(asked, "GCC_"));
  return { ...(glibc === undefined ? {} : { glibc }), ...(glibcxx === undefined ? {} : { glibcxx }), ...(gcc === undefined ? {} : { gcc }) };
}

/** The libstdc++ and libgcc of the distribution that brought a glibc, or of the one before it; undefined where it is newer than our list. */
export function runtimeOf(glibc: string): { readonly glibcxx: string; readonly gcc: string } | undefined {
  const last = RUNTIMES.at(-1);
  if (last !== undefined && compareDotted(glibc, last[0]) > 0) return undefined;
  const found = RUNTIMES.findLast(([version]) => compareDotted(version, glibc) <= 0);
  return found === undefined ? undefined : { glibcxx: found[1], gcc: found[2] };
}

/** Order of versions that are numbers and dots: 2.4 before 2.17. */
export function compareDotted(a: string, b: string): number {
  const [left, right] = [a.split(".").map(Number), b.split(".").map(Number)];
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function highest(versions: readonly string[]): string | undefined {
  return versions.toSorted(compareDotted).at(-1);
}

/** Versions that have that prefix, without it; `GLIBC_PRIVATE` is none. */
function below(asked: readonly string[], prefix: string): readonly string[] {
  return asked.filter((version) => version.startsWith(prefix)).map((version) => version.slice(prefix.length)).filter((version) => /^[0-9]+(?:\.[0-9]+)*$/.test(version));
}

/** What a linker asks of the loader in words, and the glibc that brought it. Source: NEWS of glibc 2.36 and 2.42 */
const FEATURES: Readonly<Record<string, string>> = { GLIBC_ABI_DT_RELR: "2.36", GLIBC_ABI_GNU_TLS: "2.42", GLIBC_ABI_GNU2_TLS: "2.42" };

/** The GLIBCXX of the libstdc++ that brought a CXXABI; the newest of our list for one that is newer still. */
function cameWith(cxxabi: string): readonly string[] {
  return CXXABI.find(([version]) => compareDotted(cxxabi, version) <= 0)?.slice(1) ?? ["3.4.34"];
}

/** Source: the ABI history in the libstdc++ manual */
const CXXABI: readonly (readonly [cxxabi: string, glibcxx: string])[] = [
  ["1.3.1", "3.4.8"],
  ["1.3.3", "3.4.13"],
  ["1.3.7", "3.4.18"],
  ["1.3.8", "3.4.20"],
  ["1.3.9", "3.4.21"],
  ["1.3.10", "3.4.22"],
  ["1.3.11", "3.4.23"],
  ["1.3.12", "3.4.26"],
  ["1.3.13", "3.4.29"],
  ["1.3.14", "3.4.31"],
  ["1.3.15", "3.4.33"],
];

/** CentOS 7, Debian 8, Ubuntu 16.04, Debian 9, Amazon 2, Ubuntu 18.04, RHEL 8 and Debian 10, Debian 11, RHEL 9, Ubuntu 22.04, Debian 12, Ubuntu 24.04, Debian 13. */
const RUNTIMES: readonly (readonly [glibc: string, glibcxx: string, gcc: string])[] = [
  ["2.5", "3.4.8", "4.2.0"],
  ["2.12", "3.4.13", "4.3.0"],
  ["2.17", "3.4.19", "4.8.0"],
  ["2.19", "3.4.20", "4.8.0"],
  ["2.23", "3.4.21", "4.8.0"],
  ["2.24", "3.4.22", "4.8.0"],
  ["2.26", "3.4.24", "7.0.0"],
  ["2.27", "3.4.25", "7.0.0"],
  ["2.28", "3.4.25", "7.0.0"],
  ["2.31", "3.4.28", "7.0.0"],
  ["2.34", "3.4.29", "7.0.0"],
  ["2.35", "3.4.30", "12.0.0"],
  ["2.36", "3.4.30", "12.0.0"],
  ["2.39", "3.4.33", "14.0.0"],
  ["2.41", "3.4.33", "14.0.0"],
];
