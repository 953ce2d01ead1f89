import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { askInterpreter } from "../../src/build/interpreter.ts";
import { importInterpreter } from "../../src/build/interpreter-tree/import.ts";
import { layInterpreter } from "../../src/build/interpreter-tree/lay.ts";
import { machinePlatform } from "../../src/build/machine.ts";
import { indexSettings } from "../../src/build/fetch/index-settings.ts";
import { readDistribution } from "../../src/build/payload/distributions.ts";
import { targetHeaders } from "../../src/build/zig/headers.ts";
import { findZig } from "../../src/build/zig/zig.ts";
import type { Distribution, Payload } from "../../src/model/index.ts";
import { checkElf, platformPreset } from "../../src/python/index.ts";
import { openStore } from "../../src/store/index.ts";
import { createContext } from "../../src/system/index.ts";
import { cache, defaultPythonMinor, has } from "../support/machine.ts";
import { openWorkshops, type TestWorkshop } from "./workshop.ts";

/** A real zig, brought from the index once and shared by all tests. */
const zig = await bringZig();

async function bringZig(): Promise<boolean> {
  const context = createContext({ cwd: cache, env: { ...process.env, XDG_CACHE_HOME: join(cache, "xdg") }, report: () => undefined, signal: AbortSignal.timeout(300_000) });
  const store = await openStore(context, join(cache, "zig-store"));
  return await findZig(context, store, await indexSettings(context, { findLinks: [] }), false).then(() => true, () => false);
}

const minor = defaultPythonMinor();
const python = `py${minor.replace(".", "")}`;
/** glibc 2.17, with the Python of this machine. */
const old = platformPreset(`centos-7-${python}`)!;
const oldOnArm = platformPreset(`centos-7-arm64-${python}`)!;

const workshopWith = openWorkshops();

/** Threads moved into libc with glibc 2.34: what a newer machine links asks for that. */
const source = `#include <Python.h>
#include <pthread.h>
#include <string.h>
static void *work(void *given) { return given; }
static PyObject *hello(PyObject *self, PyObject *unused) {
  char text[64]; pthread_t thread; void *result;
  if (pthread_create(&thread, NULL, work, text) != 0) return NULL;
  pthread_join(thread, &result);
  memcpy(result, "hello", 6);
  return PyUnicode_FromString(text);
}
static PyMethodDef methods[] = {{"hello", hello, METH_NOARGS, ""}, {NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "hello_native", NULL, -1, methods};
PyMODINIT_FUNC PyInit_hello_native(void) { return PyModule_Create(&module); }
`;

function native(compiler: string, extension = ""): Readonly<Record<string, string>> {
  return {
    "caisson.toml": `[workspace]\nname = "hello"\nplatforms = ["${old.label}", "${oldOnArm.label}"]\n${compiler}\n[packages.hello-native]\npath = "native"\n`,
    "native/pyproject.toml": '[build-system]\nrequires = ["setuptools>=68"]\nbuild-backend = "setuptools.build_meta"\n[project]\nname = "hello-native"\nversion = "1.0"\n',
    "native/setup.py": `from setuptools import Extension, setup\nsetup(ext_modules=[Extension("hello_native", ["hello.c"]${extension})])\n`,
    "native/hello.c": source,
  };
}

async function wheelIn(workshop: TestWorkshop, result: Awaited<ReturnType<TestWorkshop["build"]>>[number] | undefined): Promise<Distribution> {
  const payload = await workshop.store.readJson<Payload>(result?.artifacts[0]?.artifact.payload.digest ?? "sha256:");
  const [only] = payload.distributions;
  return (await readDistribution(workshop.store, only?.fileName ?? "", only!.wheel)).distribution;
}

