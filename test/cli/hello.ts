import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { makeHome, type Home } from "../support/machine.ts";

/** A workspace of one package of files, `hello`, that is well where its `etc/state` says good; in a home of its own. */
export interface Hello {
  readonly home: Home;
  /** Where its caisson.toml lies. */
  readonly work: string;
  /** Build a version, `good` unless said otherwise. Returns the bundle, from there. */
  readonly build: (version: string, state?: string) => string;
}

/** `targets`: what more stands in caisson.toml. */
export function makeHello(targets = ""): Hello {
  const home = makeHome();
  const work = join(home.directory, "work");
  mkdirSync(join(work, "config"), { recursive: true });
  writeFileSync(join(work, "caisson.toml"), `[workspace]\nname = "hello"\n[packages.hello]\nkind = "files"\npath = "config"\nprefix = "etc"\nhealth = { command = "grep -q good etc/state" }\n${targets}`);
  return {
    home, work,
    build: (version, state = "good") => {
      writeFileSync(join(work, "config/VERSION"), `${version}\n`);
      writeFileSync(join(work, "config/state"), `${state} ${version}\n`);
      const { status, stdout, stderr } = spawnSync("caisson", ["build"], { cwd: work, env: home.env, encoding: "utf8" });
      expect(status, stderr).toBe(0);
      return stdout.trim();
    },
  };
}
