import type { Platform } from "../../model/index.ts";
import { compatibleTags, parseLibcVersion } from "./tags.ts";
import { evidenceOf, PRESETS } from "./presets.ts";

/**
 * The platform that a label names, `debian-12`, `debian-12-py312`, `debian-12-arm64`; undefined where it names none we know.
 * That a bundle ran there is said of the Python that it has by default.
 */
export function platformPreset(label: string): Platform | undefined {
  const [, base = "", arm, minor] = /^(.+?)(-arm64)?(?:-py3([0-9]{1,2}))?$/.exec(label) ?? [];
  const preset = PRESETS.find(({ os, release }) => labelOf(os, release) === base);
  if (preset === undefined) return undefined;
  const machine = { os: { id: preset.os, release: preset.release }, arch: arm === undefined ? "x86_64" : "aarch64", libc: preset.libc } as const;
  if (minor === undefined || preset.python.startsWith(`3.${minor}.`)) return platformFromFacts({ ...machine, python: preset.python }, evidenceOf(preset, machine.arch));
  return platformFromFacts({ ...machine, python: `3.${minor}` }, evidenceOf({ ...preset, ran: [] }, machine.arch));
}

/** Every platform we know by name, with the Python it has by default. */
export function platformPresets(): readonly Platform[] {
  return PRESETS.flatMap((preset) => ["", "-arm64"].map((arch) => platformPreset(`${labelOf(preset.os, preset.release)}${arch}`))).filter((known) => known !== undefined);
}

/** What a preset's libc and Python were taken from, in words; undefined for a platform that is none. */
export function platformSource({ os }: Platform): string | undefined {
  return PRESETS.find((preset) => os.id === preset.os && os.release === preset.release)?.source;
}

/** Whether a platform's own Python is no use, so that one is shipped as a tree unless somebody says otherwise. */
export function needsInterpreterTree(platform: Platform): boolean {
  return PRESETS.some(({ os, release, tree }) => tree && os === platform.os.id && release === platform.os.release);
}

/** What a machine tells about itself. */
export interface PlatformFacts {
  /** os-release ID and VERSION_ID; a release may be empty, as a rolling distribution's is. */
  readonly os: Platform["os"];
  readonly arch: Platform["arch"];
  readonly libc: Platform["libc"];
  /** `3.11.7`, or `3.11` where nobody knows better. */
  readonly python: string;
  /** Minors of glibc whose wheels the machine will not have, as its `_manylinux` module says (PEP 600). */
  readonly refused?: readonly number[];
}

/** The platform of a real machine: under a preset's label where it is one, and a legal label for any other. */
export function platformFromFacts(facts: PlatformFacts, evidence: Platform["evidence"]): Platform {
  const [major = 3, minor = 0] = facts.python.split(".").map((part) => Number.parseInt(part, 10));
  const version = `${major}.${minor}` as const;
  const release = significantRelease(facts.os);
  const libc = { family: facts.libc.family, version: parseLibcVersion(facts.libc.version)?.join(".") ?? facts.libc.version };
  const full = /^[0-9]+\.[0-9]+\./.test(facts.python) ? facts.python : undefined;
  return {
    label: printLabel({ id: facts.os.id, release }, facts.arch, version),
    os: { id: facts.os.id, release },
    arch: facts.arch,
    libc,
    python: { implementation: "cpython", version, ...(full === undefined ? {} : { full }) },
    markers: markers(facts.arch, version, full),
    tags: compatibleTags(version, facts.arch, libc, facts.refused),
    evidence,
  };
}

/** How much of a release tells systems apart: a minor release of Rocky or Alpine brings no other libc. */
function significantRelease({ id, release }: Platform["os"]): string {
  const numbers = release.split(".");
  if (["centos", "rocky", "rhel", "almalinux", "ol"].includes(id)) return numbers[0] ?? "";
  return id === "alpine" ? numbers.slice(0, 2).join(".") : release;
}

/** Without what is the default: x86_64, and the Python that a preset has by default. */
function printLabel(os: Platform["os"], arch: Platform["arch"], python: string): string {
  const base = labelOf(os.id, os.release);
  const preset = PRESETS.find((known) => labelOf(known.os, known.release) === base);
  const isDefault = preset?.python.startsWith(`${python}.`) === true;
  return `${base}${arch === "aarch64" ? "-arm64" : ""}${isDefault ? "" : `-py${python.replace(".", "")}`}`;
}

function labelOf(id: string, release: string): string {
  return [id === "" ? "linux" : id, release === "" ? "rolling" : release].map((part) => part.toLowerCase().replaceAll(".", "").replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-|-$/g, "") || "unknown").join("-");
}

/** The 11 variables of PEP 508. What a kernel says of itself is left empty: it is not known before a release runs, and no choice may hang on it. */
function markers(arch: string, version: string, full: string | undefined): Platform["markers"] {
  // The lowest patch release, as uv takes it: what fits it fits every later one.
  const fullVersion = full ?? `${version}.0`;
  return {
    implementation_name: "cpython",
    implementation_version: fullVersion,
    os_name: "posix",
    platform_machine: arch,
    platform_python_implementation: "CPython",
    platform_release: "",
    platform_system: "Linux",
    platform_version: "",
    python_full_version: fullVersion,
    python_version: version,
    sys_platform: "linux",
  };
}
