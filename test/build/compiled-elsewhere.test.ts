import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { refusingCompilers } from "../../src/build/wheel/compilers.ts";
import type { CaissonError } from "../../src/model/index.ts";
import { platformPreset } from "../../src/python/index.ts";
import { has } from "../support/machine.ts";
import { flit, openWorkshops } from "./workshop.ts";

const workshopWith = openWorkshops();

/** A system that no machine of ours is, with its own Python. */
const elsewhere = platformPreset("centos-7")!;

/** A project with an extension in C; what it says is no C at all, so that a compiler that runs is heard of. */
function native(name: string, setup = ""): Readonly<Record<string, string>> {
  return {
    "pyproject.toml": `[build-system]\nrequires = ["setuptools>=68"]\nbuild-backend = "setuptools.build_meta"\n[project]\nname = "${name}"\nversion = "1.0"\n[tool.setuptools]\npy-modules = ["${name}"]\n`,
    "setup.py": `from setuptools import Extension, setup\n${setup === "" ? `setup(ext_modules=[Extension("_${name}", ["${name}.c"])])` : setup}\n`,
    [`${name}.c`]: "a compiler ran, and this is no C\n",
    [`${name}.py`]: "x = 1\n",
  };
}

function below(directory: string, files: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(files).map(([path, text]) => [join(directory, path), text]));
}

const refusal = (name: string): string => `\`${name}\` must be compiled for ${elsewhere.label} and no builder is named for it`;

describe("what must be compiled for another system", () => {
  it("story S3: is told of all packages and sdists at once, and no compiler runs first", async () => {
    const workshop = await workshopWith({
      "caisson.toml": '[packages.one]\npath = "one"\n[packages.two]\npath = "two"\n[index]\nfind-links = ["wheels"]\n',
      ".gitignore": "wheels\n",
      ...below("one", native("one")),
      ...below("two", { "pyproject.toml": flit("two", "1.0", 'dependencies = ["three"]'), "two.py": '"""two"""\n' }),
    });
    const sdist = join(workshop.directory, ".home/sdist/three-1.0");
    workshop.write(below(".home/sdist/three-1.0", { ...native("three"), "PKG-INFO": "Metadata-Version: 2.2\nName: three\nVersion: 1.0\n" }));
    mkdirSync(join(workshop.directory, "wheels"));
    execFileSync("tar", ["czf", join(workshop.directory, "wheels/three-1.0.tar.gz"), "-C", dirname(sdist), "three-1.0"]);
    const error = (await workshop.build({ platforms: [elsewhere] }).catch((thrown: unknown) => thrown)) as CaissonError;
    expect(error.problems.map(({ code, message }) => [code, message])).toEqual([["wheel-unfit", refusal("one")], ["wheel-unfit", refusal("three")]]);

    // What was heard once is known without a build.
    await expect(workshop.build({ platforms: [elsewhere], offline: true })).rejects.toMatchObject({ problems: [{ message: refusal("one") }, { message: refusal("three") }] });
    expect(workshop.programs.filter((program) => program.endsWith("/back_end.py"))).toEqual([]);
  });

  it.skipIf(!has("cc"))("is also what does without a compiler only where there is none (needs cc)", async () => {
    const optional = 'try:\n    setup(ext_modules=[Extension("_maybe", ["right.c"])])\nexcept (Exception, SystemExit):\n    setup()';
    const right = "#include <Python.h>\nstatic struct PyModuleDef m = {PyModuleDef_HEAD_INIT, \"_maybe\"};\nPyMODINIT_FUNC PyInit__maybe(void) { return PyModule_Create(&m); }\n";
    const workshop = await workshopWith({ ...native("maybe", optional), "right.c": right });
    await expect(workshop.build({ platforms: [elsewhere] })).rejects.toMatchObject({ message: refusal("maybe") });
  });

  it.skipIf(!has("cc"))("is not what cargo compiles: such a wheel says itself which glibc it needs (needs cc)", async () => {
    const workshop = await workshopWith({ "notes.txt": "none\n" });
    const { directories: [directory = ""], haveRefused } = await refusingCompilers(workshop.directory, "/usr/local/bin:/usr/bin:/bin");
    const ask = (env: Readonly<Record<string, string>>): number | null => spawnSync(join(directory, "cc"), ["--version"], { env }).status;
    expect([ask({ CARGO_MANIFEST_DIR: "/x" }), await haveRefused()]).toEqual([0, false]);
    expect([ask({}), await haveRefused()]).toEqual([1, true]);
  });

  it("is not what merely asks which compiler there is", async () => {
    const asking = 'import subprocess\nsubprocess.run(["cc", "--version"], stdout=subprocess.DEVNULL)\nsetup()';
    const workshop = await workshopWith(native("asking", asking));
    const [result] = await workshop.build({ platforms: [elsewhere] });
    expect(result?.artifacts).toMatchObject([{ state: "built" }]);
  });
});
