import { expect, it } from "vitest";
import { readWorkspace } from "../../src/config/index.ts";
import { writeFiles } from "./write-files.ts";

const project = (name: string, dependencies: readonly string[] = [], more = ""): string => `[project]\nname = "${name}"\nversion = "1.0"\ndependencies = ${JSON.stringify(dependencies)}\n${more}`;

/** `web packages/web: needs util lib | sources ../pyproject.toml | implied` for each package. */
async function read(files: Readonly<Record<string, string>>): Promise<{ readonly name: string; readonly packages: readonly string[] }> {
  await using place = await writeFiles(files);
  const { name, packages } = await readWorkspace(place.ctx, ".");
  return { name, packages: packages.map((pkg) => [`${pkg.name} ${"path" in pkg.source ? pkg.source.path ?? "" : ""}: ${pkg.needs.join(" ")}`, ...(pkg.sourcesFrom === undefined ? [] : [`sources ${pkg.sourcesFrom}`]), ...(pkg.implied === true ? ["implied"] : [])].join(" | ")) };
}

it("takes a project that another one takes by its path for a package, and what that one takes in turn; built where it is needed", async () => {
  expect(await read({
    "pyproject.toml": project("app", ["lib", "far"], '[tool.uv.sources]\nlib = { path = "libs/lib", editable = true }\nfar = { path = "../far" }\nwhl = { path = "wheels/x-1.0-py3-none-any.whl" }\nnone = { path = "gone" }\n'),
    "libs/lib/pyproject.toml": project("Lib", ["deep"], '[tool.uv.sources]\ndeep = { path = "../deep" }\n'),
    "libs/deep/setup.py": 'from setuptools import setup\nsetup(name="deep")\n',
    "wheels/x-1.0-py3-none-any.whl": "",
  })).toEqual({ name: "app", packages: ["app .: lib", "lib libs/lib: deep | implied", "deep libs/deep:  | implied"] });
});

it("finds members of a uv workspace that caisson.toml does not name, and lets sources of its root hold for them", async () => {
  expect(await read({
    "caisson.toml": '[workspace]\nname = "shop"\n[packages.web]\npath = "packages/web"\n',
    "pyproject.toml": '[tool.uv.workspace]\nmembers = ["packages/*"]\n[tool.uv.sources]\nutil = { workspace = true }\nlib = [{ path = "libs/lib", marker = "sys_platform == \'linux\'" }, { index = "other" }]\n',
    "packages/web/pyproject.toml": project("web", ["util", "lib", "ours"], '[tool.uv.sources]\nours = { path = "../../libs/ours" }\n'),
    "packages/u/pyproject.toml": project("util"),
    "packages/unused/pyproject.toml": project("unused"),
    "libs/lib/pyproject.toml": project("lib"),
    "libs/ours/pyproject.toml": project("ours"),
  })).toEqual({
    name: "shop",
    packages: ["web packages/web: util lib ours | sources ../../pyproject.toml", "ours libs/ours:  | sources ../../pyproject.toml | implied", "util packages/u:  | sources ../../pyproject.toml | implied", "lib libs/lib:  | sources ../../pyproject.toml | implied"],
  });
});

it("takes what a script's header takes by its path, and nothing of the uv workspace around it", async () => {
  expect(await read({
    "caisson.toml": '[packages.report]\nscript = "tools/report.py"\n',
    "pyproject.toml": '[tool.uv.workspace]\nmembers = []\n[tool.uv.sources]\nother = { path = "libs/lib" }\n',
    "tools/report.py": '# /// script\n# dependencies = ["lib"]\n# [tool.uv.sources]\n# lib = { path = "../libs/lib" }\n# ///\n',
    "libs/lib/pyproject.toml": project("lib"),
  })).toEqual({ name: "report", packages: ["report tools: lib", "lib libs/lib:  | sources ../../pyproject.toml | implied"] });
});

it("leaves a uv workspace's members as they are where nothing is written down", async () => {
  expect(await read({
    "pyproject.toml": project("root", ["util"], '[tool.uv.workspace]\nmembers = ["packages/*"]\nexclude = ["packages/old"]\n[tool.uv.sources]\nutil = { workspace = true }\n'),
    "packages/util/pyproject.toml": project("util"),
    "packages/old/pyproject.toml": project("old"),
  })).toMatchObject({ packages: ["root .: util", "util packages/util:  | sources ../../pyproject.toml"] });
});
