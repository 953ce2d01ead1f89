import { join } from "node:path";
import { afterEach } from "vitest";
import { buildPackages, type BuildRequest, type BuildResult } from "../../src/build/index.ts";
import { readWorkspace } from "../../src/config/index.ts";
import type { Workspace } from "../../src/model/index.ts";
import { openStore, type Store } from "../../src/store/index.ts";
import type { Context } from "../../src/system/index.ts";
import { cache } from "../support/machine.ts";
import { makeGround, type Ground } from "./ground.ts";

/** A ground with a store, from which packages can be built; how to reach the index, and what was fetched from it, is the machine's. */
export interface TestWorkshop extends Ground {
  readonly store: Store;
  /** Every program that ran, by its first words. */
  readonly programs: readonly string[];
  build(request?: Partial<BuildRequest> & { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string; readonly workspace?: Workspace }): Promise<readonly BuildResult[]>;
  /** All files so far as one commit. */
  commit(tag?: string): void;
}

const REACH = /^(?:PIP_|UV_|SSL_|HTTPS?_PROXY|NO_PROXY|PYENV_ROOT)/i;

export async function makeWorkshop(files: Readonly<Record<string, string>>): Promise<TestWorkshop> {
  const ground = makeGround();
  const reach = Object.fromEntries(Object.entries(process.env).filter(([name]) => REACH.test(name)));
  const base = ground.with({ ...reach, XDG_CACHE_HOME: join(cache, "xdg") });
  const programs: string[] = [];
  const watched = (more: Readonly<Record<string, string>>, cwd: string): Context => ({
    ...base,
    cwd,
    env: { ...base.env, ...more },
    run: (argv, how) => {
      const words = argv[0] === "/bin/sh" ? argv.slice(4) : argv;
      programs.push(words.slice(0, 2).join(" "));
      return base.run(argv, how);
    },
  });
  ground.write(files);
  ground.git("init", "-q");
  const store = await openStore(base, join(ground.directory, ".home/store"));
  return {
    ...ground,
    context: base,
    store,
    programs,
    build: async ({ env = {}, cwd = ground.directory, workspace, ...request } = {}) => {
      const ctx = watched(env, cwd);
      programs.length = 0;
      return await buildPackages(ctx, store, workspace ?? (await readWorkspace(ctx, ground.directory)), { formats: ["tar.gz"], offline: false, ...request });
    },
    commit: (tag) => {
      ground.git("add", "-A", "--", ":!.home", ":!dist");
      ground.git("commit", "-qm", tag ?? "more");
      if (tag !== undefined) ground.git("tag", tag);
    },
  };
}

/** Makes workshops whose files are committed as `first`, and takes them away behind each test. */
export function openWorkshops(): (files: Readonly<Record<string, string>>) => Promise<TestWorkshop> {
  const open: TestWorkshop[] = [];
  afterEach(() => open.splice(0).forEach((workshop) => workshop.remove()));
  return async (files) => {
    const workshop = await makeWorkshop(files);
    open.push(workshop);
    workshop.commit("first");
    return workshop;
  };
}

/** pyproject.toml of a package of one module, `<name>.py`. */
export function flit(name: string, version: string, more = ""): string {
  return `[build-system]\nrequires = ["flit_core>=3.9,<4"]\nbuild-backend = "flit_core.buildapi"\n\n[project]\nname = "${name}"\nversion = "${version}"\ndescription = "A test"\nrequires-python = ">=3.6"\n${more}\n`;
}
