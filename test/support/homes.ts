import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll } from "vitest";
import { makeHome, type Home } from "./machine.ts";

/** What a command came to. */
export interface Answer {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A workspace in a home of its own. */
export interface HomeWorkspace extends Home {
  /** Where its files lie. */
  readonly work: string;
  readonly run: (...words: string[]) => Answer;
  readonly runWith: (env: Readonly<Record<string, string>>, ...words: string[]) => Answer;
}

/** Makes homes for the tests of a file or group, and removes them when all have run. */
export function openHomes(): () => Home {
  const homes: Home[] = [];
  afterAll(() => homes.forEach((home) => home.remove()));
  return () => {
    const home = makeHome();
    homes.push(home);
    return home;
  };
}

/** The same with a workspace in each, whose every file is named. */
export function openWorkspaces(): (files: Readonly<Record<string, string | Uint8Array>>) => HomeWorkspace {
  const newHome = openHomes();
  return (files) => {
    const home = newHome();
    const work = join(home.directory, "work");
    mkdirSync(work);
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(work, path)), { recursive: true });
      writeFileSync(join(work, path), content);
    }
    const runWith: HomeWorkspace["runWith"] = (env, ...words) => {
      const { status, stdout, stderr } = spawnSync("caisson", words, { cwd: work, env: { ...home.env, ...env }, encoding: "utf8", timeout: 120_000 });
      return { status, stdout, stderr };
    };
    return { ...home, work, run: (...words) => runWith({}, ...words), runWith };
  };
}
