/** Debian packages that tests and checks use. Installed where this is Debian and we are root; elsewhere said and left alone. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { answers } from "./needs.mjs";

/** Each package by a question that only its presence answers with yes. */
const packages = {
  busybox: ["busybox", "true"],
  dash: ["dash", "-c", ":"],
  "python3-venv": ["/usr/bin/python3", "-c", "import venv, ensurepip"],
  shellcheck: ["shellcheck", "--version"],
  curl: ["curl", "--version"],
  bzip2: ["sh", "-c", "command -v bzip2"],
  jq: ["jq", "--version"],
  unzip: ["sh", "-c", "command -v unzip"],
  fish: ["fish", "--version"],
  csh: ["csh", "-fc", "true"],
  tcsh: ["tcsh", "-fc", "true"],
  "openssh-server": ["test", "-x", "/usr/sbin/sshd"],
  debootstrap: ["sh", "-c", "command -v debootstrap"],
  "systemd-container": ["sh", "-c", "command -v systemd-nspawn"],
  systemd: ["systemd-analyze", "--version"],
  sudo: ["test", "-x", "/usr/sbin/visudo"],
  iproute2: ["ip", "-V"],
  procps: ["pgrep", "-V"],
  rsync: ["rsync", "--version"],
  strace: ["strace", "-V"],
  gcc: ["gcc", "--version"],
  "libc6-dev": ["test", "-f", "/usr/include/stdio.h"],
  e2fsprogs: ["test", "-x", "/usr/sbin/mkfs.ext4"],
};

/** Install what is missing. Never fails: what stays missing makes tests skip, and the skips are counted. */
export function installPackages() {
  const missing = Object.entries(packages).filter(([, question]) => !answers(question)).map(([name]) => name);
  if (missing.length === 0) return;
  if (!existsSync("/etc/debian_version") || process.getuid?.() !== 0) {
    console.error(`not installed here, and not ours to install: ${missing.join(", ")} (some tests will be skipped)`);
    return;
  }
  console.error(`installing ${missing.join(", ")} ...`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const install = () => spawnSync("apt-get", ["install", "-y", "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", ...missing], { stdio: ["ignore", "ignore", "inherit"], env }).status === 0;
  spawnSync("apt-get", ["update", "-q"], { stdio: "ignore", env });
  // One apt in a hundred breaks half-way; the second finishes it.
  if (!install() && !install()) console.error(`could not install ${missing.join(", ")} (some tests will be skipped)`);
}
