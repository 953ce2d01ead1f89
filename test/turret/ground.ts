import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { startTurret, type TurretPlace } from "../../src/deploy/index.ts";
import type { Problem } from "../../src/model/index.ts";
import { openStore } from "../../src/store/index.ts";
import { createContext, temporaryDirectory, type Context } from "../../src/system/index.ts";
import { cache, findPythons, makeHome, type Python } from "../support/machine.ts";

const minorOf = ({ minor }: Python): number => Number(minor.slice(2));

/** The Pythons of this machine that matter to turrets: the newest on which the original runs, and the newest on which it does not. */
export const older: Python | undefined = findPythons().findLast((python) => minorOf(python) <= 11);
export const newer: Python | undefined = findPythons().findLast((python) => minorOf(python) >= 12 && minorOf(python) <= 13);

/** A worker machine with one Python and an HQ's word to start something. */
export interface Worker extends AsyncDisposable {
  /** Where the tester stands; it has a space in its name. */
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  /** Lines of the turret program, each with its stream. */
  readonly lines: readonly string[];
  /** First words of the programs that were run to their end, and what was asked of the network. */
  readonly ran: readonly string[];
  write(files: Readonly<Record<string, string>>): void;
  start(place: TurretPlace): { readonly ended: Promise<Problem | undefined>; stop(signal: NodeJS.Signals): void };
  /** What is left where temporary files lie. */
  left(): readonly string[];
}

/** What comes from the index is kept between runs, as a worker machine keeps it; so only the first run ever needs the index. */
export async function startWorker(python: Python): Promise<Worker> {
  const home = makeHome();
  const bin = await temporaryDirectory("caisson python");
  writeFileSync(join(bin.path, "python3"), `#!/bin/sh\nexec '${python.path}' "$@"\n`, { mode: 0o755 });
  const directory = join(home.directory, "load tests");
  mkdirSync(directory);
  const env = { ...home.env, PATH: `${bin.path}${delimiter}${home.env["PATH"] ?? ""}` };
  const lines: string[] = [];
  const ran: string[] = [];
  return {
    directory, env, lines, ran,
    write: (files) => {
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(directory, path)), { recursive: true });
        writeFileSync(join(directory, path), text, { mode: text.startsWith("#!") ? 0o755 : 0o644 });
      }
    },
    start: (place) => {
      const stop = new AbortController();
      const real = createContext({ cwd: directory, env, report: () => undefined, signal: stop.signal });
      const ctx: Context = {
        ...real,
        run: async (argv, how) => (ran.push(argv[0] ?? ""), await real.run(argv, how)),
        fetch: async (...words) => (ran.push("fetch"), await real.fetch(...words)),
      };
      const ended = openStore(ctx, join(cache, "turret-store")).then((store) => startTurret(ctx, store, place, (line, stream) => lines.push(`${stream} ${line}`)));
      ended.catch(() => undefined);
      return { ended, stop: (signal) => stop.abort(new DOMException("stopped on request", { name: "AbortError", cause: signal })) };
    },
    left: () => readdirSync(home.env["TMPDIR"] ?? ""),
    [Symbol.asyncDispose]: async () => {
      await bin[Symbol.asyncDispose]();
      home.remove();
    },
  };
}

/** A script of today's generation and of the old one: its Transaction takes what it is given. */
export const vUser = `import time


class Transaction(object):
    def __init__(self, *given):
        self.custom_timers = {}

    def setup(self):
        pass

    def run(self):
        time.sleep(0.02)

    def tear_down(self):
        pass
`;
