import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { mkdtempSync, realpathSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/** The root of this checkout. */
export const project: string = join(import.meta.dirname, "../..");

/** What tests keep between runs: tools and wheels from the index, never results. */
export const cache: string = join(project, ".cache");

/** Whether a program is on PATH. */
export function has(program: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((directory) => existsSync(join(directory, program)));
}

export interface Python {
  /** The interpreter proper, absolute. */
  readonly path: string;
  /** `3.11` */
  readonly minor: string;
}

/** Every CPython >= 3.6 that runs here, one for each minor, oldest first: from PATH, and from pyenv where it is. */
export function findPythons(): readonly Python[] {
  const versions = join(process.env["PYENV_ROOT"] ?? join(homedir(), ".pyenv"), "versions");
  const directories = [...(process.env["PATH"] ?? "").split(delimiter), ...(existsSync(versions) ? readdirSync(versions).map((name) => join(versions, name, "bin")) : [])];
  const found = new Map<string, Python>();
  for (const directory of directories) {
    for (let minor = 6; minor <= 20; minor++) {
      const path = join(directory, `python3.${minor}`);
      if (found.has(`3.${minor}`) || !existsSync(path)) continue;
      try {
        const answer = execFileSync(path, ["-I", "-c", "import os, sys; print(os.path.realpath(sys.executable), '%d.%d' % sys.version_info[:2], sys.implementation.name)"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
        const [proper = "", version = "", implementation] = answer.trim().split(" ");
        if (implementation === "cpython") found.set(version, { path: proper, minor: version });
      } catch {
        // A version manager's script whose version is not chosen, or a build that does not run here.
      }
    }
  }
  return [...found.values()].toSorted((a, b) => Number(a.minor.slice(2)) - Number(b.minor.slice(2)));
}

/** The minor of the python3 on PATH. */
export function defaultPythonMinor(): string {
  return execFileSync("python3", ["-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], { encoding: "utf8" }).trim();
}

/** An empty HOME with a `caisson` on its PATH, that leaves nothing outside a directory of its own. */
export interface Home {
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  readonly remove: () => void;
}

/** Tools and the index's files are shared by all tests, so that the index is asked once; stores and settings are not. */
export function makeHome(): Home {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "caisson home ")));
  const bin = join(directory, ".bin");
  mkdirSync(bin);
  mkdirSync(join(directory, "tmp"));
  writeFileSync(join(bin, "caisson"), `#!/bin/sh\nexec '${process.execPath}' '${join(project, "dist/bin/caisson.js")}' "$@"\n`, { mode: 0o755 });
  const keep = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined && !/^(?:CAISSON_|XDG_|npm_|VITEST|NODE_ENV|NO_COLOR|FORCE_COLOR|CI$)/.test(entry[0]));
  return {
    directory,
    env: {
      ...Object.fromEntries(keep),
      HOME: directory,
      TMPDIR: join(directory, "tmp"),
      XDG_CACHE_HOME: join(cache, "xdg"),
      PYENV_ROOT: process.env["PYENV_ROOT"] ?? join(homedir(), ".pyenv"),
      PATH: `${bin}${delimiter}${process.env["PATH"] ?? ""}`,
      LC_ALL: "C.UTF-8",
      GIT_AUTHOR_NAME: "T", GIT_AUTHOR_EMAIL: "t@example.com", GIT_COMMITTER_NAME: "T", GIT_COMMITTER_EMAIL: "t@example.com",
      GIT_AUTHOR_DATE: "2024-05-01T12:00:00Z", GIT_COMMITTER_DATE: "2024-05-01T12:00:00Z", GIT_CONFIG_GLOBAL: "/dev/null",
      PYTHONDONTWRITEBYTECODE: "1",
    },
    remove: () => {
      execFileSync("chmod", ["-R", "u+rwx", directory]);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
