import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createContext, type Context } from "../../src/system/index.ts";
import type { Event } from "../../src/model/index.ts";

/** A directory of its own with a HOME in it, and a context that knows nothing of the machine's settings. */
export interface Ground {
  readonly directory: string;
  readonly context: Context;
  readonly events: readonly Event[];
  /** The same ground with other variables; undefined takes one away. */
  with(env: Readonly<Record<string, string | undefined>>): Context;
  write(files: Readonly<Record<string, string>>): void;
  git(...words: readonly string[]): string;
  /** `git` below a directory of the ground. */
  gitIn(directory: string, ...words: readonly string[]): string;
  remove(): void;
}

const gitEnvironment: Readonly<Record<string, string>> = {
  GIT_AUTHOR_NAME: "T", GIT_AUTHOR_EMAIL: "t@example.com", GIT_COMMITTER_NAME: "T", GIT_COMMITTER_EMAIL: "t@example.com",
  GIT_AUTHOR_DATE: "2024-05-01T12:00:00Z", GIT_COMMITTER_DATE: "2024-05-01T12:00:00Z", GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1",
};

/** Seconds of 2024-05-01T12:00:00Z. */
export const COMMIT_TIME = 1_714_564_800;

export function makeGround(): Ground {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "caisson sources ")));
  const home = join(directory, ".home");
  mkdirSync(home);
  const events: Event[] = [];
  const env = { PATH: process.env["PATH"], HOME: home, XDG_CACHE_HOME: join(home, "cache"), TMPDIR: process.env["TMPDIR"], ...gitEnvironment };
  const contextWith = (more: Readonly<Record<string, string | undefined>>): Context => createContext({ cwd: directory, env: { ...env, ...more }, report: (event) => events.push(event), signal: new AbortController().signal });
  const gitIn = (below: string, ...words: readonly string[]): string => execFileSync("git", ["-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always", ...words], { cwd: join(directory, below), env: { PATH: process.env["PATH"] ?? "", HOME: home, ...gitEnvironment }, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
  return {
    directory,
    context: contextWith({}),
    events,
    with: contextWith,
    write: (files) => {
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(directory, path)), { recursive: true });
        writeFileSync(join(directory, path), text);
      }
    },
    gitIn,
    git: (...words) => gitIn(".", ...words),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}
