import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { defaultPythonMinor, findPythons, makeHome, project, type Home } from "../support/machine.ts";

const pythons = findPythons();
/** The oldest whose pip finds oct-turrets on the index, and the one that people have. */
const chosen = [pythons.find(({ minor }) => ["3.6", "3.7", "3.8"].includes(minor)), pythons.find(({ minor }) => minor === defaultPythonMinor())].filter((python) => python !== undefined);

let home: Home;
let loadtest: string;
beforeAll(() => {
  home = makeHome();
  loadtest = join(home.directory, "load test");
  cpSync(join(project, "examples/turrets"), loadtest, { recursive: true });
  const config = JSON.parse(readFileSync(join(loadtest, "config.json"), "utf8")) as { turrets: Record<string, unknown>[] };
  config.turrets[0] = { ...config.turrets[0], extra_files: ["templates", "test_scripts"], turrets_requirements: ["iniconfig>=1.0"] };
  writeFileSync(join(loadtest, "config.json"), JSON.stringify(config));
  mkdirSync(join(loadtest, "templates/img"));
  run(["caisson", "turret", "pack", loadtest, "--turret-version", "1.2"]);
  run(["caisson", "turret", "pack", loadtest, "--format", "tar.gz"]);
});
afterAll(() => home.remove());

function run([program = "", ...words]: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(program, words, { cwd: home.directory, env: { ...home.env, PIP_DISABLE_PIP_VERSION_CHECK: "1" }, encoding: "utf8" });
  expect({ words, status, stderr: status === 0 ? "" : `${stdout}${stderr}` }).toEqual({ words, status: 0, stderr: "" });
  return stdout;
}

/** What pip says that it installed for a turret itself: everything is beside its own metadata. */
function filesOf(pip: string, name: string): readonly string[] {
  const shown = run([pip, "show", "--files", name]);
  return shown.slice(shown.indexOf("Files:") + 6).split("\n").map((line) => line.trim()).filter((line) => line !== "" && !/^navigation-[\d.]+(?:-py[\d.]+)?\.(?:dist|egg)-info\//.test(line) && !/^random-[\d.]+(?:-py[\d.]+)?\.(?:dist|egg)-info\//.test(line));
}

describe("pip", () => {
  it("is there in an old Python and a new one (needs a CPython 3.6 to 3.8 besides)", () => {
    expect(chosen.length).toBeGreaterThan(0);
  });

  it.each(chosen)("row O6: of Python $minor installs a turret from .tar and .tar.gz, with what it needs, and no module of its own", { timeout: 600_000 }, ({ minor, path }) => {
    const environment = join(home.directory, `python ${minor}`);
    run([path, "-m", "venv", environment]);
    const pip = join(environment, "bin/pip");
    run([join(environment, "bin/python"), "-m", "pip", "install", "--quiet", "--upgrade", "pip"]);
    run([pip, "install", "--quiet", join(loadtest, "navigation.tar"), join(loadtest, "random.tar.gz")]);
    const listed = new Map(run([pip, "list", "--format", "freeze"]).split("\n").map((line) => line.split("==") as [string, string]));
    expect(["navigation", "random", "oct-turrets", "iniconfig"].filter((name) => !listed.has(name))).toEqual([]);
    expect([listed.get("navigation"), listed.get("random")]).toEqual(["1.2", "0.1"]);
    expect([filesOf(pip, "navigation"), filesOf(pip, "random")]).toEqual([[], []]);
    const site = readdirSync(join(environment, "lib", `python${minor}`, "site-packages"));
    expect(site.filter((name) => /^(?:test_scripts|templates|config\.json|setup\.py)/.test(name))).toEqual([]);
    run([join(environment, "bin/python"), "-c", "import iniconfig, zmq"]);
  });
});
