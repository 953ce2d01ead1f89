import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bytesSource, platformFromFacts, readWheel } from "../../src/python/index.ts";
import { mapConcurrently, ownPath, sha256, temporaryDirectory, type TemporaryDirectory } from "../../src/system/index.ts";
import { installedFiles } from "../support/installed-files.ts";
import { layEnvironment, type ReadWheel } from "../support/laid-environment.ts";
import { findPython } from "../support/python-minor.ts";
import { pip, readWheelFile, realWheels, wheelBytes, wheelNames } from "../support/real-wheels.ts";
import { makeWheel } from "./made-wheel.ts";
import { explainDifference, type Installation } from "./pip-differences.ts";

/** Extension modules; namespace packages; `.data` with headers, data and scripts; a `#!python` script; a `.pth` file; many scripts; bundled libraries. */
const NAMES = ["numpy", "zope_interface", "zope_event", "google_auth", "googleapis_common_protos", "greenlet", "notebook_shim", "argcomplete", "jmespath", "coverage", "setuptools", "flask", "gunicorn", "docutils", "psycopg2_binary", "requests", "click", "werkzeug", "jinja2", "markupsafe", "itsdangerous", "blinker", "pip"];
const SITE = "lib/python3.11/site-packages";
const platform = platformFromFacts({ os: { id: "debian", release: "12" }, arch: "x86_64", libc: { family: "glibc", version: "2.36" }, python: "3.11.7" }, "ran");
const directory = realWheels() ?? "";
const python = findPython("3.11") ?? "";

/** What docs/reference/pip-differences.md allows, by id. */
function allowedDifferences(): readonly string[] {
  return [...readFileSync(ownPath("docs/reference/pip-differences.md"), "utf8").matchAll(/^- `([a-z-]+)`:/gm)].map(([, id = ""]) => id);
}

/** A small wheel with what the real ones do not have: bytecode, and odd modes. */
const MADE = makeWheel({
  files: { "demo/__pycache__/__init__.cpython-311.pyc": "stale", "demo/tool.sh": "#!/bin/sh\n", "demo/typeless.sh": "#!/bin/sh\n", "demo-1.0.data/data/bin/demo-data": "#!/bin/sh\necho data\n", "demo-1.0.data/scripts/demo-sh": "#!/bin/sh\n", "demo-1.0.dist-info/entry_points.txt": "[console_scripts]\ndemo = demo:main\n[gui_scripts]\ndemo-gui = demo:main\n" },
  modes: { "demo/tool.sh": 0o100711, "demo/typeless.sh": 0o755, "demo-1.0.data/data/bin/demo-data": 0o100755 },
});

describe.skipIf(directory === "" || python === "")("an environment of wheels against pip's own install (needs python3.11, and the network once)", () => {
  let scratch: TemporaryDirectory;
  let theirs: Installation;
  let ours: Installation;
  let wheels: readonly ReadWheel[];

  beforeAll(async () => {
    scratch = await temporaryDirectory("caisson-pip");
    theirs = installWithPip(scratch.path);
    wheels = await readWheels();
    const root = await layEnvironment(join(scratch.path, "ours"), wheels, platform, python);
    ours = { root, files: installedFiles(root, (path) => path === "pyvenv.cfg" || path === "bin/python") };
  });
  afterAll(async () => {
    await scratch[Symbol.asyncDispose]();
  });

  it("has the same files, bytes and modes, but for the differences that are written down, each of which occurs", () => {
    const found = new Map<string, string>();
    for (const path of new Set([...theirs.files.keys(), ...ours.files.keys()])) {
      const difference = explainDifference(path, theirs, ours);
      if (difference !== undefined) found.set(path, difference);
    }
    const allowed = allowedDifferences();
    expect([...found].filter(([, difference]) => !allowed.includes(difference))).toEqual([]);
    expect(allowed.filter((id) => ![...found.values()].includes(id))).toEqual([]);
    expect(theirs.files.size).toBeGreaterThan(2000);
  });

  it("has the same console scripts, and they do the same", () => {
    const [own, pips] = [ours, theirs].map(({ files }) => [...files.keys()].filter((path) => path.startsWith("bin/")));
    expect(own).toEqual(pips?.filter((path) => path !== "bin/pip3.11"));
    const calls = [["flask", "--version"], ["gunicorn", "--version"], ["coverage", "--version"], ["jp.py", "--help"], ["rst2html", "--version"], ["f2py", "-v"], ["demo"], ["demo-data"], ["jp.py", "nonsense ["]];
    for (const [name = "", ...words] of calls) expect(runScript(ours.root, name, words)).toEqual(runScript(theirs.root, name, words));
  });

  it("tells Python the same about what is installed", () => {
    const about = metadataOf(ours.root);
    expect(about).toEqual(metadataOf(theirs.root));
    expect(about).toHaveLength(NAMES.length + 1);
    for (const { distribution } of wheels) {
      expect(about).toContainEqual(expect.objectContaining({ name: distribution.name, version: distribution.version, requires: distribution.requires.length }));
    }
  });

  it("imports the same modules", () => {
    const program = "import numpy.linalg, zope.interface, zope.event, google.auth.credentials, google.rpc, greenlet, jmespath, coverage, flask, psycopg2; print(numpy.linalg.inv(numpy.eye(2)).tolist(), greenlet.__version__, psycopg2.__libpq_version__)";
    const run = (root: string): string => execFileSync(join(root, "bin/python"), ["-c", program], { encoding: "utf8", env: { PYTHONDONTWRITEBYTECODE: "1" } });
    expect(run(ours.root)).toBe(run(theirs.root));
  });
});

