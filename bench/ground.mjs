/** What all cases stand on, made once and kept in an ignored folder: the wheels, the peers, and the applications. */
import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkNeeds, must } from "../scripts/needs.mjs";

export function prepareGround(project) {
  checkNeeds();
  must([process.execPath, join(project, "node_modules/typescript/bin/tsc"), "-p", join(project, "tsconfig.build.json")]);
  const directory = join(project, ".cache/bench");
  const peers = join(directory, "peers");
  const wheels = join(directory, "wheels");
  mkdirSync(directory, { recursive: true });
  if (!existsSync(join(peers, "bin/pex"))) {
    must(["python3", "-m", "venv", peers]);
    must([join(peers, "bin/pip"), "install", "--quiet", "--disable-pip-version-check", "uv==0.13.8", "pex", "setuptools", "wheel", "hatchling"]);
  }
  const locked = readFileSync(join(import.meta.dirname, "wheels.txt"), "utf8").trim().split("\n");
  const there = existsSync(wheels) ? readdirSync(wheels) : [];
  if (!locked.every((line) => there.some((name) => name.toLowerCase().replaceAll(/[-_.]+/g, "-").startsWith(line.toLowerCase().replace("==", "-").replaceAll(/[-_.]+/g, "-"))))) {
    console.error("  fetching the locked set of wheels ...");
    must([join(peers, "bin/pip"), "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:", "--dest", wheels, "--requirement", join(import.meta.dirname, "wheels.txt")]);
  }
  // Build back ends lie beside the wheels, so that nobody builds with the network; they are no part of the locked set.
  // The second is the one that pex builds with; the third is no back end, but what one of the wheels needs on the Python of debian-12, 3.11.2, and not on newer ones.
  const backEnds = join(directory, "back-ends");
  for (const names of [["setuptools", "wheel"], ["wheel==0.37.1"], ["async-timeout==5.0.1"]]) {
    const first = names[0].replace("==", "-").replace("async-", "async_");
    if (!existsSync(backEnds) || !readdirSync(backEnds).some((name) => name.startsWith(`${first}-`))) must([join(peers, "bin/pip"), "download", "--quiet", "--disable-pip-version-check", "--dest", backEnds, ...names]);
  }

  const home = join(directory, "home");
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  const ground = {
    project,
    directory,
    peers: join(peers, "bin"),
    wheels,
    backEnds,
    locked,
    caisson: [process.execPath, join(project, "dist/bin/caisson.js")],
    env: { XDG_DATA_HOME: join(home, "data"), XDG_STATE_HOME: join(home, "state"), XDG_CACHE_HOME: join(directory, "cache"), UV_CACHE_DIR: join(directory, "uv-cache"), PIP_DISABLE_PIP_VERSION_CHECK: "1", PIP_NO_INDEX: "0", PATH: `${join(peers, "bin")}:${process.env.PATH}` },
    uvVersion: version(join(peers, "bin/uv")),
    pipVersion: version(join(peers, "bin/pip")),
    pexVersion: version(join(peers, "bin/pex")),
    pythonVersion: version("python3"),
  };
  return ground;
}

function version(program) {
  return /\d+(?:\.\d+)+/.exec(execFileSync(program, ["--version"], { encoding: "utf8" }))?.[0] ?? "";
}

/** A fresh copy of examples/shop as a git repository. */
export function makeShop(ground, directory) {
  cpSync(join(ground.project, "examples/shop"), directory, { recursive: true });
  return commitAll(directory);
}

/** An application with the whole locked set as its dependencies, 120 modules of its own, and its lock made for offline work. */
export function makeHundred(ground, directory) {
  const modules = join(directory, "src/hundred");
  mkdirSync(modules, { recursive: true });
  for (let at = 0; at < 120; at++) writeFileSync(join(modules, `part_${at}.py`), `"""Part ${at}."""\n\n\ndef answer() -> int:\n    return ${at}\n`.repeat(8));
  writeFileSync(join(modules, "__init__.py"), '"""An application of many parts."""\n\nLINE = "one"\n');
  writeFileSync(
    join(directory, "pyproject.toml"),
    `[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n\n[project]\nname = "hundred"\nversion = "1.0"\nrequires-python = ">=3.8"\ndependencies = [\n${ground.locked.map((line) => `  "${line}",\n`).join("")}]\n\n[tool.setuptools.packages.find]\nwhere = ["src"]\n`,
  );
  writeFileSync(join(directory, "caisson.toml"), `[workspace]\nname = "hundred"\n\n[packages.hundred]\npath = "."\n\n[index]\nfind-links = [${JSON.stringify(ground.wheels)}, ${JSON.stringify(ground.backEnds)}]\n`);
  writeFileSync(join(directory, ".gitignore"), "dist/\nbuild/\n*.egg-info/\nout*/\nwheelhouse/\n");
  return commitAll(directory);
}

/** An OCT project of turrets with a megabyte of data each. */
export function makeTurrets(directory, count) {
  mkdirSync(join(directory, "scripts"), { recursive: true });
  const turrets = Array.from({ length: count }, (_, at) => {
    writeFileSync(join(directory, `scripts/v_user_${at}.py`), "class Transaction(object):\n    def __init__(self, config, context=None):\n        pass\n");
    writeFileSync(join(directory, `data_${at}.bin`), randomBytes(1_000_000));
    return { name: `turret-${at}`, cannons: 2, rampup: 0, script: `scripts/v_user_${at}.py`, extra_files: [`data_${at}.bin`] };
  });
  writeFileSync(join(directory, "config.json"), JSON.stringify({ run_time: 30, results_ts_interval: 10, testing: false, progress_bar: true, hq_address: "127.0.0.1", publish_port: 5000, rc_port: 5001, turrets }));
  return directory;
}

/** Change one line of a file and commit it; another line each time. */
export function changeLine(directory, file) {
  const path = join(directory, file);
  const text = readFileSync(path, "utf8");
  writeFileSync(path, `${text.replace(/\n# changed .*\n$/, "\n")}# changed ${process.hrtime.bigint()}\n`);
  commitAll(directory);
}

function commitAll(directory) {
  const git = (...words) => {
    const { status, stderr } = spawnSync("git", ["-c", "user.name=B", "-c", "user.email=b@example.com", ...words], { cwd: directory, encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
  };
  if (!existsSync(join(directory, ".git"))) git("init", "--quiet", "--initial-branch=main");
  git("add", ".");
  git("commit", "--quiet", "--allow-empty", "--message", "next");
  return directory;
}
