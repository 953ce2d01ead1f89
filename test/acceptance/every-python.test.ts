import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findPythons, makeHome, type Home } from "../support/machine.ts";

/** Those that are built for; of each that is not on this machine, what it needs is said all the same. */
const minors = ["3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14"];
const all = findPythons();
const here = all.filter(({ minor }) => minors.includes(minor));
const bundleOf = (minor: string): string => `dist/app-1.0-debian-12${minor === "3.11" ? "" : `-py${minor.replace(".", "")}`}`;

let home: Home;
let work: string;
beforeAll(() => {
  home = makeHome();
  work = join(home.directory, "work");
  mkdirSync(join(work, "app"), { recursive: true });
  writeFileSync(join(work, "pyproject.toml"), '[build-system]\nrequires = ["flit_core>=3.9,<4"]\nbuild-backend = "flit_core.buildapi"\n\n[project]\nname = "app"\nversion = "1.0"\ndescription = "Says which Python runs it"\nrequires-python = ">=3.8"\ndependencies = ["idna==3.10", "exceptiongroup==1.2.2; python_version < \'3.11\'"]\n[project.scripts]\napp = "app:main"\n');
  writeFileSync(join(work, "app/__init__.py"), '"""Says which Python runs it."""\nimport idna\nimport sys\nfrom importlib.util import find_spec\n\n\ndef main():\n    print("%d.%d" % sys.version_info[:2], idna.__version__, "exceptiongroup" if find_spec("exceptiongroup") else "idna", find_spec("pip") is not None)\n');
}, 120_000);
afterAll(() => home.remove());

function run(...argv: readonly string[]): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  const [program = "", ...words] = argv;
  const { status, stdout, stderr } = spawnSync(program, words, { cwd: work, env: home.env, encoding: "utf8" });
  return { status, stdout, stderr };
}

describe("row P18: bundles for Python 3.8 to 3.14", () => {
  it("are built by one command, whichever Pythons are here", () => {
    const built = run("caisson", "build", "--format", "dir", "--platform", minors.map((minor) => bundleOf(minor).replace("dist/app-1.0-", "")).join(","));
    expect(built).toMatchObject({ status: 0, stdout: minors.map((minor) => `${bundleOf(minor)}\n`).join("") });
  }, 120_000);

  it.each(minors)("of %s say so, in info.json and in the payload, and are installed by no other", (minor) => {
    expect(JSON.parse(readFileSync(join(work, bundleOf(minor), "info.json"), "utf8"))).toMatchObject({ name: "app", version: "1.0", ident: "app-1.0", python: minor });
    expect(JSON.parse(readFileSync(join(work, bundleOf(minor), "data/payload.json"), "utf8"))).toMatchObject({ interpreter: { from: "host", version: minor }, platform: { python: { implementation: "cpython", version: minor } } });
    const other = all.find((python) => python.minor !== minor);
    const found = run("./install.sh".replace(".", bundleOf(minor)), "-p", other?.path ?? "false", "in stalled");
    expect(found).toMatchObject({ status: 1, stdout: "", stderr: expect.stringMatching(/^Error: (?:this bundle needs CPython 3\.\d+, `.+` is 3\.\d+|cannot run `false`)\n$/) as string });
    expect(existsSync(join(work, "in stalled"))).toBe(false);
  });

  it.each(here)("of $minor are installed by it and run on it, with what only that Python needs, and without pip", ({ minor, path }) => {
    const target = join(home.directory, "in stalled");
    expect(run(`${bundleOf(minor)}/install.sh`, "--python", path, target)).toMatchObject({ status: 0, stderr: "" });
    expect(run(join(target, "bin/app"))).toMatchObject({ status: 0, stdout: `${minor} 3.10 ${Number(minor.slice(2)) < 11 ? "exceptiongroup" : "idna"} False\n` });
    rmSync(target, { recursive: true });
  });
});
