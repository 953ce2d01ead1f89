import { join } from "node:path";
import { expect, it } from "vitest";
import { isCompiledByZig } from "../../src/build/zig/zig.ts";
import { readWorkspace } from "../../src/config/index.ts";
import { CaissonError, type Workspace } from "../../src/model/index.ts";
import { platformPreset } from "../../src/python/index.ts";
import { writeFiles } from "./write-files.ts";

const pyproject = (name: string, dependencies: readonly string[] = []): string => `[project]\nname = "${name}"\nversion = "1.0"\ndependencies = ${JSON.stringify(dependencies)}\n`;

async function read(files: Readonly<Record<string, string>>, from = "."): Promise<Workspace> {
  await using place = await writeFiles(files);
  return await readWorkspace(place.ctx, from);
}

/** `caisson.toml:3 message; hint` for every problem. */
async function problemsOf(files: Readonly<Record<string, string>>, from = "."): Promise<readonly string[]> {
  try {
    await read(files, from);
  } catch (error) {
    if (!(error instanceof CaissonError) || error.code !== "config-invalid") throw error;
    return error.problems.map(({ file, line, message, hint }) => `${file ?? ""}:${line ?? ""} ${message}${hint === undefined ? "" : `; ${hint}`}`);
  }
  return [];
}

it("reads the shop: packages, processes, what they need of each other", async () => {
  const shop = await read({
    "caisson.toml": `
[workspace]
name = "shop"
platforms = ["debian-12", "centos-7"]
[platforms.debian-12]
python = "3.12"
[packages.shop-util]
path = "util"
[packages.shop-web]
path = "web"
extras = ["fast"]
processes.web = { command = "gunicorn 'shop web:app' --bind 127.0.0.1:8000", listen = "127.0.0.1:8000", requires = ["SECRET"] }
processes.engine = "python -m engine"
start = [{ when = { ROLE = "web" }, process = "web" }, { process = "engine" }]
health = { command = "shop-web check" }
[packages.shop-config]
kind = "files"
path = "config"
prefix = "etc/shop"
[packages.legacy]
git = "git@example.com:ops/legacy.git"
ref = "v1"
[index]
url = "https://index.example.com/simple/"
find-links = ["wheels"]
[targets.production]
root = "srv"
platform = "debian-12"
service = "command"
restart = "systemctl restart shop"
hosts = ["local:a", "local:/b"]
roles.web = { hosts = ["local:a"], packages = ["Shop_Web"] }
rollout = { canary = 2, max_parallel = "50%", min_healthy = "2m", healthy_deadline = 90 }
keep = 3
`,
    "util/pyproject.toml": pyproject("shop-util"),
    "web/pyproject.toml": `${pyproject("Shop_Web", ["shop.util>=1; python_version > '3'", "flask", "shop-web[x]"])}[project.optional-dependencies]\nfast = ["legacy"]\n`,
    "config/shop.ini": "",
  });
  expect(shop).toMatchObject({ name: "shop", file: "caisson.toml", platforms: [{ label: "debian-12-py312", python: { version: "3.12" } }, { label: "centos-7" }], index: { url: "https://index.example.com/simple/", findLinks: [join(shop.directory, "wheels")] } });
  expect(shop.packages.map(({ name, written, kind, needs }) => [name, written, kind, needs])).toEqual([
    ["shop-util", "shop-util", "python", []],
    ["shop-web", "Shop_Web", "python", ["shop-util", "legacy"]],
    ["shop-config", "shop-config", "files", []],
    ["legacy", "legacy", "python", []],
  ]);
  expect(shop.packages[1]).toMatchObject({
    source: { path: "web" },
    extras: ["fast"],
    processes: [
      { name: "web", argv: ["gunicorn", "shop web:app", "--bind", "127.0.0.1:8000"], requires: ["SECRET"], listen: "127.0.0.1:8000" },
      { name: "engine", argv: ["python", "-m", "engine"], requires: [] },
    ],
    start: [{ when: { ROLE: "web" }, process: "web" }, { process: "engine" }],
    health: { argv: ["shop-web", "check"] },
  });
  expect(shop.packages[2]).toMatchObject({ prefix: "etc/shop", source: { path: "config" } });
  expect(shop.packages[3]?.source).toEqual({ git: "git@example.com:ops/legacy.git", ref: "v1" });
  expect(shop.targets).toEqual([
    {
      name: "production",
      platform: "debian-12-py312",
      hosts: [{ name: "local:a", via: "local", address: "", root: join(shop.directory, "a") }, { name: "local:/b", via: "local", address: "", root: "/b" }],
      roles: { web: { hosts: ["local:a"], packages: ["shop-web"] } },
      service: { kind: "command", restart: "systemctl restart shop" },
      policy: { canary: 2, maxParallel: 1, maxFailed: 0, minHealthy: 120, healthyDeadline: 90 },
      keep: 3,
    },
  ]);
});

