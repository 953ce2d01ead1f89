/** What is timed: ours first, then the peers. `prepare` makes the ground of a case outside the measured time. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { changeLine, makeHundred, makeShop, makeTurrets } from "./ground.mjs";

const HUNDRED = "117 wheels, 171 MB";

export const cases = [
  {
    name: "command line starts",
    of: "`--version`",
    target: "1.3 x an empty Node program",
    runs: 9,
    prepare: (ground, directory) => {
      const empty = join(directory, "empty.mjs");
      writeFileSync(empty, "");
      return [
        { name: "caisson", argv: [...ground.caisson, "--version"] },
        { name: "an empty Node program", argv: [process.execPath, empty] },
      ];
    },
  },
  {
    name: "build again, shop",
    of: "examples/shop",
    target: "0.30 s",
    runs: 9,
    prepare: (ground, directory) => {
      const shop = makeShop(ground, join(directory, "shop"));
      const argv = [...ground.caisson, "build", "shop-web"];
      warm(ground, argv, shop);
      return [{ name: "caisson", argv, cwd: shop, env: ground.env }];
    },
  },
  {
    name: "build again, hundred",
    of: HUNDRED,
    target: "0.30 s",
    prepare: (ground, directory) => {
      const application = makeHundred(ground, join(directory, "app"));
      const argv = [...ground.caisson, "build"];
      warm(ground, argv, application);
      return [{ name: "caisson", argv, cwd: application, env: ground.env }, pipWheelhouse(ground, application), uvWheelhouse(ground, application), pexPacked(ground, application)];
    },
  },
  {
    name: "one line changed, hundred",
    of: HUNDRED,
    target: "own wheel build + 0.3 s",
    prepare: (ground, directory) => {
      const application = makeHundred(ground, join(directory, "app"));
      const argv = [...ground.caisson, "build"];
      warm(ground, argv, application);
      const before = () => changeLine(application, "src/hundred/__init__.py");
      const out = join(application, "out-wheel");
      return [
        { name: "caisson", argv, cwd: application, env: ground.env, before },
        { name: "own wheel alone (uv build)", argv: [join(ground.peers, "uv"), "build", "--quiet", "--wheel", "--offline", "--no-index", "--find-links", ground.backEnds, "--out-dir", out, application], env: ground.env, before },
        { ...uvWheelhouse(ground, application), before },
      ];
    },
  },
  {
    name: "cold, hundred",
    of: `${HUNDRED}, wheels at hand, empty store`,
    target: "0.7 x pip",
    prepare: (ground, directory) => {
      const application = makeHundred(ground, join(directory, "app"));
      const store = join(directory, "store");
      const lock = [...ground.caisson, "lock"];
      warm(ground, lock, application);
      changeLine(application, "src/hundred/__init__.py");
      return [
        { name: "caisson", argv: [...ground.caisson, "build", "--offline", "--store", store], cwd: application, env: ground.env, before: () => rmSync(store, { recursive: true, force: true }) },
        pipWheelhouse(ground, application),
      ];
    },
  },
  {
    name: "install, no bytecode",
    of: `${HUNDRED}, fresh directory`,
    target: "1.2 x uv, 0.33 x pip",
    runs: 2,
    prepare: (ground, directory) => installers(ground, directory, false),
  },
  {
    name: "install, bytecode",
    of: `${HUNDRED}, fresh directory`,
    target: "1.0 x uv, 0.33 x pip",
    runs: 2,
    prepare: (ground, directory) => installers(ground, directory, true),
  },
  {
    name: "second release",
    of: `${HUNDRED}, one line changed, beside the first`,
    target: "0.2 s on the host + the disk's sync, 2 MB",
    prepare: (ground, directory) => {
      const application = makeHundred(ground, join(directory, "app"));
      const root = join(directory, "root");
      const copy = join(directory, "copy");
      let release = 0;
      const next = () => {
        release++;
        changeLine(application, "src/hundred/__init__.py");
        warm(ground, [...ground.caisson, "build", "--to-stack", `r${release}`, "--create"], application);
      };
      const deploy = () => [...ground.caisson, "deploy", `r${release}`, "--to", `local:${root}`];
      next();
      warm(ground, deploy(), application);
      return [
        { name: "caisson deploy", argv: deploy, cwd: application, env: ground.env, before: next, grows: root },
        // What the disk itself takes for as many new bytes and files.
        { name: "cp of the new tree, and sync", argv: () => ["sh", "-c", `cp -R "${newestTree(root)}" "${copy}" && sync -f "${copy}"`], before: () => rmSync(copy, { recursive: true, force: true }) },
      ];
    },
  },
  {
    name: "pack turrets",
    of: "50 turrets of 1 MB, cold start, both ending with a sync",
    target: "1.5 x tar",
    runs: 9,
    prepare: (ground, directory) => {
      const project = makeTurrets(join(directory, "load"), 50);
      const out = join(directory, "out");
      const tar = join(directory, "tar");
      const fresh = (path) => () => {
        rmSync(path, { recursive: true, force: true });
        mkdirSync(path);
        spawnSync("sync", ["-f", directory]);
      };
      const words = ground.caisson.map((word) => `'${word}'`).join(" ");
      return [
        { name: "caisson turret pack", argv: ["sh", "-ec", `${words} turret pack '${project}' --output '${out}' && sync -f '${out}'`], env: ground.env, before: fresh(out) },
        { name: "50 x tar", argv: ["sh", "-ec", `cd '${project}'; for at in $(seq 0 49); do tar cf "${tar}/t$at.tar" config.json "scripts/v_user_$at.py" "data_$at.bin"; done; sync -f '${tar}'`], before: fresh(tar) },
      ];
    },
  },
];

function warm(ground, [program, ...words], cwd) {
  const { status, stderr, stdout } = spawnSync(program, words, { cwd, env: { ...process.env, ...ground.env }, encoding: "utf8" });
  if (status !== 0) throw new Error(`${words.join(" ")} ended with ${status}\n${stdout}${stderr}`);
}

function pipWheelhouse(ground, application) {
  const out = join(application, "wheelhouse");
  return {
    name: "pip wheel",
    argv: [join(ground.peers, "pip"), "wheel", "--quiet", "--no-index", "--find-links", ground.wheels, "--find-links", ground.backEnds, "--wheel-dir", out, application],
    env: ground.env,
    before: () => rmSync(out, { recursive: true, force: true }),
  };
}

/** What teams do with uv: lock with hashes, build the own wheel, put it and the wheels into one archive. */
function uvWheelhouse(ground, application) {
  const uv = join(ground.peers, "uv");
  const script = `set -e; rm -rf out-uv; mkdir out-uv; ${uv} pip compile --quiet --offline --no-index --find-links "${ground.wheels}" --generate-hashes -o out-uv/requirements.txt pyproject.toml; ${uv} build --quiet --offline --wheel --no-index --find-links "${ground.backEnds}" --out-dir out-uv; cp "${ground.wheels}"/*.whl out-uv/; tar cf out-uv.tar out-uv`;
  return { name: "uv", argv: ["sh", "-c", script], cwd: application, env: ground.env };
}

