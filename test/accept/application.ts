import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { explainDifference, type Installation } from "../python/pip-differences.ts";
import { installedFiles } from "../support/installed-files.ts";
import { cache, project, type Home } from "../support/machine.ts";
import { pip } from "../support/real-wheels.ts";

/** One line of applications.txt. */
export interface Application {
  readonly name: string;
  readonly sample: boolean;
  readonly requirements: readonly string[];
  /** For a shell. */
  readonly command: string;
}

export function readApplications(): readonly Application[] {
  const lines = readFileSync(join(import.meta.dirname, "applications.txt"), "utf8").split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return lines.map((line) => {
    const [name = "", requirements = "", command = ""] = line.split(" | ");
    return { name: name.replace(/^\* /, ""), sample: name.startsWith("* "), requirements: requirements.split(" "), command };
  });
}

/** What was seen of an application that was installed twice. */
export interface Accepted {
  /** Paths whose difference is not written down, with what it is. */
  readonly differences: readonly (readonly [path: string, difference: string | undefined])[];
  readonly ours: Said;
  readonly theirs: Said;
}

/** What a command came to. */
export interface Said {
  readonly status: number | null;
  readonly output: string;
}

/** Build a bundle of the application, install it, and have pip install the same wheels beside it. */
export function acceptApplication(home: Home, { name, requirements, command }: Application): Accepted {
  const source = join(home.directory, name);
  mkdirSync(source);
  writeFileSync(join(source, "requirements.txt"), requirements.map((line) => `${line.startsWith("source:") ? sdist(line.slice("source:".length)) : line}\n`).join(""));
  writeFileSync(join(source, "VERSION"), "1.0\n");
  shell(home, source, "caisson build --format dir");
  const bundle = join(source, "dist", readdirSync(join(source, "dist")).find((entry) => entry.startsWith(`${name}-`) && !entry.endsWith(".sha256")) ?? "");
  const plain = mkdtempSync(join(tmpdir(), "caisson-accept-"));
  try {
    const ours = installation(join(home.directory, "installed", name), (root) => shell(home, bundle, `./install.sh '${root}'`));
    const theirs = installation(join(plain, "theirs"), (root) => shell(home, bundle, `umask 022; python3 -m venv --without-pip '${root}' && '${pip()}' -m pip --python '${root}/bin/python' install -q --disable-pip-version-check --no-deps --no-compile --no-index data/wheels/*.whl`));
    const allowed = [...readFileSync(join(project, "docs/reference/pip-differences.md"), "utf8").matchAll(/^- `([a-z-]+)`:/gm)].map(([, id = ""]) => id);
    const differences = [...new Set([...theirs.files.keys(), ...ours.files.keys()])].map((path) => [path, explainDifference(path, theirs, ours)] as const).filter(([, difference]) => difference !== undefined && !allowed.includes(difference));
    return { differences, ours: run(home, ours.root, command), theirs: run(home, theirs.root, command) };
  } finally {
    rmSync(plain, { recursive: true, force: true });
    shell(home, home.directory, `chmod -R u+w '${source}' installed && rm -rf '${source}' installed`);
  }
}

/** A requirement on the sdist of `name==version`, which is fetched once. */
export function sdist(pinned: string): string {
  const [name = ""] = pinned.split("==");
  const directory = join(cache, "sdists", pinned);
  if (!existsSync(directory)) {
    const temporary = `${directory}.tmp-${process.pid}`;
    execFileSync(pip(), ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary", name, "--dest", temporary, pinned], { stdio: ["ignore", "inherit", "inherit"] });
    renameSync(temporary, directory);
  }
  const [fileName = ""] = readdirSync(directory);
  return `${name} @ ${pathToFileURL(join(directory, fileName)).href}`;
}

function shell(home: Home, cwd: string, script: string): void {
  const { status, stderr } = spawnSync("sh", ["-ec", script], { cwd, env: home.env, encoding: "utf8", maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`${script}\n${stderr}`);
}

function run(home: Home, root: string, command: string): Said {
  const { status, stdout, stderr } = spawnSync("sh", ["-c", command], { cwd: home.directory, env: { ...home.env, PATH: `${join(root, "bin")}:${home.env["PATH"] ?? ""}`, COLUMNS: "80" }, encoding: "utf8" });
  return { status, output: `${stdout}${stderr}`.replaceAll(root, "<root>") };
}

/** What an installer made, without what an environment has before anything is installed, and without bytecode. */
function installation(root: string, install: (root: string) => void): Installation {
  install(root);
  const files = installedFiles(root, (path) => path === "lib64" || path === ".trees" || path === "pyvenv.cfg" || /^bin\/(?:python[\d.]*|[Aa]ctivate.*)$/.test(path) || path.endsWith("__pycache__") || path === ".gitignore");
  // A tree's files are read-only on a host; the mode that a wheel's file has is that with the owner's write bit.
  return { root, files: new Map([...files].map(([path, file]) => [path, { ...file, mode: file.mode | 0o200 }])) };
}
