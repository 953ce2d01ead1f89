import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { choosePlatforms } from "../../src/cli/platforms.ts";
import * as library from "../../src/index.ts";
import { parseCompletePlatform } from "../../src/python/index.ts";
import { lacking, startHosts } from "../support/hosts.ts";
import { makeHome, type Home } from "../support/machine.ts";
import { askPackaging, hasPackaging, oraclePython } from "../support/python-oracle.ts";

const PEX = ["pex==2.105.2"];
const hasPex = canHavePex();

function canHavePex(): boolean {
  try {
    return existsSync(oraclePython("pex", PEX));
  } catch {
    return false;
  }
}

let home: Home;
let work: string;
beforeEach(() => {
  home = makeHome();
  work = join(home.directory, "work");
  mkdirSync(work);
});
afterEach(() => home.remove());

function sh(script: string, env: Readonly<Record<string, string>> = {}): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  const { status, stdout, stderr } = spawnSync("sh", ["-ec", script], { cwd: work, env: { ...home.env, ...env }, encoding: "utf8" });
  return { status, stdout, stderr };
}

interface Document {
  readonly marker_environment: Readonly<Record<string, string>>;
  readonly compatible_tags: readonly string[];
  readonly path: string;
  readonly os: { readonly id: string; readonly release: string };
}

function probe(words = "", env: Readonly<Record<string, string>> = {}): Document {
  const { status, stdout, stderr } = sh(`caisson platform probe ${words}`, env);
  expect([status, stderr]).toEqual([0, expect.stringMatching(/^\S+ is \S+: (?:glibc|musl) [\d.]+, CPython 3\.\S+, (?:x86_64|aarch64); /)]);
  return JSON.parse(stdout) as Document;
}

function portable(tags: readonly string[]): readonly string[] {
  return tags.filter((tag) => !/-linux_/.test(tag));
}

