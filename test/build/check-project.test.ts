import { parse } from "smol-toml";
import { expect, it } from "vitest";
import { projectMistakes } from "../../src/build/lock/check-project.ts";

const head = '[build-system]\nrequires = ["flit_core"]\n\n[project]\n';

/** `3 project.name: message; hint` for each. */
function mistakesOf(text: string): readonly string[] {
  return projectMistakes("web/pyproject.toml", text, parse(text)).map(({ file, line, key, message, hint }) => `${file ?? ""}:${line ?? ""} ${key ?? ""}: ${message}${hint === undefined ? "" : `; ${hint}`}`);
}

it("finds nothing wrong with what back ends take", () => {
  for (const good of ["", '[project]\nname = "a"\nversion = "1"\n', '[project]\nname = "A.b_c-1"\ndynamic = ["version", "dependencies"]\n', '[project]\nname = "a"\nversion = "v1.0-rc.1"\ndependencies = []\nrequires-python = ">=3.8, !=3.9.*"\n[project.optional-dependencies]\nweb = ["x"]\n', '[build-system]\nrequires = []\n[tool.poetry]\nname = "x"\n']) expect(mistakesOf(good)).toEqual([]);
});

it.each([
  [`${head}version = "1.0"\n`, 'web/pyproject.toml:4 project: `project` has no `name`; add one to [project]: name = "hello"'],
  [`${head}name = "no good!"\nversion = "1"\n`, 'web/pyproject.toml:5 project.name: `project.name` is "no good!", which is no name; letters, digits and . _ - , starting and ending with a letter or digit'],
  [`${head}name = 7\nversion = "1"\n`, "web/pyproject.toml:5 project.name: `project.name` is 7, which is no name; letters, digits and . _ - , starting and ending with a letter or digit"],
  [`${head}name = "a"\n`, 'web/pyproject.toml:4 project: `project` has no `version`; add one: version = "1.0", or dynamic = ["version"] where the back end finds it'],
  [`${head}name = "a"\nversion = "banana"\n`, 'web/pyproject.toml:6 project.version: `project.version` is "banana", which is no version; like "1.0", "1.0rc1" or "1.0.post1"'],
  [`${head}name = "a"\nversion = 1.0\n`, 'web/pyproject.toml:6 project.version: `project.version` is 1, which is no version; like "1.0", "1.0rc1" or "1.0.post1"'],
  [`${head}name = "a"\nversion = "1"\ndependencies = "idna"\n`, 'web/pyproject.toml:7 project.dependencies: `project.dependencies` must be a list of texts; dependencies = ["...", "..."]'],
  [`${head}name = "a"\nversion = "1"\ndependencies = [7]\n`, 'web/pyproject.toml:7 project.dependencies: `project.dependencies` must be a list of texts; dependencies = ["...", "..."]'],
  [`${head}name = "a"\nversion = "1"\nrequires-python = "three"\n`, 'web/pyproject.toml:7 project.requires-python: `project.requires-python` is "three", which is no version specifier; like ">=3.8"'],
  [`${head}name = "a"\nversion = "1"\n[project.optional-dependencies]\nweb = "x"\n`, 'web/pyproject.toml:8 project.optional-dependencies.web: `project.optional-dependencies.web` must be a list of texts; web = ["...", "..."]'],
  ["project = 3\n", "web/pyproject.toml:1 project: `project` must be a table; write [project]"],
  ['build-system = "flit"\n', "web/pyproject.toml:1 build-system: `build-system` must be a table; write [build-system]"],
  [`${head}name = "a"\nversion = "1"\ndependencies = [\n  "idna",\n  "x>>1",\n]\n`, "web/pyproject.toml:9 project.dependencies[1]: `x>>1` is not a requirement: expected a version that `>` can compare instead of `>1` at character 5; write it as NAME, NAME>=1.0 or NAME @ URL"],
  ['[dependency-groups]\ntest = [{ include-group = "x" }, "a b"]\n', "web/pyproject.toml:2 dependency-groups.test[1]: `a b` is not a requirement: expected a version, `;` or the end at character 3; write it as NAME, NAME>=1.0 or NAME @ URL"],
  ["[build-system]\nbuild-backend = 7\n", 'web/pyproject.toml:2 build-system.build-backend: `build-system.build-backend` must be a text; like "hatchling.build"'],
  ['[build-system]\nrequires = "flit"\n', 'web/pyproject.toml:2 build-system.requires: `build-system.requires` must be a list of texts; requires = ["...", "..."]'],
])("names the place of a mistake: %j", (text, wanted) => {
  expect(mistakesOf(text)).toEqual([wanted]);
});

it("tells of many at once, by line, each with its own hint", () => {
  expect(mistakesOf('[project]\nversion = "x"\nname = "-"\ndynamic = 1\n')).toEqual([
    'web/pyproject.toml:2 project.version: `project.version` is "x", which is no version; like "1.0", "1.0rc1" or "1.0.post1"',
    'web/pyproject.toml:3 project.name: `project.name` is "-", which is no name; letters, digits and . _ - , starting and ending with a letter or digit',
    'web/pyproject.toml:4 project.dynamic: `project.dynamic` must be a list of texts; dynamic = ["...", "..."]',
  ]);
});

it("says that a byte order mark stands before the text", () => {
  expect(projectMistakes("pyproject.toml", '\uFEFF[project]\nname = "a"\nversion = "1"\n', { project: { name: "a", version: "1" } })).toMatchObject([{ line: 1, message: "it begins with a byte order mark, and back ends read none" }]);
});