it("takes what a package needs as it is written, where it is a package of the workspace", async () => {
  const files = { "a/setup.py": "setup(**read())\n", "b/setup.py": "setup(name='b')\n", "caisson.toml": '[packages.a]\npath = "a"\nneeds = ["B", "c"]\n[packages.b]\npath = "b"\n' };
  expect(await problemsOf(files)).toEqual(["caisson.toml:3 there is no package `c`; packages: a, b"]);
  expect((await read({ ...files, "caisson.toml": files["caisson.toml"].replace(', "c"', "") })).packages.map(({ needs }) => needs)).toEqual([["b"], []]);
});

it("needs nothing written for one project: pyproject.toml, setup.cfg or setup.py name it", async () => {
  expect(await read({ "pyproject.toml": pyproject("Hello_World") })).toMatchObject({ name: "hello-world", platforms: [], packages: [{ name: "hello-world", written: "Hello_World", source: { path: "." } }] });
  expect(await read({ "setup.cfg": "[options]\nname = no\n[metadata]\nversion = 1\nname = from-cfg\n", "setup.py": "from setuptools import setup\nsetup()\n" })).toMatchObject({ name: "from-cfg" });
  expect(await read({ "pyproject.toml": "[build-system]\nrequires = []\n", "setup.py": "name = 'no'\nsetup(\n    name='from-py', install_requires=['x'])" })).toMatchObject({ name: "from-py" });
});

it("is found from any directory in it", async () => {
  const files = { "caisson.toml": "[packages.a]\npath = 'a'\n", "a/pyproject.toml": pyproject("a"), "a/src/deep/x.py": "" };
  expect(await read(files, "a/src/deep")).toMatchObject({ file: "caisson.toml", packages: [{ name: "a" }] });
});

it("reads [tool.caisson] of a pyproject.toml as it reads caisson.toml, and refuses both together", async () => {
  const files = { "pyproject.toml": `${pyproject("a")}[tool.caisson.workspace]\nname = "shop"\n` };
  expect(await read(files)).toMatchObject({ name: "shop", file: "pyproject.toml", packages: [{ name: "a" }] });
  expect(await problemsOf({ "pyproject.toml": `${pyproject("a")}[tool.caisson.workspace]\nname = "shop"\nnmae = "x"\n` })).toEqual(["pyproject.toml:7 unknown key `workspace.nmae`; did you mean `name`?"]);
  expect(await problemsOf({ ...files, "caisson.toml": "" })).toEqual([": `caisson.toml` stands beside a `[tool.caisson]` in pyproject.toml; keep one of them"]);
});

it("takes the members of a uv workspace, also when asked in one of them", async () => {
  const files = {
    "pyproject.toml": `[tool.uv.workspace]\nmembers = ["packages/*", "tools"]\nexclude = ["packages/old"]\n`,
    "packages/b/pyproject.toml": pyproject("b", ["a"]),
    "packages/a/pyproject.toml": pyproject("a"),
    "packages/old/pyproject.toml": pyproject("old"),
    "packages/notes/README": "",
    "tools/pyproject.toml": pyproject("tools"),
  };
  const whole = await read(files);
  expect(whole.packages.map(({ name, needs, source }) => [name, needs, source])).toEqual([["a", [], { path: "packages/a" }], ["b", ["a"], { path: "packages/b" }], ["tools", [], { path: "tools" }]]);
  expect((await read(files, "packages/b")).packages.map(({ name }) => name)).toEqual(["a", "b", "tools"]);
  expect((await read(files, "packages/old")).packages.map(({ name }) => name)).toEqual(["old"]);
});

function processes(table: string): Readonly<Record<string, string>> {
  return { "caisson.toml": `[packages.a]\n${table}\n`, "pyproject.toml": pyproject("a") };
}

it("reads what a service manager has to know of a process, and says what does not go together", async () => {
  const { packages } = await read(processes('processes.web = { command = "web", listen = "*:80", socket = true, notify = true }\nprocesses.nightly = { command = "tidy", schedule = "Mon 04:00" }\nhealth = "tcp://127.0.0.1:80"'));
  expect(packages[0]).toMatchObject({ processes: [{ name: "web", listen: "*:80", socket: true, notify: true }, { name: "nightly", schedule: "Mon 04:00" }], health: { url: "tcp://127.0.0.1:80" } });
  expect(await problemsOf(processes('processes.a = { command = "x", socket = true }\nprocesses.b = { command = "x", listen = "h:80", socket = true }\nprocesses.c = { command = "x", schedule = "daily", notify = true }'))).toEqual([
    "caisson.toml:2 a `socket` needs a `listen`; listen = \"127.0.0.1:8000\"",
    "caisson.toml:3 a `socket` is at an address, and `h:80` is a name; an address such as 127.0.0.1:8000, [::1]:8000, or *:8000 for all",
    "caisson.toml:4 `notify` means nothing for what a `schedule` starts",
  ]);
  expect(await problemsOf(processes('processes.d = { command = "x", schedule = "daily\\nx" }'))).toEqual([expect.stringContaining("expected systemd's OnCalendar words")]);
});