describe.skipIf(!zig)("a package with C, compiled by zig (needs zig: the network once)", () => {
  let first: { readonly digests: readonly string[] };

  it("fits glibc 2.17 on both architectures by its symbols, under the tag that they prove, and runs", async () => {
    const workshop = await workshopWith(native('compiler = "zig"'));
    const results = await workshop.build();
    const [own, arm] = [await wheelIn(workshop, results[0]), await wheelIn(workshop, results[1])];
    expect(own.fileName).toMatch(/-manylinux_2_17_x86_64\.manylinux2014_x86_64\.whl$/);
    expect([own.elf?.machines, checkElf(own, old), own.warnings]).toEqual([["x86_64"], [], []]);
    expect(arm.fileName).toMatch(/-manylinux_2_17_aarch64\.manylinux2014_aarch64\.whl$/);
    expect([arm.elf?.machines, checkElf(arm, oldOnArm)]).toEqual([["aarch64"], []]);
    expect(arm.tree.entries.map(({ path }) => path)).toContainEqual(expect.stringMatching(/-aarch64-linux-gnu\.so$/));
    first = { digests: [own, arm].map(({ wheel }) => wheel.digest) };

    const here = process.arch === "arm64" ? arm : own;
    const [wheel, unpacked] = [join(workshop.directory, here.fileName), join(workshop.directory, "unpacked")];
    await workshop.store.copyTo(here.wheel.digest, wheel);
    execFileSync("python3", ["-m", "zipfile", "-e", wheel, unpacked]);
    expect(execFileSync("python3", ["-c", "import hello_native; print(hello_native.hello())"], { cwd: unpacked, encoding: "utf8" })).toBe("hello\n");
  });

  it("is the same elsewhere, and is found again without a build", async () => {
    const workshop = await workshopWith(native('compiler = "zig"'));
    const [result] = await workshop.build({ platforms: [old] });
    expect((await wheelIn(workshop, result)).wheel.digest).toBe(first.digests[0]);
    workshop.write({ "caisson.toml": `${native('compiler = "zig"')["caisson.toml"] ?? ""}processes.one = "true"\n` });
    workshop.commit();
    await workshop.build({ platforms: [old] });
    expect(workshop.programs.filter((program) => program.endsWith("/back_end.py"))).toEqual([]);
  });

  it("is refused where it asks for a library of the machine, with what to do", async () => {
    const workshop = await workshopWith(native('compiler = "zig"', ', libraries=["ssl"]'));
    await expect(workshop.build({ platforms: [old] })).rejects.toMatchObject({ code: "build-failed", hint: expect.stringMatching(/zig brings libc and libc\+\+ and no other library/) as string });
  });
});

describe("without zig", () => {
  it.skipIf(!has("cc"))("what this machine compiles is refused for an older glibc by its symbols (needs cc)", async () => {
    const workshop = await workshopWith({ ...native(""), "caisson.toml": '[packages.hello-native]\npath = "native"\n' });
    const [result] = await workshop.build();
    const own = await wheelIn(workshop, result);
    expect(checkElf(own, old)).toMatchObject([{ code: "wheel-unfit", message: expect.stringMatching(/^T9: .* needs glibc 2\.\d+, and `centos-7\S*` has glibc 2\.17/) as string }]);
  });

  it("is said that zig does not compile for musl", async () => {
    const workshop = await workshopWith({ ...native(""), "caisson.toml": '[workspace]\nname = "x"\nplatforms = ["alpine-320"]\n[platforms.alpine-320]\ncompiler = "zig"\n[packages.hello-native]\npath = "native"\n' });
    await expect(workshop.build()).rejects.toMatchObject({ code: "config-invalid", message: "zig compiles for glibc here, and `alpine-320` has musl" });
  });
});

