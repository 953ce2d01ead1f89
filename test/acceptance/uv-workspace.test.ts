import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { makeHome, type Home } from "../support/machine.ts";
import { packagingPython } from "../support/python-oracle.ts";

let home: Home;
let place: string;
beforeEach(() => {
  home = makeHome();
  place = join(home.directory, "uv shop");
});
afterEach(() => home.remove());

function sh(script: string): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  const { status, stdout, stderr } = spawnSync("sh", ["-ec", script], { cwd: place, env: { ...home.env, PATH: `${dirname(packagingPython())}${delimiter}${home.env["PATH"] ?? ""}` }, encoding: "utf8" });
  return { status, stdout, stderr: stderr.split("\n").filter((line) => !line.startsWith("  ")).join("\n") };
}

function write(files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(place, path)), { recursive: true });
    writeFileSync(join(place, path), text);
  }
}

const project = (name: string, more: string): string => `[build-system]\nrequires = ["flit_core>=3.9,<4"]\nbuild-backend = "flit_core.buildapi"\n[project]\nname = "${name}"\nversion = "1.0"\ndescription = "A test"\nrequires-python = ">=3.9"\n${more}`;

/** `name version` of all that web's release consists of. */
function built(words = ""): readonly string[] {
  const { status, stderr } = sh(`rm -rf dist && caisson build web --on-disk --format dir ${words}`);
  expect([status, stderr]).toEqual([0, expect.any(String)]);
  const [bundle = ""] = readdirSync(join(place, "dist")).filter((name) => !name.endsWith(".sha256"));
  const { distributions } = JSON.parse(readFileSync(join(place, "dist", bundle, "data/payload.json"), "utf8")) as { readonly distributions: readonly { readonly name: string; readonly version: string }[] };
  return distributions.map(({ name, version }) => `${name} ${version}`).toSorted();
}

it("row P1: builds members of a uv workspace with siblings by workspace, path and git, as uv resolves them, with uv's lock and without", () => {
  write({ "far/pyproject.toml": project("far", ""), "far/far.py": '"""far"""\n' });
  sh("cd far && git init -q && git add -A && git commit -qm one && git tag v1 && sed -i s/1.0/2.0/ pyproject.toml && git commit -qam two");
  sh("mv far \"$HOME/far repo\"");
  write({
    "pyproject.toml": `[tool.uv.workspace]\nmembers = ["packages/*"]\n[tool.uv.sources]\nutil = { workspace = true }\nfar = { git = ${JSON.stringify(`file://${encodeURI(join(home.directory, "far repo"))}`)}, tag = "v1" }\n`,
    "packages/web/pyproject.toml": project("web", 'dependencies = ["util[fast]", "lib", "far>=1"]\nscripts.web = "web:main"\n[dependency-groups]\nprod = ["click<9"]\n[tool.uv.sources]\nlib = { path = "../../libs/lib" }\n'),
    "packages/web/web.py": '"""web"""\nimport far, lib, util\ndef main():\n    print(lib.__doc__, util.__doc__, far.__doc__)\n',
    "packages/util/pyproject.toml": project("util", '[project.optional-dependencies]\nfast = ["markupsafe"]\n'),
    "packages/util/util.py": '"""util"""\n',
    "libs/lib/pyproject.toml": project("lib", ""),
    "libs/lib/lib.py": '"""lib"""\n',
    ".gitignore": "dist\n.venv\n",
  });
  sh("git init -q && git add -A && git commit -qm one");
  const without = built();
  expect(without).toEqual(["far 1.0", "lib 1.0", expect.stringMatching(/^markupsafe /), "util 1.0", "web 1.0"]);
  expect(sh("./dist/web-1.0-*/install.sh '../an env' >/dev/null && '../an env/bin/web'")).toMatchObject({ status: 0, stdout: "lib util far\n" });

  expect(sh("uv lock --quiet")).toMatchObject({ status: 0 });
  const grouped = built("--group prod");
  expect(grouped).toEqual([expect.stringMatching(/^click /), ...without]);
  const exported = sh("uv export --quiet --frozen --package web --no-dev --group prod --no-hashes --no-header --no-annotate").stdout;
  // It is for every platform at once.
  const names = exported.split("\n").filter((line) => line.trim() !== "" && !line.includes("win32")).map((line) => (/^(?:-e )?(?:file:.*|\.\/?.*\/)([a-z]+)$/.exec(line)?.[1] ?? /^([a-z]+)/.exec(line)?.[1] ?? line));
  expect([...new Set(names)].toSorted()).toEqual(grouped.map((each) => each.split(" ")[0]));

  expect(sh("caisson build --on-disk --group nope")).toEqual({ status: 2, stdout: "", stderr: "error: no package has the dependency group `nope`\nhint: web has prod\n" });
});
