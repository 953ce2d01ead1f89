import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { planInit, readWorkspace, writeInit } from "../../src/config/index.ts";
import { writeFiles } from "./write-files.ts";

const pyproject = (name: string): string => `[project]\nname = "${name}"\nversion = "1.0"\n`;

it("writes a file that reads back as what it found, for one project", async () => {
  await using place = await writeFiles({ "pyproject.toml": pyproject("Hello.World") });
  const before = await readWorkspace(place.ctx, ".");
  const plan = await planInit(place.ctx, ".", "debian-12");
  expect(plan).toMatchObject({ path: join(place.directory, "caisson.toml"), workspace: "hello-world", platform: "debian-12", packages: [{ written: "Hello.World", kind: "python" }] });
  await writeInit(place.ctx, plan);
  expect(await readWorkspace(place.ctx, ".")).toMatchObject({ file: "caisson.toml", name: before.name, packages: before.packages, platforms: [{ label: "debian-12" }], targets: [] });
});

it("writes examples that are right when their comment signs are taken away", async () => {
  await using place = await writeFiles({ "setup.py": "setup(name='shop')" });
  const plan = await planInit(place.ctx, ".", "debian-12");
  writeFileSync(plan.path, plan.text.replaceAll(/^# (?=processes|health|\[targets|root|service|restart)/gm, ""));
  expect(await readWorkspace(place.ctx, ".")).toMatchObject({ packages: [{ processes: [{ name: "web", argv: ["shop", "--port", "8000"] }], health: { url: "http://127.0.0.1:8000/" } }], targets: [{ name: "production", service: { kind: "command", restart: "systemctl restart shop" } }] });
});

it("writes down the members of a uv workspace", async () => {
  await using place = await writeFiles({ "pyproject.toml": "[tool.uv.workspace]\nmembers = ['packages/*']\n", "packages/b/pyproject.toml": pyproject("b"), "packages/a/pyproject.toml": pyproject("a") });
  expect((await planInit(place.ctx, ".", "debian-12")).packages.map(({ name, source }) => [name, source])).toEqual([["a", { path: "packages/a" }], ["b", { path: "packages/b" }]]);
});

it("finds projects in directories below, not in each other and not in what others made", async () => {
  await using place = await writeFiles({ "util/pyproject.toml": pyproject("util"), "util/tests/x/setup.py": "", "services/web/setup.py": "setup(name='web')", "node_modules/x/setup.py": "", ".venv/x/setup.py": "", "deep/er/still/pyproject.toml": pyproject("no") });
  const plan = await planInit(place.ctx, ".", "arch-rolling-py313");
  expect(plan.packages.map(({ name, source }) => [name, source])).toEqual([["web", { path: "services/web" }], ["util", { path: "util" }]]);
  await writeInit(place.ctx, plan);
  // A system that has no name of ours stays unwritten, since a file may not name what nobody knows.
  expect(await readWorkspace(place.ctx, ".")).toMatchObject({ platforms: [], packages: [{ name: "web" }, { name: "util" }] });
});

it("row O1: writes one package for each turret of an OCT project, here or below, beside the Python project that lies with it", async () => {
  const config = JSON.stringify({ turrets: [{ name: "navigation" }, "turrets/b.json", { name: "a b!" }, 7] });
  await using place = await writeFiles({ "config.json": config, "turrets/b.json": '{"name": "random"}' });
  const plan = await planInit(place.ctx, ".", "debian-12");
  expect(plan.packages.map(({ written, kind, turret }) => [written, kind, turret])).toEqual([["navigation", "turret", "navigation"], ["random", "turret", "random"], ["a-b", "turret", "a b!"]]);
  expect(plan.text).toContain('[packages.a-b]\nkind = "turret"\npath = "."\nturret = "a b!"\n');
  await writeInit(place.ctx, plan);
  expect((await readWorkspace(place.ctx, ".")).packages).toEqual(plan.packages);
  await using mixed = await writeFiles({ "web/setup.py": "setup(name='navigation')", "web/config.json": config, "web/turrets/b.json": "{", "other/config.json": '{"turrets": 5}' });
  expect((await planInit(mixed.ctx, ".", "debian-12")).packages.map(({ written, kind, source }) => [written, kind, source])).toEqual([["navigation", "python", { path: "web" }], ["navigation-turret", "turret", { path: "web" }], ["a-b", "turret", { path: "web" }]]);
});

it("story S1: never writes over a file, not even one that came in between", async () => {
  await using place = await writeFiles({ "pyproject.toml": pyproject("hello") });
  const plan = await planInit(place.ctx, ".", "debian-12");
  writeFileSync(plan.path, "# mine\n");
  await expect(writeInit(place.ctx, plan)).rejects.toMatchObject({ code: "ref-exists" });
  await expect(planInit(place.ctx, ".", "debian-12")).rejects.toMatchObject({ code: "ref-exists", message: "`caisson.toml` exists already", hint: "edit it, or remove it and run `caisson init` again" });
  expect(readFileSync(plan.path, "utf8")).toBe("# mine\n");
  await using other = await writeFiles({ "pyproject.toml": `${pyproject("hello")}[tool.caisson]\n` });
  await expect(planInit(other.ctx, ".", "debian-12")).rejects.toMatchObject({ code: "ref-exists", message: "`pyproject.toml` has a `[tool.caisson]` already" });
});

it("says where it looked when there is no project", async () => {
  await using place = await writeFiles({ "README": "" });
  await expect(planInit(place.ctx, ".", "debian-12")).rejects.toMatchObject({ code: "config-invalid", message: "there is no Python project here, and none in the directories below" });
});

it("takes a directory with nothing but a requirements.txt, and none that is merely below a project", async () => {
  await using place = await writeFiles({ "requirements.txt": "flask\n", "docs/requirements.txt": "sphinx\n" });
  expect((await planInit(place.ctx, ".", "debian-12")).packages.map(({ source }) => source)).toEqual([{ path: "." }]);
  expect((await readWorkspace(place.ctx, ".")).packages).toMatchObject([{ kind: "python", source: { path: "." } }]);
  await using project = await writeFiles({ "pyproject.toml": pyproject("shop"), "docs/requirements.txt": "sphinx\n" });
  expect((await readWorkspace(project.ctx, "docs")).packages).toMatchObject([{ name: "shop" }]);
});
