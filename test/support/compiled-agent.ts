import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/** Its words are those of `python3 -I AGENT WORDS...`. */
const start = "import os, sys; sys.path.insert(0, os.path.dirname(sys.argv[2])); import agent; sys.exit(agent.main(sys.argv[3:]))";

let made: string | undefined;

/** PATH, with a `python3` before it that compiles the agent once for all agents on this machine: half of what it takes to start one. */
export function compiledAgentPath(): string {
  made ??= makePython();
  return `${made}${delimiter}${process.env["PATH"] ?? ""}`;
}

function makePython(): string {
  const place = mkdtempSync(join(tmpdir(), "caisson agents "));
  // Some tests are another user's.
  chmodSync(place, 0o755);
  process.on("exit", () => rmSync(place, { recursive: true, force: true }));
  const python = execFileSync("python3", ["-I", "-c", "import sys; print(sys.executable)"], { encoding: "utf8" }).trim();
  const bin = join(place, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "python3"), `#!/bin/sh\ncase "$2" in */agent.py) exec '${python}' -I -X 'pycache_prefix=${place}' -c '${start}' "$@" ;; esac\nexec '${python}' "$@"\n`, { mode: 0o755 });
  return bin;
}