describe("caisson platform list", () => {
  it("row N1: has every platform with its C library, its Python, whether that has to be brought, and how it is known", () => {
    const lines = sh("caisson platform list").stdout.trim().split("\n");
    const labels = lines.map((line) => line.split(" ")[0]);
    expect(labels).toEqual(expect.arrayContaining(["debian-8", "debian-9", "debian-10", "debian-11", "debian-12", "debian-13", "ubuntu-2204", "ubuntu-2404", "centos-7", "rocky-8", "rocky-9", "alpine-322", "debian-13-arm64"]));
    expect(lines.find((line) => line.startsWith("centos-7 "))).toMatch(/^centos-7 +glibc 2\.17 +Python 3\.8 +brings tree:python-3\.8 +proven +PEP 599, /);
    expect(lines.find((line) => line.startsWith("debian-12 "))).toMatch(/^debian-12 +glibc 2\.36 +Python 3\.11 +the system's own +ran +a root of bookworm: libc6 2\.36-9, /);
    const { platforms } = JSON.parse(sh("caisson platform list --json").stdout) as { readonly platforms: readonly { readonly label: string; readonly evidence: string; readonly source: string }[] };
    expect(platforms.map(({ label }) => label)).toEqual(labels);
    expect(platforms.filter(({ evidence, source }) => !["ran", "proven", "declared"].includes(evidence) || source === "")).toEqual([]);
  });
});

describe("caisson platform probe", () => {
  it.skipIf(!hasPackaging)("says of this machine what PyPA packaging says, but for its kernel (needs PyPA packaging)", () => {
    const truth = askPackaging("from packaging.tags import sys_tags\nfrom packaging.markers import default_environment\nanswers = {'tags': [str(t) for t in sys_tags()], 'markers': default_environment()}", []) as { readonly tags: readonly string[]; readonly markers: Readonly<Record<string, string>> };
    const found = probe();
    // Where plain `linux` stands is a matter of taste: such a wheel is taken from nobody but our own builds.
    expect(portable(found.compatible_tags)).toEqual(portable(truth.tags));
    expect(found.compatible_tags.toSorted()).toEqual(truth.tags.toSorted());
    expect(found.marker_environment).toEqual({ ...truth.markers, platform_release: "", platform_version: "" });
    const read = askPackaging("from packaging.markers import Marker\nanswers = [Marker('python_version >= \"3.6\" and sys_platform == \"linux\"').evaluate(questions)]", found.marker_environment);
    expect(read).toEqual([true]);
  });

  it.skipIf(!hasPex)("is what pex says of the same interpreter, and reads back what pex wrote (needs pex)", () => {
    const { status, stdout } = spawnSync(oraclePython("pex", PEX), ["-m", "pex.cli", "interpreter", "inspect", "--markers", "--tags"], { encoding: "utf8", env: home.env });
    const theirs = JSON.parse(stdout) as Document;
    const ours = probe();
    expect([status, ours.compatible_tags.toSorted()]).toEqual([0, theirs.compatible_tags.toSorted()]);
    expect(parseCompletePlatform("pex.json", stdout, ours.os)).toMatchObject({ tags: theirs.compatible_tags, markers: theirs.marker_environment, os: ours.os });
  });

  it("is read back as a platform of a workspace, whose bundles bear its name", () => {
    writeFileSync(join(work, "caisson.toml"), '[workspace]\nplatforms = ["ours"]\n[platforms.ours]\nfile = "ours.json"\n[packages.conf]\nkind = "files"\npath = "conf"\n');
    mkdirSync(join(work, "conf"));
    writeFileSync(join(work, "conf/VERSION"), "1.0\n");
    const { os } = probe("> ours.json && cat ours.json");
    expect(sh("caisson build --format dir")).toMatchObject({ status: 0, stdout: "dist/conf-1.0-ours\n" });
    expect(JSON.parse(readFileSync(join(work, "dist/conf-1.0-ours/data/payload.json"), "utf8"))).toMatchObject({ platform: { label: "ours", os, evidence: "ran" } });
    expect(sh("caisson platform list").stdout).toMatch(/\nours +\S+ \S+ +Python 3\.\d+ +the system's own +ran +this workspace says so\n$/);
  });

  it("refuses what is no host, no minor, and an interpreter that is not there", () => {
    expect(sh("caisson platform probe -- -oProxyCommand=x")).toMatchObject({ status: 2, stderr: expect.stringContaining("error: `-oProxyCommand=x` is no host\n") as string });
    expect(sh("caisson platform probe --python 4")).toMatchObject({ status: 2, stderr: "error: `4` is no minor version of Python 3\nhint: --python 3.12\n" });
    expect(sh("caisson platform probe --python 3.99")).toMatchObject({ status: 1, stderr: expect.stringContaining("error: `local`: there is no python3.99 here\n") as string });
  });
});

describe.skipIf(lacking() !== undefined)("caisson platform probe USER@HOST (needs sshd)", () => {
  it("says over one connection what the host says of itself, and leaves nothing there", async () => {
    await using hosts = await startHosts({ count: 1 });
    const h1 = hosts.get("h1");
    const before = readdirSync(h1.outside(h1.root("")));
    const found = probe(h1.address, { PATH: `${hosts.files.bin}:${home.env["PATH"] ?? ""}` });
    const { stdout } = await h1.run("python3 -I -c 'import os, platform, sys; print(platform.python_version(), os.path.realpath(sys._base_executable))'");
    expect(`${found.marker_environment["python_full_version"]} ${found.path}`).toBe(stdout.trim());
    // Hosts of this kind are this machine.
    expect(found.os).toEqual(probe().os);
    expect([h1.connections() - 1, readdirSync(h1.outside(h1.root("")))]).toEqual([1, before]);
  });
});

describe.skipIf(lacking("namespace") !== undefined)(`caisson platform probe of another system (${lacking("namespace") ?? ""})`, () => {
  it("knows a real Debian by its name, and what one without python3 is by its shell", async () => {
    await using hosts = await startHosts({ kind: "namespace", count: 2, hosts: { h2: { python: false } } });
    const env = { PATH: `${hosts.files.bin}:${home.env["PATH"] ?? ""}` };
    const [id, release] = (await hosts.get("h1").enter(["sh", "-c", ". /etc/os-release; echo $ID $VERSION_ID"])).trim().split(" ");
    const found = probe("deploy@h1", env);
    expect(found.os).toEqual({ id, release });
    expect(sh("caisson platform probe deploy@h1", env).stderr).toMatch(/^h1 is debian-1[1-3]: .*; known by that name, without a file\n$/);
    expect(sh("caisson platform probe deploy@h2", env)).toMatchObject({ status: 1, stdout: "", stderr: expect.stringMatching(/^error: `h2` has no Python 3\.6 or newer; it is debian 1[1-3], glibc 2\.[34][0-9], x86_64\nhint: name the Python that its releases will bring: caisson platform probe deploy@h2 --python 3\.11\n$/) as string });
    const minor = found.marker_environment["python_version"] ?? "";
    const brought = sh(`caisson platform probe deploy@h2 --python ${minor}`, env);
    expect(brought.stderr).toMatch(/^h2 is debian-1[1-3]: glibc 2\.[34][0-9], no Python, and to have CPython 3\.[0-9]+, x86_64; known by that name, without a file\n$/);
    expect(JSON.parse(brought.stdout)).toMatchObject({ os: found.os, compatible_tags: found.compatible_tags, marker_environment: { python_full_version: `${minor}.0` } });
  });
});

describe("which platforms are built", () => {
  beforeEach(() => {
    writeFileSync(join(work, "caisson.toml"), '[workspace]\nplatforms = ["debian-12", "centos-7"]\n[packages.conf]\nkind = "files"\npath = "conf"\n');
    mkdirSync(join(work, "conf"));
    writeFileSync(join(work, "conf/VERSION"), "1.0\n");
  });

  it.each<readonly [what: string, env: Readonly<Record<string, string>>, words: readonly string[], platforms: readonly string[]]>([
    ["SYSBASE unset: the choice is the workspace's, which is all that it names", {}, [], []],
    ["SYSBASE empty: the same", { SYSBASE: "" }, [], []],
    ["SYSBASE selects", { SYSBASE: "centos-7" }, [], ["centos-7"]],
    ["SYSBASE selects several", { SYSBASE: "centos-7, debian-12" }, [], ["centos-7", "debian-12"]],
    ["SYSBASE names one that the workspace does not", { SYSBASE: "debian-9" }, [], ["debian-9"]],
    ["--platform wins over SYSBASE", { SYSBASE: "centos-7" }, ["debian-12"], ["debian-12"]],
    ["one that is named twice is built once", {}, ["rocky-9", "rocky-9"], ["rocky-9"]],
  ])("row N1: %s", async (_, env, words, platforms) => {
    const context = library.createContext({ cwd: work, env, report: () => undefined, signal: new AbortController().signal });
    const workspace = await library.readWorkspace(context, work);
    const input = { arguments: [], value: () => undefined, values: () => words, has: () => false };
    expect(choosePlatforms({ library, context }, workspace, input).map(({ label }) => label)).toEqual(platforms);
  });

  it("row N1: one command builds for all that the workspace names, and SYSBASE, or before it CAISSON_PLATFORM, narrows it", () => {
    expect(sh("caisson build")).toMatchObject({ status: 0, stdout: "dist/conf-1.0-debian-12.tar.gz\ndist/conf-1.0-centos-7.tar.gz\n" });
    expect(sh("caisson build", { SYSBASE: "centos-7", CAISSON_PLATFORM: "" })).toMatchObject({ status: 0, stdout: "dist/conf-1.0-centos-7.tar.gz\n" });
    expect(sh("caisson build", { SYSBASE: "centos-7", CAISSON_PLATFORM: "debian-12" })).toMatchObject({ status: 0, stdout: "dist/conf-1.0-debian-12.tar.gz\n" });
  });

  it("row N1: an unknown one is refused with the list, before anything is made", () => {
    expect(sh("caisson build", { SYSBASE: "centos-6" })).toEqual({ status: 2, stdout: "", stderr: "error: unknown platform `centos-6`\nhint: did you mean `centos-7`? this workspace has debian-12, centos-7; caisson platform list has all\n" });
    expect(sh("caisson lock", { SYSBASE: "solaris" })).toEqual({ status: 2, stdout: "", stderr: "error: unknown platform `solaris`\nhint: this workspace has debian-12, centos-7; caisson platform list has all\n" });
    writeFileSync(join(work, "caisson.toml"), '[packages.conf]\nkind = "files"\npath = "conf"\n');
    expect(sh("caisson build --platform solaris")).toMatchObject({ status: 2, stderr: expect.stringMatching(/^error: unknown platform `solaris`\nhint: known: debian-8, debian-9, .*, centos-7, rocky-8, .*; each also with -arm64 or -py312\n$/) as string });
    expect(readdirSync(work).toSorted()).toEqual(["caisson.toml", "conf"]);
  });
});
