import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ownPath } from "../../src/system/index.ts";

/** The `python` of a virtual environment that holds `packages`, made once under `.cache/` and found again. Two test files may ask at once: the first to be done wins. */
export function oraclePython(name: string, packages: readonly string[]): string {
  const directory = ownPath(`.cache/oracle-${name}`);
  const ready = `.ready-${packages.join("-").replaceAll(/[^A-Za-z0-9.-]/g, "")}`;
  const python = join(directory, "bin", "python");
  if (existsSync(join(directory, ready))) return python;
  mkdirSync(ownPath(".cache"), { recursive: true });
  const made = `${directory}.${process.pid}`;
  try {
    execFileSync("python3", ["-m", "venv", made], { stdio: "inherit" });
    execFileSync(join(made, "bin", "python"), ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...packages], { stdio: "inherit" });
    writeFileSync(join(made, ready), "");
    if (!existsSync(join(directory, ready))) {
      rmSync(directory, { recursive: true, force: true });
      renameSync(made, directory);
    }
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
  return python;
}

/** The environment in which `askPackaging` asks; its `bin` also holds `uv`. */
export function packagingPython(): string {
  return oraclePython("packaging", ["packaging==26.3", "uv==0.13.8"]);
}

/** Whether PyPA `packaging` is here or can be installed; tests that compare with it are skipped where not. */
export const hasPackaging: boolean = findPackaging();

function findPackaging(): boolean {
  try {
    return existsSync(packagingPython());
  } catch (error) {
    process.stderr.write(`PyPA packaging cannot be installed here, so nothing is compared with it: ${String(error)}\n`);
    return false;
  }
}

/** PyPA `packaging` in one process: `program` reads the questions from `questions` (a list) and fills `answers`. */
export function askPackaging(program: string, questions: unknown): unknown {
  const script = `import json, sys\nquestions = json.load(sys.stdin)\nanswers = []\n${program}\njson.dump(answers, sys.stdout)\n`;
  const result = spawnSync(packagingPython(), ["-I", "-c", script], { input: JSON.stringify(questions), encoding: "utf8", maxBuffer: 1 << 28 });
  if (result.status !== 0) throw new Error(`packaging failed: ${result.stderr}`);
  return JSON.parse(result.stdout);
}
