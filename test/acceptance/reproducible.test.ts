import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, cpSync, existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { write, writeForge } from "../support/forge.ts";
import { openHomes } from "../support/homes.ts";
import { cache, has, project, type Home } from "../support/machine.ts";
import { NODES, otherNode } from "../support/other-node.ts";

/**
 * A package with a compiled extension, one that needs it and an sdist, one with a lock, files and a turret, in every format: built again and again in other surroundings, each time from nothing.
 * A usual run has many of them at once; SWEEP=all has each alone, to tell which one it was.
 */
const NOBODY = 65534;
const newHome = openHomes();

/** Where and how a build runs; none of it may reach the bytes. */
interface Surroundings {
  readonly name: string;
  readonly directory?: string;
  readonly umask?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly user?: boolean;
  readonly oneCore?: boolean;
  /** Seconds that the clock is ahead. */
  readonly ahead?: number;
  readonly node?: string;
  readonly lacks?: string;
  readonly clone?: boolean;
}

const DIRECTORY = "elsewhere/ü and more/deep/forge";
const NOISE = { CFLAGS: "-O0 -DNOISE", LDFLAGS: "-s", PYTHONPATH: "/nowhere", MAKEFLAGS: "-j9", PYTHONOPTIMIZE: "2", UV_RESOLUTION: "lowest", PIP_NO_BINARY: ":all:", EDITOR: "ed" };
const WORDS = { TZ: "Asia/Tokyo", LC_ALL: "tr_TR.UTF-8", LANG: "tr_TR.UTF-8", PYTHONHASHSEED: "7" };
const TWENTY_YEARS = 631_152_000;

/** A python3 with headers that anybody may run; undefined where only its owner may. */
const common = process.getuid?.() === 0 ? ["/usr/local/bin/python3", "/usr/bin/python3"].find((python) => spawnSync(python, ["-I", "-c", "import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path('include') + '/Python.h'))"], { uid: NOBODY, gid: NOBODY }).status === 0) : undefined;

const single: readonly Surroundings[] = [
  { name: "another directory", directory: DIRECTORY },
  { name: "another umask", umask: "077" },
  { name: "another time zone, locale and hash seed", env: WORDS },
  { name: "variables of compilers and of tools", env: NOISE },
  { name: "twenty years later", ahead: TWENTY_YEARS },
  { name: "a clone of the repository", clone: true },
  { name: "no bzip2", lacks: "bzip2" },
  ...(has("taskset") ? [{ name: "one core", oneCore: true }] : []),
  ...(common !== undefined ? [{ name: "another user", user: true, umask: "002" }] : []),
  ...NODES.map((node) => ({ name: `Node ${node}`, node })),
];

const together: readonly Surroundings[] = [
  { name: "as another user, in another directory, with other umask, time zone, locale, hash seed, variables and cores, and another Node", directory: DIRECTORY, umask: "077", env: { ...WORDS, ...NOISE }, clone: true, oneCore: has("taskset"), user: common !== undefined, node: NODES.at(-1) ?? "" },
  { name: "twenty years later, without bzip2, by another Node still", ahead: TWENTY_YEARS, lacks: "bzip2", umask: "027", node: NODES.at(-2) ?? "" },
];

let original: string;
let clock: string;
let first: Readonly<Record<string, string>>;

beforeAll(() => {
  const home = newHome();
  original = join(home.directory, "forge");
  mkdirSync(original);
  clock = join(home.directory, "wrong-clock.so");
  execFileSync("gcc", ["-shared", "-fPIC", "-o", clock, join(import.meta.dirname, "../support/wrong-clock.c"), "-ldl"]);
  writeFileSync(join(home.directory, "offset"), String(TWENTY_YEARS));
  chmodSync(home.directory, 0o755);
  const git = (...words: readonly string[]): Buffer => execFileSync("git", ["-c", "init.defaultBranch=main", ...words], { cwd: original, env: home.env });
  writeForge(original, git);
  write(original, {
    "load/config.json": JSON.stringify({ run_time: 30, results_ts_interval: 10, testing: false, progress_bar: true, hq_address: "hq", publish_port: 5000, rc_port: 5001, turrets: [{ name: "shell", cannons: 1, rampup: 0, command: ["./run.sh"], extra_files: ["run.sh"] }] }),
    "load/run.sh": "#!/bin/sh\n",
    "load/VERSION": "1.2\n",
    "caisson.toml": `${readFileSync(join(original, "caisson.toml"), "utf8")}\n[packages.shell]\nkind = "turret"\npath = "load"\n`,
  });
  chmodSync(join(original, "load/run.sh"), 0o755);
  git("add", "-A");
  git("commit", "-qm", "load");
  first = build({ name: "as it comes" });
}, 600_000);

const FORMATS = ["tar.gz", "tar.bz2", "tar", "zip", "dir", "wheelhouse", "turret"];