it("says every mistake at once, with file, line and what was expected", async () => {
  const toml = `[workspace]
name = "my shop"
platforms = ["debain-12", "debian-12"]

[packages.web]
path = "../web"
proceses.web = "x"

[packages.gone]
path = "gone"
processes.web = "say 'hi"
start = [{ process = "wbe" }]

[packages.files]
kind = "file"
health = "127.0.0.1:8000"

[[targets]]
root = "/srv"
`;
  expect(await problemsOf({ "caisson.toml": toml })).toEqual([
    "caisson.toml:2 workspace.name is `my shop`; expected a name",
    "caisson.toml:3 unknown platform `debain-12`; did you mean `debian-12`?",
    "caisson.toml:6 `../web` is outside the workspace; a directory below that of caisson.toml; for another repository use `git`",
    "caisson.toml:7 unknown key `packages.web.proceses`; did you mean `processes`?",
    "caisson.toml:10 there is no directory `gone`; a directory as seen from that of caisson.toml",
    "caisson.toml:11 a quote is left open in `say 'hi`",
    "caisson.toml:12 there is no process `wbe`; processes: web",
    "caisson.toml:15 packages.files.kind is `file`; expected one of `python`, `files`, `turret`",
    "caisson.toml:16 packages.files.health is `127.0.0.1:8000`; expected an address that begins with http://, https:// or tcp://, or a table with `url` or `command`",
    "caisson.toml:18 targets is a list; expected a table of targets",
  ]);
});

it("refuses paths and links that leave the workspace", async () => {
  await using place = await writeFiles({ "w/caisson.toml": "[packages.a]\npath = '../a'\n[packages.b]\npath = '/tmp'\n", "a/pyproject.toml": pyproject("a") });
  await expect(readWorkspace(place.ctx, "w")).rejects.toMatchObject({ problems: [{ message: expect.stringMatching(/^`..\/a` is outside the workspace; /), file: "w/caisson.toml", line: 2, key: "packages.a.path" }, { message: expect.stringMatching(/^`\/tmp` is outside/), line: 4 }] });
});

it("refuses two packages of one name, and a name that is not the project's own", async () => {
  const files = { "caisson.toml": "[packages.a-b]\npath = 'a'\n[packages.A_B]\npath = 'a'\n[packages.c]\npath = 'a'\n", "a/pyproject.toml": pyproject("a.b") };
  expect(await problemsOf(files)).toEqual([
    "caisson.toml:3 `A_B` is the same name as `a.b`; letters' case and - _ . make no difference",
    "caisson.toml:5 `c` is called `a.b` in its pyproject.toml; write [packages.\"a.b\"]",
  ]);
});

it("refuses what this version does not do, rather than pass over it", async () => {
  const files = { "caisson.toml": "[packages.a]\nextend = 'core'\n", "pyproject.toml": pyproject("a") };
  expect(await problemsOf(files)).toEqual([
    "caisson.toml:2 unknown key `packages.a.extend`; known here: kind, path, script, git, ref, prefix, turret, extras, groups, needs, pre-build, post-build, link, processes, start, health, hooks",
  ]);
});

it("shows where TOML itself is wrong", async () => {
  expect(await problemsOf({ "caisson.toml": "[workspace]\nname = shop\n" })).toEqual([expect.stringMatching(/^caisson\.toml:2 not valid TOML: /)]);
});

it("says that there is nothing to build in an empty directory", async () => {
  expect(await problemsOf({ "README": "" })).toEqual([": there is nothing to build in `.` or above: no caisson.toml, pyproject.toml, setup.py or requirements.txt; run this in a project's directory, or write a caisson.toml"]);
});

