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
}

/** Sources: packages.debian.org, packages.ubuntu.com, CentOS and Rocky package lists, pkgs.alpinelinux.org. */
export const PRESETS: readonly Preset[] = [
  glibc("debian", "8", "2.19", "3.8.20", true),
  glibc("debian", "9", "2.24", "3.8.20", true),
  glibc("debian", "10", "2.28", "3.7.3"),
  glibc("debian", "11", "2.31", "3.9.2"),
  glibc("debian", "12", "2.36", "3.11.2"),
  glibc("debian", "13", "2.41", "3.13.5"),
  glibc("ubuntu", "22.04", "2.35", "3.10.4"),
  glibc("ubuntu", "24.04", "2.39", "3.12.3"),
  glibc("centos", "7", "2.17", "3.8.20", true),
  glibc("rocky", "8", "2.28", "3.6.8"),
  glibc("rocky", "9", "2.34", "3.9.10"),
  musl("alpine", "3.17", "1.2", "3.10.9"),
  musl("alpine", "3.18", "1.2", "3.11.3"),
  musl("alpine", "3.19", "1.2", "3.11.6"),
  musl("alpine", "3.20", "1.2", "3.12.3"),
  musl("alpine", "3.21", "1.2", "3.12.8"),
  musl("alpine", "3.22", "1.2", "3.12.10"),
];

function glibc(os: string, release: string, version: string, python: string, tree = false): Preset {
  return { os, release, libc: { family: "glibc", version }, python, tree };
}

function musl(os: string, release: string, version: string, python: string): Preset {
  return { os, release, libc: { family: "musl", version }, python, tree: false };
}