function build(how: Surroundings): Readonly<Record<string, string>> {
  const home = newHome();
  const forge = join(home.directory, how.directory ?? "forge");
  mkdirSync(join(forge, ".."), { recursive: true });
  if (how.clone === true) {
    execFileSync("git", ["clone", "--quiet", original, forge], { env: home.env });
    cpSync(join(original, "wheels"), join(forge, "wheels"), { recursive: true });
  } else cpSync(original, forge, { recursive: true, verbatimSymlinks: true });
  const env: Record<string, string> = { ...home.env, ...how.env, PATH: pathTo(home, common) };
  if (how.user === true) {
    // The shared cache belongs to us; the resolver alone is copied, so that it is not fetched again.
    env["XDG_CACHE_HOME"] = join(home.directory, "cache");
    env["USER"] = "nobody";
    mkdirSync(join(env["XDG_CACHE_HOME"], "caisson"), { recursive: true });
    if (existsSync(join(cache, "xdg/caisson/tools"))) cpSync(join(cache, "xdg/caisson/tools"), join(env["XDG_CACHE_HOME"], "caisson/tools"), { recursive: true });
    execFileSync("chown", ["-R", `${NOBODY}:${NOBODY}`, home.directory]);
    chmodSync(home.directory, 0o755);
  }
  if (how.lacks !== undefined) env["PATH"] = pathWithout(how.lacks, home, env["PATH"] ?? "");
  if (how.ahead !== undefined) Object.assign(env, { LD_PRELOAD: clock, CLOCK_OFFSET: join(clock, "../offset") });
  const node = how.node === undefined ? process.execPath : otherNode(how.node);
  if (node === undefined) throw new Error(`Node ${how.node ?? ""} cannot be had`);
  // A certificate is not valid in twenty years: what the index has is known from before.
  const words = ["sh", "-c", `umask ${how.umask ?? "022"} && exec "$@"`, "sh", node, join(project, "dist/bin/caisson.js"), "build", ...FORMATS.flatMap((format) => ["--format", format]), ...(how.ahead === undefined ? [] : ["--offline"])];
  const [program = "", ...rest] = how.oneCore === true ? ["taskset", "-c", "0", ...words] : words;
  const { status, stderr } = spawnSync(program, rest, { cwd: forge, env, encoding: "utf8", ...(how.user === true ? { uid: NOBODY, gid: NOBODY } : {}) });
  expect({ how: how.name, status, stderr: status === 0 ? "" : stderr }).toEqual({ how: how.name, status: 0, stderr: "" });
  return digestsOf(join(forge, "dist"));
}

/** A PATH on which that Python is the first. */
function pathTo(home: Home, python: string | undefined): string {
  const path = home.env["PATH"] ?? "";
  if (python === undefined) return path;
  const bin = join(home.directory, "python");
  mkdirSync(bin);
  for (const name of ["python3", `python${execFileSync(python, ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"], { encoding: "utf8" }).trim()}`]) symlinkSync(python, join(bin, name));
  return [bin, path].join(delimiter);
}

/** A PATH that has everything but one program. */
function pathWithout(program: string, home: Home, path: string): string {
  return path.split(delimiter).map((directory, at) => {
    if (!existsSync(join(directory, program))) return directory;
    const others = join(home.directory, `path-${at}`);
    mkdirSync(others);
    for (const name of readdirSync(directory)) if (name !== program) symlinkSync(join(directory, name), join(others, name));
    return others;
  }).join(delimiter);
}

/** Every file below `dist/`, by its path, with its mode; a bundle's payload and trees besides, to tell where a difference begins. */
function digestsOf(dist: string): Readonly<Record<string, string>> {
  const names = readdirSync(dist, { recursive: true, encoding: "utf8" }).toSorted();
  return Object.fromEntries(names.filter((name) => lstatSync(join(dist, name)).isFile()).map((name) => {
    // A directory's programs are what the umask of no one decides; a file beside it may be read by whom it pleases.
    const mode = name.includes("/") ? (lstatSync(join(dist, name)).mode & 0o111) === 0 ? "" : " program" : "";
    return [name, `${createHash("sha256").update(readFileSync(join(dist, name))).digest("hex")}${mode}`];
  }));
}

it("makes every format of every kind of package", () => {
  const kinds = Object.keys(first).filter((name) => !name.includes("/") && !name.endsWith(".sha256")).map((name) => name.replace(/-debian-12|-\w+-[\w.]+(?=\.(?:tar|zip|whl))/, ""));
  expect(kinds.length).toBeGreaterThan(20);
  expect(Object.keys(first).filter((name) => name.endsWith("/install.sh"))).toHaveLength(5);
});

it.each(together.map((how) => [how.name, how] as const))("makes the same bytes %s", { timeout: 600_000 }, (_, how) => {
  expect(build(how)).toEqual(first);
});

const alone = process.env["SWEEP"] === "all" ? single : [];
it.each(alone.map((how) => [how.name, how] as const))("makes the same bytes with %s", { timeout: 600_000 }, (_, how) => {
  expect(build(how)).toEqual(first);
});
