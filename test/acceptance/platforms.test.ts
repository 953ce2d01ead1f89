import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { strToU8, zipSync } from "fflate";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { askGlibcNeeds, glibcLists } from "../support/glibc-symbols.ts";
import { lacking, startHosts } from "../support/hosts.ts";
import { findPythons, has, makeHome, type Home } from "../support/machine.ts";
import { readWheelFile } from "../support/real-wheels.ts";
import { compareDotted, platformPreset, platformPresets } from "../../src/python/index.ts";
import { recordRow } from "../python/made-wheel.ts";

const lists = glibcLists();
const python38 = findPythons().find(({ minor }) => minor === "3.8");

describe.skipIf(lists === undefined)("one machine builds for centos-7 and debian-12 (needs the network once)", () => {
  let home: Home;
  let work: string;
  beforeAll(() => {
    home = makeHome();
    work = join(home.directory, "work");
    mkdirSync(join(work, "greeter"), { recursive: true });
    mkdirSync(join(work, "wheels"));
    project([]);
    writeFileSync(join(work, "greeter/__init__.py"), '"""Greets."""\nimport sys\nimport markupsafe._speedups\nimport yaml\ndef main():\n    print("hello", markupsafe.escape("<%d.%d>" % sys.version_info[:2]), yaml.load("a: 1", yaml.CSafeLoader))\n');
    writeFileSync(join(work, "caisson.toml"), '[workspace]\nplatforms = ["debian-12", "centos-7"]\n[packages.greeter]\npath = "."\n[index]\nfind-links = ["wheels"]\n');
  });
  afterAll(() => home.remove());

  /** The application, with C extensions that have wheels for both, and what a test adds. */
  function project(more: readonly string[]): void {
    writeFileSync(join(work, "pyproject.toml"), `[project]\nname = "greeter"\nversion = "1.0"\ndescription = "Greets."\ndependencies = ${JSON.stringify(["markupsafe", "pyyaml", ...more])}\n[project.scripts]\ngreeter = "greeter:main"\n[build-system]\nrequires = ["flit_core>=3.4"]\nbuild-backend = "flit_core.buildapi"\n`);
  }

  function sh(script: string): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
    const { status, stdout, stderr } = spawnSync("/bin/sh", ["-ec", script], { cwd: work, env: home.env, encoding: "utf8" });
    return { status, stdout, stderr };
  }

  /** A wheel with a library in it, tagged as we like. */
  function plant(name: string, tag: string, library: Uint8Array): void {
    const files: Record<string, Uint8Array> = {
      [`${name}/__init__.py`]: strToU8(""),
      [`${name}/_speed.so`]: library,
      [`${name}-1.0.dist-info/METADATA`]: strToU8(`Metadata-Version: 2.1\nName: ${name}\nVersion: 1.0\n`),
      [`${name}-1.0.dist-info/WHEEL`]: strToU8(`Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: false\nTag: ${tag}\n`),
    };
    const record = `${Object.entries(files).map(([path, bytes]) => recordRow(path, bytes)).join("")}${name}-1.0.dist-info/RECORD,,\n`;
    writeFileSync(join(work, `wheels/${name}-1.0-${tag}.whl`), zipSync({ ...files, [`${name}-1.0.dist-info/RECORD`]: strToU8(record) }));
  }

  /** The wheels of a bundle that were compiled. */
  function wheels(label: string, output = "dist"): readonly string[] {
    return readdirSync(join(work, `${output}/greeter-1.0-${label}/data/wheels`)).filter((name) => !name.endsWith("-any.whl"));
  }

  function refused(distribution: string, platform: string): string {
    project([distribution]);
    const { status, stdout, stderr } = sh(`rm -rf dist pylock.* && caisson build --platform ${platform}`);
    expect([status, stdout, existsSync(join(work, "dist"))]).toEqual([1, "", false]);
    return stderr;
  }

  it("row N1: locks and builds for each, with other wheels, whose symbols are all in that platform's C library by zig's lists", async () => {
    expect(sh("caisson lock")).toMatchObject({ status: 0, stdout: "pylock.debian-12.toml  2 distributions\npylock.centos-7.toml  2 distributions\n" });
    const built = sh("caisson build --format dir");
    expect(built).toMatchObject({ status: 0, stdout: "dist/greeter-1.0-debian-12\ndist/greeter-1.0-centos-7\n" });
    expect(built.stderr).toContain("centos-7 has no Python 3.8 of its own, and the store no `python-3.8` to bring");
    expect([wheels("centos-7").every((name) => name.includes("-cp38-") && name.includes("manylinux2014")), wheels("debian-12").every((name) => name.includes("-cp311-"))]).toEqual([true, true]);
    const needs = askGlibcNeeds(lists ?? "", wheels("centos-7").map((name) => join(work, "dist/greeter-1.0-centos-7/data/wheels", name)));
    expect(Object.values(needs).map(({ unknown, policy, glibc }) => [unknown, policy, Number(glibc.split(".")[1]) <= 17])).toEqual([[[], "manylinux_2_17", true], [[], "manylinux_2_17", true]]);
  }, 120_000);

  it(`row N1: builds for ${process.env["SWEEP"] === "all" ? "every platform that has a name" : "other libcs, architectures and Pythons"}, whose wheels ask for nothing that these have not`, async () => {
    const labels = process.env["SWEEP"] === "all" ? platformPresets().map(({ label }) => label) : ["debian-9-arm64", "rocky-8", "alpine-322"];
    expect(sh(`caisson build --format dir --output all --platform ${labels.join(",")}`)).toMatchObject({ status: 0 });
    for (const label of labels) {
      const { libc, arch, tags } = platformPreset(label) ?? {};
      const there = wheels(label, "all");
      expect(there.length).toBe(2);
      const facts = await Promise.all(there.map(async (name) => (await readWheelFile(join(work, `all/greeter-1.0-${label}/data/wheels`), name)).elf));
      expect([label, facts.map((elf) => [elf?.musl, elf?.machines])]).toEqual([label, facts.map(() => [libc?.family === "musl", [arch]])]);
      const needs = libc?.family === "musl" ? {} : askGlibcNeeds(lists ?? "", there.map((name) => join(work, `all/greeter-1.0-${label}/data/wheels`, name)));
      expect([label, Object.values(needs).flatMap(({ unknown, glibc }) => (compareDotted(glibc, libc?.version ?? "") > 0 ? [...unknown, glibc] : unknown))]).toEqual([label, []]);
      expect(there.every((name) => tags?.some((tag) => tag.split("-")[0] === name.split("-")[2]))).toBe(true);
    }
  }, 600_000);

  it("row N1: what was built for centos-7 is refused by another minor of Python than its own", () => {
    const wrong = findPythons().find(({ minor }) => minor !== "3.8");
    expect(sh(`dist/greeter-1.0-centos-7/install.sh -p '${wrong?.path}' wrong`)).toMatchObject({ status: 1, stderr: expect.stringContaining("Error: this bundle needs CPython 3.8, ") as string });
  }, 60_000);

  it.skipIf(python38 === undefined)("row N1: what was built for centos-7 runs on what is newer, with its own minor of Python (needs a CPython 3.8)", () => {
    expect(sh(`dist/greeter-1.0-centos-7/install.sh -p '${python38?.path}' site && site/bin/greeter`)).toMatchObject({ status: 0, stdout: expect.stringMatching(/hello &lt;3\.8&gt; \{'a': 1\}\n$/) as string });
  }, 60_000);

  it("row N1: what was built for debian-12 installs and runs in a Debian that has nothing but its own packages, without a network", async ({ skip }) => {
    const missing = lacking("namespace");
    skip(missing !== undefined, missing ?? "");
    await using hosts = await startHosts({ kind: "namespace" });
    const h1 = hosts.get("h1");
    cpSync(join(work, "dist/greeter-1.0-debian-12"), h1.outside("/root/bundle"), { recursive: true });
    const [id, release] = (await h1.enter(["sh", "-c", ". /etc/os-release; echo $ID $VERSION_ID"])).trim().split(" ");
    skip(`${id}-${release}` !== "debian-12", `needs a Debian 12 for hosts, and theirs is ${id} ${release}`);
    expect(await h1.enter(["unshare", "--net", "sh", "-c", "/root/bundle/install.sh /srv/greeter >/dev/null && /srv/greeter/bin/greeter"])).toBe("hello &lt;3.11&gt; {'a': 1}\n");
  }, 60_000);

  describe.skipIf(!has("gcc"))("the gate (needs gcc)", () => {
    let compiled: Uint8Array;
    beforeAll(() => {
      // Since 2.34 threads are in libc itself, under a version of their own.
      writeFileSync(join(work, "speed.c"), "#include <pthread.h>\nstatic void *idle(void *it) { return it; }\nint speed(void) { pthread_t thread; return pthread_create(&thread, 0, idle, 0) + pthread_join(thread, 0); }\n");
      sh("gcc -shared -fPIC -o speed.so speed.c -lpthread");
      compiled = readFileSync(join(work, "speed.so"));
    });

    it("wheels T9: refuses a wheel that says manylinux2014 and needs the glibc of this machine, and lets it pass where that is there", () => {
      plant("liar", "cp36-abi3-manylinux2014_x86_64", compiled);
      expect(refused("liar", "centos-7")).toMatch(/^error: .*T9: `liar-1\.0-cp36-abi3-manylinux2014_x86_64\.whl` needs glibc 2\.3[4-9], and `centos-7` has glibc 2\.17 and GLIBCXX_3\.4\.19 on x86_64$[^]*^hint: lock another version of `liar` for `centos-7`, or build it there$/m);
      expect(sh("caisson build --platform debian-12")).toMatchObject({ status: 0, stdout: "dist/greeter-1.0-debian-12.tar.gz\n" });
    }, 120_000);

    it("wheels T2, T10: refuses what this machine's compiler made for itself, whatever it is called", () => {
      plant("homemade", "cp38-cp38-linux_x86_64", compiled);
      expect(refused("homemade", "centos-7")).toMatch(/^error: .*`?homemade`?/m);
      plant("anywhere", "py3-none-any", compiled);
      expect(refused("anywhere", "centos-7")).toMatch(/^error: .*T10: `anywhere-1\.0-py3-none-any\.whl` needs glibc 2\.3[4-9], and `centos-7` has glibc 2\.17 /m);
    }, 120_000);

    it("row N1: does not let an extension of our own be compiled here for another system", () => {
      const native = join(home.directory, "native");
      mkdirSync(native);
      writeFileSync(join(native, "pyproject.toml"), '[project]\nname = "native"\nversion = "1.0"\n[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n');
      writeFileSync(join(native, "setup.py"), 'from setuptools import Extension, setup\nsetup(ext_modules=[Extension("native", ["native.c"])])\n');
      writeFileSync(join(native, "native.c"), '#include <Python.h>\nstatic struct PyModuleDef module = { PyModuleDef_HEAD_INIT, "native" };\nPyMODINIT_FUNC PyInit_native(void) { return PyModule_Create(&module); }\n');
      const { status, stdout, stderr } = sh("cd ../native && caisson build --platform centos-7");
      expect([status, stdout, stderr]).toEqual([1, "", expect.stringMatching(/^error: `native` must be compiled for centos-7 and no builder is named for it$/m)]);
    }, 120_000);
  });
});
