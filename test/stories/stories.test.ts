import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { platformHere } from "../support/guide.ts";
import { lacking, startHosts } from "../support/hosts.ts";
import { openHomes } from "../support/homes.ts";
import { defaultPythonMinor, findPythons, has, project, type Home } from "../support/machine.ts";
import { freePorts, hqCommand } from "../support/oct-hq.ts";
import { parseStory, playScene, stable } from "../support/story.ts";

const minor = defaultPythonMinor();
const other = findPythons().findLast((python) => python.minor !== minor);
const newHome = openHomes();

/** The transcripts say `debian-12`, Python 3.11 and `python3.9`; here stands what this machine has. */
const label = platformHere(newHome());

/** A system that this machine is not. */
const elsewhere = label.startsWith("debian-13") ? "ubuntu-2404" : "debian-13";

function write(directory: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
}

function hello(version: string): string {
  return `[build-system]\nrequires = ["flit_core>=3.9,<4"]\nbuild-backend = "flit_core.buildapi"\n\n[project]\nname = "hello"\nversion = "${version}"\ndescription = "Says hello"\n\n[project.scripts]\nhello = "hello:main"\n`;
}

const greeting = 'from importlib.metadata import version\n\n\ndef main():\n    print("hello", version("hello"))\n';

function repository(home: Home): { commit(files: Readonly<Record<string, string>>, tag?: string): void; readonly directory: string } {
  const directory = join(home.directory, "work");
  mkdirSync(directory);
  const git = (...words: string[]): void => {
    const { status, stderr } = spawnSync("git", words, { cwd: directory, env: home.env, encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
  };
  git("init", "--quiet", "--initial-branch=main");
  return {
    directory,
    commit: (files, tag) => {
      write(directory, files);
      git("add", ".");
      git("commit", "--quiet", "--message", tag ?? "more");
      if (tag !== undefined) git("tag", tag);
    },
  };
}

/** Play a transcript in a fresh HOME; what each command prints must be what stands there. */
function play(name: string, prepare: (home: Home) => string, around: { readonly path?: string; readonly words?: (text: string) => string } = {}): void {
  const home = newHome();
  const shell = { cwd: prepare(home), env: around.path === undefined ? home.env : { ...home.env, PATH: `${around.path}:${home.env["PATH"] ?? ""}` } };
  const text = (around.words ?? String)(readFileSync(join(import.meta.dirname, `${name}.txt`), "utf8"));
  const local = text.replaceAll("debian-12", label).replaceAll("CPython 3.11", `CPython ${minor}`).replaceAll("python3.9", `python${other?.minor ?? "3.9"}`).replaceAll("is 3.9", `is ${other?.minor ?? "3.9"}`).replaceAll("$TMP", home.directory);
  for (const scene of parseStory(local)) {
    const played = playScene(scene, shell, stable);
    const wanted = { command: scene.command, stdout: scene.stdout, stderr: scene.stderr, status: scene.status ?? played.status };
    const seen = scene.open ? { ...played, stdout: played.stdout.slice(0, scene.stdout.length), stderr: played.stderr.slice(0, scene.stderr.length) } : played;
    expect({ command: scene.command, ...seen }, `${name}.txt, line ${scene.line}`).toEqual(wanted);
  }
}

describe("stories", () => {
  it("S1: one minute from a project to a release (rows P1, P3, P9, P11)", () => {
    play("s1", (home) => {
      const work = repository(home);
      work.commit({ "pyproject.toml": hello("1.0"), "src/hello/__init__.py": greeting }, "1.0");
      return work.directory;
    });
  });

  it.skipIf(other === undefined)("S2: a bundle by hand (rows P1, P3 to P7, P16, P17) (needs a second CPython)", () => {
    play("s2", (home) => {
      const work = repository(home);
      work.commit({ "pyproject.toml": hello("1.0rc1"), "src/hello/__init__.py": greeting }, "1.0-rc1");
      // A version manager's own script of that name would run nothing.
      symlinkSync(other?.path ?? "", join(home.directory, ".bin", `python${other?.minor ?? ""}`));
      return work.directory;
    });
  });

  it("S3, its last command: what must be compiled for another system, and no builder named (row P15)", () => {
    play("s3", (home) => {
      const work = repository(home);
      work.commit({
        "pyproject.toml": '[build-system]\nrequires = ["setuptools>=68"]\nbuild-backend = "setuptools.build_meta"\n\n[project]\nname = "hello-native"\nversion = "1.0"\n',
        "setup.py": 'from setuptools import Extension, setup\n\nsetup(ext_modules=[Extension("hello_native", ["hello.c"])])\n',
        "hello.c": "#include <Python.h>\n",
      });
      // What its back end is made of comes from the index once; offline from then on.
      spawnSync("caisson", ["build", "--platform", elsewhere], { cwd: work.directory, env: home.env });
      return work.directory;
    }, { words: (text) => text.replaceAll("debian-13", elsewhere) });
  });

  it("S4: three deploys to a directory, back, prune (rows P9 to P12)", () => {
    play("s4", (home) => {
      const work = repository(home);
      work.commit({ "caisson.toml": `[workspace]\nname = "hello"\nplatforms = ["${label}"]\n\n[packages.hello]\npath = "."\nhealth = { command = "hello" }\n`, ".gitignore": "dist\napp\n", "pyproject.toml": hello("1.9"), "src/hello/__init__.py": greeting }, "1.9");
      work.commit({ "pyproject.toml": hello("1.10") }, "1.10");
      return work.directory;
    });
  });

  it.skipIf(lacking() !== undefined)("S4 over ssh: two hosts, three deploys, back, prune (rows P9 to P13) (needs sshd)", async () => {
    await using hosts = await startHosts({ count: 2 });
    const [one, two] = ["h1", "h2"].map((name) => hosts.get(name));
    const words = (text: string): string => text.replaceAll("deploy@h1", one?.address ?? "").replaceAll("/srv/hello", `"'${one?.root("hello") ?? ""}'"`).replace(/access '"'(.*)'"'/, "access '$1'").replaceAll(/"'(.*?)'"\/versions\/current/g, `"'$1/versions/current'"`);
    play("s4-ssh", (home) => {
      const work = repository(home);
      const production = `[targets.production]\nhosts = ${JSON.stringify([one, two].map((host) => `${host?.address ?? ""}:${host?.root("hello") ?? ""}`))}\nrollout = { min_healthy = "1s" }\n`;
      work.commit({ "caisson.toml": `[workspace]\nname = "hello"\nplatforms = ["${label}"]\n\n[packages.hello]\npath = "."\nhealth = { command = "hello" }\n\n${production}`, ".gitignore": "dist\n", "pyproject.toml": hello("1.9"), "src/hello/__init__.py": greeting }, "1.9");
      work.commit({ "pyproject.toml": hello("1.10") }, "1.10");
      return work.directory;
    }, { path: hosts.files.bin, words });
  });

  it.skipIf(!has("jq"))("S5: stacks (rows G1 to G3, G7, G11, G13) (needs jq)", () => {
    play("s5", (home) => {
      const work = repository(home);
      const web = hello("2.0.0").replaceAll("hello", "shop_web").replace('name = "shop_web"', 'name = "shop-web"').replace("[project.scripts]", "[tool.none]").replace("[build-system]", "[build-system]");
      work.commit({
        "caisson.toml": `[workspace]\nname = "shop"\nplatforms = ["${label}"]\n\n[packages.shop-web]\npath = "web"\n\n[packages.shop-config]\nkind = "files"\npath = "config"\nprefix = "etc/shop"\n`,
        ".gitignore": "dist\n",
        "web/pyproject.toml": web,
        "web/src/shop_web/__init__.py": '"""The shop."""\n',
        "config/VERSION": "1.0.0\n",
        "config/shop.ini": "[shop]\ncurrency = EUR\n",
      });
      return work.directory;
    });
  });

  const turretPython = findPythons().findLast(({ minor: each }) => Number(each.slice(2)) <= 11);
  it.skipIf(turretPython === undefined)("S6: turrets (rows O1 to O8, O11 to O13) (needs a CPython of 3.6 to 3.11, for the original)", { timeout: 180_000 }, async () => {
    const ports = await freePorts();
    play("s6", (home) => {
      const work = join(home.directory, "work");
      const [bin, environment] = [join(home.directory, ".bin"), join(home.directory, "environment")];
      cpSync(join(project, "examples/turrets"), join(work, "project"), { recursive: true });
      const config = readFileSync(join(work, "project/config.json"), "utf8").replace("5000", ports[0]).replace("5001", ports[1]);
      write(work, { "project/config.json": config, "broken/config.json": '{"results_ts_interval": 10, "progress_bar": true, "turrets": [{"name": "navigation", "canons": 2, "rampup": 0, "script": "v_user.py"}]}' });
      spawnSync(turretPython?.path ?? "", ["-m", "venv", environment]);
      for (const program of ["pip", "oct-turrets-start"]) symlinkSync(join(environment, "bin", program), join(bin, program));
      writeFileSync(join(bin, "hq"), `#!/bin/sh\nexec ${hqCommand().map((word) => `'${word}'`).join(" ")} ${ports.join(" ")}\n`, { mode: 0o755 });
      return work;
    });
  });
});
