import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ownPath } from "../../src/system/index.ts";

/** The `python` of a virtual environment that holds `packages`, made once under `.cache/` and found again. */
export function oraclePython(name: string, packages: readonly string[]): string {
  const directory = ownPath(`.cache/oracle-${name}`);
  const ready = join(directory, `.ready-${packages.join("-").replaceAll(/[^A-Za-z0-9.-]/g, "")}`);
  const python = join(directory, "bin", "python");
  if (existsSync(ready)) return python;
  mkdirSync(ownPath(".cache"), { recursive: true });
  rmSync(directory, { recursive: true, force: true });
  execFileSync("python3", ["-m", "venv", directory], { stdio: "inherit" });
  execFileSync(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...packages], { stdio: "inherit" });
  const marker = `${ready}.tmp`;
  mkdirSync(marker);
  renameSync(marker, ready);
  return python;
}

/** PyPA `packaging` in one process: `program` reads the questions from `questions` (a list) and fills `answers`. */
export function askPackaging(program: string, questions: unknown): unknown {
  const script = `import json, sys\nquestions = json.load(sys.stdin)\nanswers = []\n${program}\njson.dump(answers, sys.stdout)\n`;
  const result = spawnSync(oraclePython("packaging", ["packaging==26.3", "uv==0.13.8"]), ["-I", "-c", script], { input: JSON.stringify(questions), encoding: "utf8", maxBuffer: 1 << 28 });
  if (result.status !== 0) throw new Error(`packaging failed: ${result.stderr}`);
  return JSON.parse(result.stdout);
}
