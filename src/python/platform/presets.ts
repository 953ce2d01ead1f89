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
  shipped("debian", "8", "2.19", "libc6 2.19-18 of jessie; its Python is 3.4"),
  shipped("debian", "9", "2.24", "libc6 2.24-11 of stretch; its Python is 3.5"),
  glibc("debian", "10", "2.28", "3.7.3", "libc6 2.28-10 and python3 3.7.3-1 of buster"),
  glibc("debian", "11", "2.31", "3.9.2", "libc6 2.31-13 and python3 3.9.2-3 of bullseye", ["x86_64"]),
  glibc("debian", "12", "2.36", "3.11.2", "libc6 2.36-9 and python3 3.11.2-1 of bookworm", ["x86_64"]),
  glibc("debian", "13", "2.41", "3.13.5", "libc6 2.41-12 and python3 3.13.5-1 of trixie", ["x86_64"]),
  glibc("ubuntu", "22.04", "2.35", "3.10.4", "libc6 2.35-0ubuntu3 and python3 3.10.4-0ubuntu2 of jammy", ["x86_64"]),
  glibc("ubuntu", "24.04", "2.39", "3.12.3", "libc6 2.39-0ubuntu8 and python3 3.12.3-0ubuntu1 of noble", ["x86_64"]),
  shipped("centos", "7", "2.17", "glibc 2.17-317.el7 of 7.9.2009; its Python is 2.7, and 3.6 on request"),
  glibc("rocky", "8", "2.28", "3.6.8", "glibc 2.28 and platform-python 3.6.8 of el8"),
  glibc("rocky", "9", "2.34", "3.9.10", "glibc 2.34 and python3 3.9.10 of 9.0"),
  musl("alpine", "3.17", "1.2", "3.10.9", "musl 1.2.3 and python3 3.10 of v3.17 main"),
  musl("alpine", "3.18", "1.2", "3.11.3", "musl 1.2.4 and python3 3.11 of v3.18 main"),
  musl("alpine", "3.19", "1.2", "3.11.6", "musl 1.2.4 and python3 3.11 of v3.19 main"),
  musl("alpine", "3.20", "1.2", "3.12.3", "musl 1.2.5 and python3 3.12 of v3.20 main"),
  musl("alpine", "3.21", "1.2", "3.12.8", "musl 1.2.5 and python3 3.12 of v3.21 main"),
  musl("alpine", "3.22", "1.2", "3.12.10", "musl 1.2.5 and python3 3.12 of v3.22 main"),
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