it("reads hooks with their defaults: what runs once for all hosts is not taken back unless it says so", async () => {
  const toml = '[packages.a]\nhooks = [\n  { at = "stage", command = "a collect --to \'x y\'" },\n  { at = "before-activate", command = "a migrate", once = "stack" },\n  { at = "before-activate", command = "a add", once = "stack", reversible = true, timeout = "1h" },\n  { at = "remove", command = "a drop", reversible = false, timeout = 5 },\n]\n';
  await using place = await writeFiles({ "caisson.toml": toml, "pyproject.toml": pyproject("a") });
  expect((await readWorkspace(place.ctx, ".")).packages[0]?.hooks).toEqual([
    { at: "stage", argv: ["a", "collect", "--to", "x y"], once: "host", reversible: true, timeout: 600 },
    { at: "before-activate", argv: ["a", "migrate"], once: "stack", reversible: false, timeout: 600 },
    { at: "before-activate", argv: ["a", "add"], once: "stack", reversible: true, timeout: 3600 },
    { at: "remove", argv: ["a", "drop"], once: "host", reversible: false, timeout: 5 },
  ]);
});

it("refuses hooks that nobody could run", async () => {
  const toml = '[packages.a]\nhooks = [\n  { at = "never", command = "a" },\n  { at = "stage" },\n  { at = "stage", command = " " },\n]\n[packages.b]\npath = "b"\nhooks = [\n  { at = "stage", command = "a \'b" },\n  { at = "remove", command = "a", once = "stack" },\n  { at = "stage", command = "a", timeout = 0 },\n]\n';
  expect(await problemsOf({ "caisson.toml": toml, "pyproject.toml": pyproject("a"), "b/pyproject.toml": pyproject("b") })).toEqual([
    expect.stringMatching(/^caisson\.toml:3 packages\.a\.hooks\[0\]\.at is `never`/), expect.stringContaining("`command` is missing"), expect.stringContaining("packages.a.hooks[2].command is ` `"),
    expect.stringContaining("a quote is left open in `a 'b`"), expect.stringContaining("a hook at `remove` runs on every host"), expect.stringContaining("a hook needs some time"),
  ]);
});

it.each([
  ['[project]\nversion = "1.0"\n', 'pyproject.toml:1 `project` has no `name`; add one to [project]: name = "hello"'],
  ['[project]\nname = 7\n', 'pyproject.toml:2 `project.name` is no text; like name = "hello"'],
  ['[project]\nname = "no good!"\n', "pyproject.toml:2 `no good!` is not a legal package name; letters, digits and . _ - , starting and ending with a letter or digit"],
  ['[tool.poetry]\nname = "-"\n', "pyproject.toml:2 `-` is not a legal package name; letters, digits and . _ - , starting and ending with a letter or digit"],
  ['[build-system]\nrequires = []\n', ": the pyproject.toml here has no [project], and no setup.py or setup.cfg stands beside it; add [project] with a name and a version"],
])("says of a project without caisson.toml what is wrong with its name: %j", async (text, wanted) => {
  expect(await problemsOf({ "pyproject.toml": text })).toEqual([wanted]);
});

const greetWith = (table: string): Readonly<Record<string, string>> => ({ "caisson.toml": `[packages.greet]\n${table}\n`, "pyproject.toml": pyproject("greet") });

it("row P14: build scripts are programs in a package's own directory", async () => {
  expect((await read(greetWith('pre-build = "./scripts//pre.sh"\npost-build = "post"'))).packages[0]).toMatchObject({ preBuild: "scripts/pre.sh", postBuild: "post" });
  expect(await problemsOf(greetWith('pre-build = "../pre.sh"'))).toEqual(["caisson.toml:2 `../pre.sh` is outside the package's directory; a path in that directory: its bytes belong to the package's source"]);
  expect(await problemsOf(greetWith('kind = "files"\npost-build = "post"'))).toEqual([]);
});

const compiledBy = (more: string): string => `[workspace]\nplatforms = ["debian-12", "centos-7", "alpine-320"]\ncompiler = "zig"\n[platforms.debian-12]\ncompiler = "host"\n${more}[packages.web]\npath = "."\n`;

it("reads what compiles for a platform: its own word, else the workspace's, and zig for glibc alone", async () => {
  const workspace = await read({ "caisson.toml": compiledBy(""), "pyproject.toml": pyproject("web") });
  expect(workspace.compilers).toEqual({ usual: "zig", of: { "debian-12": "host" } });
  expect(["debian-12", "centos-7", "alpine-320", "rocky-9-arm64"].map((label) => isCompiledByZig(workspace, platformPreset(label)!))).toEqual([false, true, false, true]);
  expect(await problemsOf({ "caisson.toml": compiledBy('[platforms.alpine-320]\ncompiler = "zig"\n'), "pyproject.toml": pyproject("web") })).toEqual([expect.stringMatching(/^caisson\.toml:7 zig compiles for glibc here, and `alpine-320` has musl; /)]);
  expect(await problemsOf({ "caisson.toml": compiledBy("").replace('"host"', '"gcc"'), "pyproject.toml": pyproject("web") })).toEqual([expect.stringContaining("caisson.toml:5 ")]);
});
