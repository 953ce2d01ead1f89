import { describe, expect, it } from "vitest";
import { readProject } from "../../src/build/project.ts";

const source = (files: Readonly<Record<string, string>>) => ({ readText: (name: string) => Promise.resolve(files[name]) });
const pyproject = (requires: string, backend: string, more = ""): string => `[build-system]\nrequires = ["${requires}"]\nbuild-backend = "${backend}"\n${more}`;
const project = '[project]\nname = "a"\nversion = "1.0"\n';

describe("readProject", () => {
  it.each([
    ["a version in pyproject.toml", { "pyproject.toml": pyproject("flit_core", "flit_core.buildapi", project) }, true],
    ["a version that poetry has in its own table", { "pyproject.toml": pyproject("poetry-core", "poetry.core.masonry.api", '[tool.poetry]\nversion = "1.0"\n') }, true],
    ["a version that a plugin of poetry's makes", { "pyproject.toml": pyproject("poetry-dynamic-versioning", "poetry_dynamic_versioning.backend", '[tool.poetry]\nversion = "0.0.0"\n') }, false],
    ["a dynamic version", { "pyproject.toml": pyproject("setuptools", "setuptools.build_meta", '[project]\nname = "a"\ndynamic = ["version"]\n') }, false],
    ["setup.py alone", { "setup.py": "" }, false],
  ])("tells whether the commit decides the version: %s", async (_, files, hasVersion) => {
    expect((await readProject(source(files)))?.hasVersion).toBe(hasVersion);
  });

  it.each([
    ["setuptools", { "pyproject.toml": pyproject("setuptools", "setuptools.build_meta", project) }, true],
    ["setuptools with a program that may say setup_requires", { "pyproject.toml": pyproject("setuptools", "setuptools.build_meta", project), "setup.py": "" }, false],
    ["setuptools with setup_requires", { "pyproject.toml": pyproject("setuptools", "setuptools.build_meta", project), "setup.cfg": "[options]\nsetup_requires = x\n" }, false],
    ["a back end that answers at once", { "pyproject.toml": pyproject("flit_core", "flit_core.buildapi", project) }, false],
    ["no word about a back end", { "pyproject.toml": project }, false],
  ])("knows of the back end that answers slowly where it asks for no more than is written: %s", async (_, files, known) => {
    expect((await readProject(source(files)))?.system.asksForNoMore).toBe(known);
  });

  it("reads which back end it is, and where one of its own lies", async () => {
    expect((await readProject(source({ "pyproject.toml": pyproject("x", "x.y:z", 'backend-path = ["tools"]\n') })))?.system).toEqual({ requires: ["x"], backEnd: "x.y:z", places: ["tools"], asksForNoMore: false });
    expect((await readProject(source({ "pyproject.toml": "[build-system]\nrequires = []\n" })))?.system).toEqual({ requires: [], backEnd: "setuptools.build_meta:__legacy__", places: [], asksForNoMore: false });
  });

  it("is none where there is nothing but requirements, or settings of other tools", async () => {
    expect(await readProject(source({ "requirements.txt": "idna\n", "pyproject.toml": "[tool.black]\n" }))).toBeUndefined();
  });

  it("leaves a broken pyproject.toml to the back end", async () => {
    expect(await readProject(source({ "pyproject.toml": "[project\n" }))).toMatchObject({ hasVersion: false, system: { requires: ["setuptools>=40.8.0"], backEnd: "setuptools.build_meta:__legacy__" } });
  });
});