function pexPacked(ground, application) {
  const out = join(application, "out-pex");
  return {
    name: "pex packed",
    argv: [join(ground.peers, "pex"), application, "--layout", "packed", "--no-index", "--find-links", ground.wheels, "--find-links", ground.backEnds, "--output-file", out],
    env: { ...ground.env, PEX_ROOT: join(ground.directory, "pex-root") },
    before: () => rmSync(out, { recursive: true, force: true }),
  };
}

function newestTree(root) {
  const trees = readdirSync(join(root, "trees")).filter((name) => /^[0-9a-f]{64}$/.test(name)).map((name) => join(root, "trees", name));
  return trees.toSorted((a, b) => statSync(b).ctimeMs - statSync(a).ctimeMs)[0];
}

/** The same wheels, from a bundle by install.sh, by uv and by pip, each into a fresh directory. */
function installers(ground, directory, bytecode) {
  const application = makeHundred(ground, join(directory, "app"));
  warm(ground, [...ground.caisson, "build", "--format", "dir"], application);
  const bundle = join(application, "dist", readdirSync(join(application, "dist")).find((name) => !name.includes(".sha256")));
  const own = join(bundle, "data/wheels");
  // Another directory each time, removed with the case: a file system that just lost 20,000 files makes new ones at a tenth of its speed.
  let count = 0;
  let out = "";
  const before = () => {
    out = join(directory, `env-${++count}`);
    spawnSync("sync", ["-f", directory]);
  };
  const uv = join(ground.peers, "uv");
  const flags = bytecode ? "--compile-bytecode" : "--no-compile-bytecode";
  const install = (cache) => () => ["sh", "-c", `${uv} venv --quiet --python python3 "${out}" && ${uv} pip install --quiet --offline --no-index --no-deps ${flags} ${cache} --python "${out}/bin/python" "${own}"/*.whl`];
  return [
    // install.sh has no word for leaving bytecode out; without it, this is what it runs.
    bytecode
      ? { name: "install.sh", argv: () => ["sh", join(bundle, "install.sh"), out], env: ground.env, before }
      : { name: "what install.sh runs, --no-bytecode", argv: () => ["python3", "-I", join(bundle, "data/agent.py"), "install", bundle, out, "--no-bytecode"], env: ground.env, before },
    { name: "uv, as on a new host", argv: install("--no-cache"), env: ground.env, before },
    { name: "uv, wheels unpacked in its cache", argv: install(""), env: ground.env, before },
    { name: "pip", argv: () => ["sh", "-c", `python3 -m venv "${out}" && "${out}/bin/pip" install --quiet --no-index --no-deps ${bytecode ? "--compile" : "--no-compile"} "${own}"/*.whl`], env: ground.env, before },
  ];
}
