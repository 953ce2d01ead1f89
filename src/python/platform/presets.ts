import type { Platform } from "../../model/index.ts";

/** A release of a distribution as it comes: its libc, and the Python that we take there unless somebody says otherwise. */
export interface Preset {
  /** os-release ID and VERSION_ID. */
  readonly os: string;
  readonly release: string;
  readonly libc: Platform["libc"];
  /** Its own `python3`, in the first patch release it came with; on systems whose own is too old, 3.8. */
  readonly python: string;
  /** Its own Python is no use to us, so that one has to be shipped as a tree. */
  readonly tree: boolean;
  /** Architectures on which a root of it was asked, and a bundle installed and run there: `scripts/platforms.mjs`, docs/platforms.md. */
  readonly ran: readonly Platform["arch"][];
  /** What libc and Python were taken from. */
  readonly source: string;
}

export const PRESETS: readonly Preset[] = [
  shipped("debian", "8", "2.19", "the release's own packages; its Python is 3.4"),
  shipped("debian", "9", "2.24", "the base of PyPA's manylinux_2_24; its Python is 3.5"),
  glibc("debian", "10", "2.28", "3.7.3", "the release's own packages"),
  glibc("debian", "11", "2.31", "3.9.2", "a root of bullseye: libc6 2.31-13, python3 3.9.2-3", ["x86_64"]),
  glibc("debian", "12", "2.36", "3.11.2", "a root of bookworm: libc6 2.36-9, python3 3.11.2-1", ["x86_64"]),
  glibc("debian", "13", "2.41", "3.13.5", "a root of trixie: libc6 2.41-12, python3 3.13.5-1", ["x86_64"]),
  glibc("ubuntu", "22.04", "2.35", "3.10.4", "a root of jammy: libc6 2.35-0ubuntu3, python3 3.10.4-0ubuntu2", ["x86_64"]),
  glibc("ubuntu", "24.04", "2.39", "3.12.3", "a root of noble: libc6 2.39-0ubuntu8, python3 3.12.3-0ubuntu1", ["x86_64"]),
  shipped("centos", "7", "2.17", "PEP 599, whose manylinux2014 it is; its Python is 2.7"),
  glibc("rocky", "8", "2.28", "3.6.8", "the base of PyPA's manylinux_2_28 (el8), and its platform-python"),
  glibc("rocky", "9", "2.34", "3.9.10", "the base of PyPA's manylinux_2_34 (el9), and its python3"),
  musl("alpine", "3.17", "1.2", "3.10.9", "the release's own packages: musl 1.2.3"),
  musl("alpine", "3.18", "1.2", "3.11.3", "the release's own packages: musl 1.2.4"),
  musl("alpine", "3.19", "1.2", "3.11.6", "the release's own packages: musl 1.2.4"),
  musl("alpine", "3.20", "1.2", "3.12.3", "the release's own packages: musl 1.2.5"),
  musl("alpine", "3.21", "1.2", "3.12.8", "the release's own packages: musl 1.2.5"),
  musl("alpine", "3.22", "1.2", "3.12.10", "the release's own packages: musl 1.2.5"),
];

/** How we know what a preset says: a bundle ran on a root of it; or its symbols can be proven, for glibc has versions of them; or the distribution's package lists say so. */
export function evidenceOf({ ran, libc }: Preset, arch: Platform["arch"]): Platform["evidence"] {
  if (ran.includes(arch)) return "ran";
  return libc.family === "glibc" ? "proven" : "declared";
}

function glibc(os: string, release: string, version: string, python: string, source: string, ran: Preset["ran"] = []): Preset {
  return { os, release, libc: { family: "glibc", version }, python, tree: false, ran, source };
}

/** With a Python that releases bring along, the oldest that builds for such systems are still had of. */
function shipped(os: string, release: string, version: string, source: string): Preset {
  return { ...glibc(os, release, version, "3.8.20", source), tree: true };
}

function musl(os: string, release: string, version: string, python: string, source: string): Preset {
  return { os, release, libc: { family: "musl", version }, python, tree: false, ran: [], source };
}
