/**
 * Platforms on real roots: makes each by debootstrap below .cache/platforms, asks its Python what it is, builds a bundle with C extensions for it here,
 * and installs and runs that there, without a network. What was seen goes to test/python/samples/platforms.json, which the presets are held against.
 * As root, on a Debian with debootstrap, a network and a built dist/: `node scripts/platforms.mjs [ROOT...] [--interpreter FILE]`.
 * FILE is a relocatable CPython 3.8 that needs no glibc newer than 2.17: with it, bundles for systems of which no root is to be had run on the oldest that is.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const project = join(import.meta.dirname, "..");
const cache = join(project, ".cache/platforms");
const record = join(project, "test/python/samples/platforms.json");
const DEBIAN = "http://deb.debian.org/debian";
const UBUNTU = "http://archive.ubuntu.com/ubuntu";

/** `script`: of debootstrap, where it does not know the suite by name. `runs`: the platforms whose bundles are tried there; one that begins with `!` must be refused. */
const ROOTS = [
  { root: "debian-11", suite: "bullseye", mirror: DEBIAN, runs: ["debian-11"] },
  { root: "debian-12", suite: "bookworm", mirror: DEBIAN, runs: ["debian-12", "!debian-13"] },
  { root: "debian-13", suite: "trixie", mirror: DEBIAN, runs: ["debian-13"] },
  { root: "ubuntu-2204", suite: "jammy", mirror: UBUNTU, runs: ["ubuntu-2204"] },
  { root: "ubuntu-2404", suite: "noble", mirror: UBUNTU, script: "jammy", runs: ["ubuntu-2404"] },
  { root: "ubuntu-1604", suite: "xenial", mirror: UBUNTU, runs: ["centos-7", "debian-8", "!debian-9"], brings: true },
];

/** C with and without a libc that matters, C++ and Rust would need more: what speaks is the extension modules themselves. */
const APPLICATION = {
  "pyproject.toml": '[project]\nname = "greeter"\nversion = "1.0"\ndescription = "Greets."\ndependencies = ["markupsafe", "pyyaml", "psutil"]\n[project.scripts]\ngreeter = "greeter:main"\n[build-system]\nrequires = ["flit_core>=3.4"]\nbuild-backend = "flit_core.buildapi"\n',
  "greeter/__init__.py": '"""Greets."""\nimport sys\nimport markupsafe._speedups\nimport psutil\nimport yaml\n\ndef main():\n    print("hello", sys.version.split()[0], markupsafe.escape("<>"), yaml.load("a: 1", yaml.CSafeLoader), psutil.Process().pid > 0)\n',
};

const words = process.argv.slice(2);
const interpreter = words.includes("--interpreter") ? words.splice(words.indexOf("--interpreter"), 2)[1] : undefined;
const known = existsSync(record) ? JSON.parse(readFileSync(record, "utf8")) : {};
const scratch = mkdtempSync(join(tmpdir(), "caisson-platforms-"));
try {
  for (const [name, text] of Object.entries(APPLICATION)) {
    mkdirSync(join(scratch, "app/greeter"), { recursive: true });
    writeFileSync(join(scratch, "app", name), text);
  }
  for (const each of ROOTS.filter(({ root }) => words.length === 0 || words.includes(root))) {
    const root = makeRoot(each);
    const seen = { libc: run(["chroot", root, "getconf", "GNU_LIBC_VERSION"]).stdout.trim(), python: run(["chroot", root, "python3", "--version"]).stdout.trim(), ...probe(root), ran: {} };
    for (const word of each.runs) {
      if (each.brings && interpreter === undefined) console.log(`${each.root}: no bundle for ${word} without --interpreter`);
      else seen.ran[word] = tryBundle(root, word.replace("!", ""), each.brings === true);
    }
    known[each.root] = seen;
    console.log(each.root, JSON.stringify(seen, null, 2));
    const wrong = each.runs.filter((word) => seen.ran[word] !== undefined && word.startsWith("!") === (seen.ran[word].status === 0));
    if (wrong.length > 0) process.exitCode = 1;
    writeFileSync(record, `${JSON.stringify(known, null, 2)}\n`);
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

/** Made beside its place, in a mount namespace of its own, so that whatever debootstrap mounts is gone with it. */
function makeRoot({ root, suite, mirror, script }) {
  const place = join(cache, root);
  if (existsSync(place)) return place;
  mkdirSync(cache, { recursive: true });
  const making = join(cache, `making-${root}-${process.pid}`);
  run(["unshare", "--mount", "--propagation", "private", "debootstrap", "--variant=minbase", "--include=python3", suite, making, mirror, ...script === undefined ? [] : [`/usr/share/debootstrap/scripts/${script}`]]);
  renameSync(making, place);
  return place;
}

/** What `caisson platform probe` says with that root's Python for this machine's; nothing where that is too old to be asked. */
function probe(root) {
  mkdirSync(join(scratch, "bin"), { recursive: true });
  copyFileSync(join(project, "dist/agent.py"), join(root, "caisson-agent.py"));
  writeFileSync(join(scratch, "bin/python3"), `#!/bin/sh\nshift 2\nexec chroot '${root}' /usr/bin/python3 -I /caisson-agent.py "$@"\n`, { mode: 0o755 });
  const { status, stdout, stderr } = caisson(["platform", "probe"], { PATH: `${join(scratch, "bin")}:${process.env.PATH}` });
  rmSync(join(root, "caisson-agent.py"));
  if (status !== 0) return { probed: stderr.trim().split("\n")[0] };
  const { os, compatible_tags: tags, marker_environment: markers } = JSON.parse(stdout);
  return { probed: { os, python: markers.python_full_version, tags: createHash("sha256").update(tags.join("\n")).digest("hex") } };
}

/** Build it here; install and run it there. */
function tryBundle(root, platform, brings) {
  const store = join(scratch, "store");
  if (brings) must(caisson(["interpreter", "add", interpreter, "--store", store]));
  must(caisson(["build", "--platform", platform, "--format", "dir", "--output", join(scratch, "dist"), "--store", store], {}, join(scratch, "app")));
  rmSync(join(root, "bundle"), { recursive: true, force: true });
  cpSync(join(scratch, `dist/greeter-1.0-${platform}`), join(root, "bundle"), { recursive: true });
  const there = "mount -t proc proc \"$0/proc\" && exec chroot \"$0\" sh -c '/bundle/install.sh /srv/greeter && /srv/greeter/bin/greeter'";
  const { status, stdout, stderr } = spawnSync("unshare", ["--net", "--mount", "--propagation", "private", "sh", "-c", there, root], { encoding: "utf8", env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8" } });
  for (const name of ["bundle", "srv/greeter"]) rmSync(join(root, name), { recursive: true, force: true });
  return { status, said: `${stdout}${stderr}`.trim().split("\n").at(-1) };
}

function caisson(argv, env = {}, cwd = scratch) {
  return spawnSync(process.execPath, [join(project, "dist/cli/main.js"), ...argv], { cwd, encoding: "utf8", env: { ...process.env, ...env } });
}

function run([program, ...rest]) {
  return must(spawnSync(program, rest, { encoding: "utf8" }));
}

function must(result) {
  if (result.status !== 0) throw new Error(`${result.stdout}${result.stderr}`.trim().slice(-2000));
  return result;
}
