import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";

/**
 * Before any test: the `python3` on PATH is a program, and not a version manager's script that looks for it each time, which takes ten times as long.
 * Returns what is done after the last.
 */
export default function setup(): () => void {
  const python = execFileSync("python3", ["-I", "-c", "import sys; print(sys.executable)"], { encoding: "utf8" }).trim();
  process.env["PATH"] = `${dirname(python)}${delimiter}${process.env["PATH"] ?? ""}`;
  const place = mkdtempSync(join(tmpdir(), "caisson agents "));
  process.env["COMPILED_AGENTS"] = writePython(place, python);
  return () => rmSync(place, { recursive: true, force: true });
}

/** PATH, with a `python3` before it that compiles the agent once for all agents on this machine: half of what it takes to start one. */
export function compiledAgentPath(): string {
  return [process.env["COMPILED_AGENTS"], process.env["PATH"]].filter((path) => path !== undefined).join(delimiter);
}

/** Its words are those of `python3 -I AGENT WORDS...`. */
const start = "import os, sys; sys.path.insert(0, os.path.dirname(sys.argv[2])); import agent; sys.exit(agent.main(sys.argv[3:]))";

function writePython(place: string, python: string): string {
  // Some tests are another user's.
  chmodSync(place, 0o755);
  const bin = join(place, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "python3"), `#!/bin/sh\ncase "$2" in */agent.py) exec '${python}' -I -X 'pycache_prefix=${place}' -c '${start}' "$@" ;; esac\nexec '${python}' "$@"\n`, { mode: 0o755 });
  return bin;
}
