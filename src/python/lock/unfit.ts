import { compareBytewise, type Platform } from "../../model/index.ts";
import { withoutVariant, type LockedPackage } from "./lock.ts";
import { parseLibcVersion } from "../platform/tags.ts";
import { compareVersions } from "../version/version.ts";
import { parseWheelFileName, type WheelName } from "../wheel/name.ts";

/** Why none of a package's files fits a platform, by what comes nearest: "no file of `numpy` 2.5.5 fits centos-7 (glibc 2.17): its wheels need glibc 2.27 or newer". */
export function explainMiss(locked: LockedPackage, platform: Platform): string {
  const version = locked.version === undefined ? "" : ` ${locked.version}`;
  return `no file of \`${locked.name}\`${version} fits ${platform.label} (${explain(locked, platform)}`;
}

/** The files that there are of a package, those of the platform's architecture first: `numpy 2.5.5: numpy-2.5.5-cp312-....whl, ... and 40 more`. */
export function printFiles({ name, version, files }: LockedPackage, { arch }: Platform): string {
  const near = (fileName: string): number => Number(!fileName.includes("linux")) * 2 + Number(!fileName.includes(arch));
  const names = files.map(({ fileName }) => fileName).toSorted((a, b) => near(a) - near(b) || compareBytewise(a, b));
  const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : "";
  return `${name}${version === undefined ? "" : ` ${version}`}: ${names.length === 0 ? "no file" : `${names.slice(0, SHOWN).join(", ")}${more}`}`;
}

const SHOWN = 6;

function explain(locked: LockedPackage, platform: Platform): string {
  const libc = `${platform.libc.family} ${platform.libc.version}`;
  const wheels = locked.files.map(({ fileName }) => parseWheelFileName(fileName)).filter((name) => name !== undefined);
  const abis = new Set(platform.tags.map((tag) => tag.split("-").slice(0, 2).join("-")));
  const rightPython = wheels.filter(({ pythonTags, abiTags }) => pythonTags.some((python) => abiTags.some((abi) => abis.has(`${python}-${abi}`))));
  if (wheels.length > 0 && rightPython.length === 0) return `Python ${platform.python.version}): its wheels are for ${printPythons(wheels)}`;

  const platforms = [...new Set(rightPython.flatMap(({ platformTags }) => platformTags))];
  const here = platforms.filter((tag) => tag.endsWith(`_${platform.arch}`) && /^(?:many|musl)?linux/.test(tag));
  const needed = here.map((tag) => glibcOf(tag)).filter((version) => version !== undefined);
  const [lowest] = needed.toSorted(compareVersions);
  if (platform.libc.family === "glibc" && lowest !== undefined) return `${libc}): its wheels need glibc ${lowest} or newer`;
  if (here.some((tag) => tag.startsWith(platform.libc.family === "glibc" ? "musllinux" : "manylinux"))) return `${libc}): its wheels are for ${platform.libc.family === "glibc" ? "musl" : "glibc"}`;
  if (here.some((tag) => tag.startsWith("musllinux"))) return `${libc}): its wheels need a newer musl`;
  if (here.length > 0) return `${libc}): its only wheels are tagged \`${here.toSorted().join("`, `")}\`, which says nothing about the ${platform.libc.family} they need`;
  if (platforms.length > 0) return `${platform.arch}): its wheels are for ${printSystems(platforms)}`;
  if (locked.files.some(({ fileName }) => withoutVariant(fileName) !== fileName)) return `${libc}): it has wheel variants only, and Caisson does not choose among variants`;
  return `${libc}): it has no file at all`;
}

function printPythons(wheels: readonly WheelName[]): string {
  const minors = [...new Set(wheels.flatMap(({ pythonTags }) => pythonTags.map((tag) => /^(?:cp|py)(\d)(\d*)$/.exec(tag)).map((found) => (found === null ? "" : `${found[1]}${found[2] === "" ? "" : `.${found[2]}`}`))))].filter((minor) => minor !== "");
  const [first, ...rest] = minors.toSorted(compareVersions);
  const last = rest.at(-1);
  if (first === undefined) return "another Python implementation";
  return last === undefined ? `Python ${first}` : `Python ${first}${rest.length === 1 ? " and" : " to"} ${last}`;
}

function glibcOf(tag: string): string | undefined {
  const [, legacy, version] = /^manylinux(?:(1|2010|2014)|_([0-9]+_[0-9]+))_/.exec(tag) ?? [];
  if (legacy !== undefined) return { 1: "2.5", 2010: "2.12", 2014: "2.17" }[legacy];
  return version === undefined ? undefined : parseLibcVersion(version.replace("_", "."))?.join(".");
}

function printSystems(platforms: readonly string[]): string {
  const names = platforms.map((tag) => {
    if (tag.startsWith("win")) return "Windows";
    if (tag.startsWith("macosx")) return "macOS";
    return /^(?:many|musl)?linux.*?_(x86_64|aarch64|i686|armv7l|ppc64le|s390x|riscv64|loongarch64)$/.exec(tag)?.[1] ?? tag;
  });
  return [...new Set(names)].toSorted().join(", ");
}
