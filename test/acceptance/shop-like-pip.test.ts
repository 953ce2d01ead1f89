import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { explainDifference, type Installation } from "../python/pip-differences.ts";
import { installedFiles, type InstalledFile } from "../support/installed-files.ts";
import { defaultPythonMinor, makeHome, project, type Home } from "../support/machine.ts";
import { pip } from "../support/real-wheels.ts";

describe.skipIf(defaultPythonMinor() !== "3.11")("examples/shop, built, bundled and installed by install.sh, beside plain pip's install from its wheelhouse (needs python3 to be 3.11)", () => {
  let home: Home;
  let plain: string;
  let ours: Installation;
  let theirs: Installation;

  beforeAll(() => {
    home = makeHome();
    const shop = join(home.directory, "shop");
    cpSync(join(project, "examples/shop"), shop, { recursive: true });
    sh(shop, "git init -q -b main && git add . && git commit -qm shop && caisson build shop-web --format dir --format wheelhouse >&2");
    const dist = join(shop, "dist");
    const bundle = join(dist, readdirSync(dist).find((name) => /^shop-web-[^-]+-(?!wheelhouse)[^.]+$/.test(name)) ?? "");
    ours = installation(join(home.directory, "ours"), (root) => sh(bundle, `./install.sh '${root}' >&2`));
    // In a path without spaces: pip writes other scripts where there is one.
    plain = mkdtempSync(join(tmpdir(), "caisson-pip-"));
    theirs = installation(join(plain, "theirs"), (root) => sh(bundle, `umask 022; python3 -m venv --without-pip '${root}' && '${pip()}' -m pip --python '${root}/bin/python' install -q --no-compile --no-index --find-links '${join(dist, "shop-web-2.0.0-wheelhouse")}' shop-web`));
  }, 180_000);
  afterAll(() => {
    home.remove();
    rmSync(plain, { recursive: true, force: true });
  });

  function sh(cwd: string, script: string): void {
    const { status, stderr } = spawnSync("sh", ["-ec", script], { cwd, env: home.env, encoding: "utf8" });
    if (status !== 0) throw new Error(`${script}\n${stderr}`);
  }

  it("has the same files, bytes and modes, but for the differences that are written down", () => {
    const allowed = [...readFileSync(join(project, "docs/reference/pip-differences.md"), "utf8").matchAll(/^- `(?<id>[a-z-]+)`:/gm)].map((found) => found.groups?.["id"]);
    const differences = [...new Set([...theirs.files.keys(), ...ours.files.keys()])].map((path) => [path, explainDifference(path, theirs, ours)] as const).filter(([, difference]) => difference !== undefined);
    expect(differences.filter(([, difference]) => !allowed.includes(difference))).toEqual([]);
    expect(theirs.files.size).toBeGreaterThan(250);
  });

  it("satisfies pip check, as pip's own does", () => {
    for (const { root } of [ours, theirs]) {
      const { status, stdout } = spawnSync(pip(), ["-m", "pip", "--python", join(root, "bin/python"), "check"], { env: home.env, encoding: "utf8" });
      expect({ status, stdout }).toEqual({ status: 0, stdout: "No broken requirements found.\n" });
    }
  });

  it("lists the same distributions, and its programs say the same", () => {
    const [own, pips] = [ours, theirs].map(({ root }) => ({
      list: execFileSync(pip(), ["-m", "pip", "--python", join(root, "bin/python"), "list", "--format", "freeze"], { env: home.env, encoding: "utf8" }),
      said: [["shop-web"], ["flask", "--version"], ["gunicorn", "--version"]].map(([program = "", ...words]) => execFileSync(join(root, "bin", program), words, { env: home.env, encoding: "utf8" })),
    }));
    expect(own).toEqual(pips);
  });
});

/** What an installer made, without what an environment has before anything is installed, and without bytecode. */
function installation(root: string, install: (root: string) => void): Installation {
  install(root);
  const files = installedFiles(root, (path) => path === "lib64" || path === "processes" || path === ".trees" || path === "pyvenv.cfg" || /^bin\/(?:python[\d.]*|[Aa]ctivate.*)$/.test(path) || path.endsWith("__pycache__") || path === ".gitignore" || path === "include");
  return { root, files: new Map([...files].map(([path, file]) => [path, writable(file)])) };
}

/** A tree's files are read-only on a host; the mode that a wheel's file has is that with the owner's write bit. */
function writable(file: InstalledFile): InstalledFile {
  return { ...file, mode: file.mode | 0o200 };
}