describe("headers of a Python", () => {
  it("are none where its development package is not installed", async () => {
    const workshop = await workshopWith({ "notes.txt": "none\n" });
    workshop.write({ "bin/python3.11": `#!/bin/sh\necho '{"include": "${workshop.directory}/nothing", "multiarch": "", "suffix": ""}'\n` });
    const executable = join(workshop.directory, "bin/python3.11");
    chmodSync(executable, 0o755);
    const facts = { executable, version: "3.11.2", implementation: "cpython", arch: "x86_64", libc: old.libc } as Parameters<typeof targetHeaders>[2];
    expect(await targetHeaders(workshop.context, workshop.store, facts, old, undefined, workshop.directory)).toBeUndefined();
  });

  it.skipIf(!existsSync("/usr/bin/python3.11") || !existsSync("/usr/lib/python3.11/lib-dynload"))("come along with an interpreter tree, which itself runs a build where the machine has none of its minor (needs Debian's python3.11)", async () => {
    const workshop = await workshopWith({ "notes.txt": "none\n" });
    const { context, store } = workshop;
    workshop.write({ "python/include/python3.11/Python.h": "/* its own */\n", "python/include/python3.11/pyconfig.h": "#define HAVE_CRYPT_H 1\n", "python/include/python3.11/cpython/object.h": "/* below */\n" });
    mkdirSync(join(workshop.directory, "python/bin"));
    cpSync("/usr/bin/python3.11", join(workshop.directory, "python/bin/python3.11"));
    cpSync("/usr/lib/python3.11", join(workshop.directory, "python/lib/python3.11"), { recursive: true, verbatimSymlinks: true });
    rmSync(join(workshop.directory, "python/lib/python3.11/sitecustomize.py"), { force: true });
    const { interpreter } = await importInterpreter(context, store, "python");
    const program = (await layInterpreter({ ...context, env: { ...context.env, XDG_CACHE_HOME: join(workshop.directory, "cache") } }, store, interpreter, await machinePlatform(context))) ?? "";
    expect(program.startsWith(join(workshop.directory, "cache"))).toBe(true);
    const facts = (await askInterpreter(context, program))!;
    expect([facts.version, facts.implementation]).toEqual([interpreter.version, "cpython"]);
    const headers = await targetHeaders(context, store, facts, platformPreset("debian-12")!, interpreter.headers, workshop.directory);
    expect(["Python.h", "pyconfig.h", "cpython/object.h"].map((name) => readFileSync(join(headers?.directory ?? "", name), "utf8"))).toEqual(["/* its own */\n", "/* #undef HAVE_CRYPT_H */\n", "/* below */\n"]);
    expect(await layInterpreter(context, store, { ...interpreter, arch: interpreter.arch === "aarch64" ? "x86_64" : "aarch64" }, await machinePlatform(context))).toBeUndefined();
  });

  it("are Debian's for the architecture, and say for another one what is true there", async () => {
    const workshop = await workshopWith({ "notes.txt": "some\n" });
    const include = join(workshop.directory, "usr/include");
    mkdirSync(include, { recursive: true });
    workshop.write({
      "usr/include/python3.11/Python.h": "/* Python */\n",
      "usr/include/python3.11/pyconfig.h": "#if defined(__x86_64__)\n# include <x86_64-linux-gnu/python3.11/pyconfig.h>\n#endif\n",
      "usr/include/x86_64-linux-gnu/python3.11/pyconfig.h": "#define HAVE_CRYPT_H 1\n#define SIZEOF_LONG 8\n#define VA_LIST_IS_ARRAY 1\n",
      "bin/python3.11": `#!/bin/sh\necho '{"include": "${include}/python3.11", "multiarch": "x86_64-linux-gnu", "suffix": ".cpython-311-x86_64-linux-gnu.so"}'\n`,
    });
    const executable = join(workshop.directory, "bin/python3.11");
    chmodSync(executable, 0o755);
    const facts = { executable, version: "3.11.2", implementation: "cpython", arch: "x86_64", libc: old.libc } as Parameters<typeof targetHeaders>[2];
    const read = async (platform: typeof old, scratch: string): Promise<readonly [string, Readonly<Record<string, string>> | undefined]> => {
      const headers = await targetHeaders(workshop.context, workshop.store, facts, platform, undefined, join(workshop.directory, scratch));
      return [execFileSync("cat", [join(headers?.directory ?? "", "pyconfig.h")], { encoding: "utf8" }), headers?.env];
    };
    mkdirSync(join(workshop.directory, "arm"));
    expect(await read(old, "own")).toEqual(["/* #undef HAVE_CRYPT_H */\n#define SIZEOF_LONG 8\n#define VA_LIST_IS_ARRAY 1\n", {}]);
    expect(await read(oldOnArm, "arm")).toEqual(["/* #undef HAVE_CRYPT_H */\n#define SIZEOF_LONG 8\n/* #undef VA_LIST_IS_ARRAY */\n", { SETUPTOOLS_EXT_SUFFIX: ".cpython-311-aarch64-linux-gnu.so", DIST_EXTRA_CONFIG: join(workshop.directory, "arm/distutils.cfg") }]);
  });
});