function installWithPip(root: string): Installation {
  const venv = join(root, "theirs");
  execFileSync(python, ["-m", "venv", "--without-pip", venv]);
  const before = new Set(installedFiles(venv, (path) => path === "lib64").keys());
  const made = join(root, MADE.fileName);
  writeFileSync(made, MADE.bytes);
  const install = (words: readonly string[]): void => {
    const { status, stderr } = spawnSync("/bin/sh", ["-c", 'umask 022; exec "$@"', "sh", pip(), "-m", "pip", "--python", join(venv, "bin/python"), "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-compile", "--no-index", ...words], { encoding: "utf8" });
    if (status !== 0) throw new Error(`pip failed: ${stderr}`);
  };
  install(["--find-links", directory, ...wheelNames(directory, NAMES).map((name) => name.split("-").slice(0, 2).join("=="))]);
  install([made]);
  return { root: venv, files: installedFiles(venv, (path) => path === "lib64" || before.has(path)) };
}

async function readWheels(): Promise<readonly ReadWheel[]> {
  const read = await mapConcurrently(wheelNames(directory, NAMES), 2, async (name) => ({ distribution: await readWheelFile(directory, name), source: wheelBytes(directory, name) }));
  const made = { distribution: await readWheel(MADE.fileName, { digest: sha256(MADE.bytes), size: MADE.bytes.length, mediaType: "" }, bytesSource(MADE.bytes)), source: bytesSource(MADE.bytes) };
  return [...read, made];
}

function runScript(root: string, name: string, words: readonly string[]): { readonly name: string; readonly status: number | null; readonly output: string } {
  const { status, stdout, stderr } = spawnSync(join(root, "bin", name), words, { encoding: "utf8", env: { PATH: process.env["PATH"], PYTHONDONTWRITEBYTECODE: "1" } });
  return { name, status, output: `${stdout}${stderr}`.replaceAll(root, "<root>").replaceAll("<root>/libexec/jmespath/", "<root>/bin/") };
}

interface Metadata {
  readonly name: string;
  readonly version: string;
  readonly requires: number;
  readonly entryPoints: readonly (readonly string[])[];
  readonly missing: readonly string[];
}

function metadataOf(root: string): readonly Metadata[] {
  expect(existsSync(join(root, SITE))).toBe(true);
  const script = `
import importlib.metadata as m, json, re, sys
def about(d):
    return {"name": re.sub("[-_.]+", "-", d.metadata["Name"]).lower(), "version": d.version, "requires": len(d.requires or []), "entryPoints": sorted([e.group, e.name, e.value] for e in d.entry_points), "missing": sorted(str(f) for f in d.files if not f.locate().exists())}
print(json.dumps(sorted((about(d) for d in m.distributions(path=sys.argv[1:])), key=lambda a: a["name"])))`;
  return JSON.parse(execFileSync(python, ["-I", "-c", script, join(root, SITE)], { encoding: "utf8", maxBuffer: 1 << 26 })) as readonly Metadata[];
}
