import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeHome, type Home } from "../support/machine.ts";

const FILES = {
  "caisson.toml": '[packages.greet]\npath = "greet"\npre-build = "scripts/pre build.sh"\npost-build = "scripts/post.sh"\n',
  "greet/pyproject.toml": '[build-system]\nrequires = ["flit_core>=3.9,<4"]\nbuild-backend = "flit_core.buildapi"\n[project]\nname = "greet"\ndynamic = ["version"]\ndescription = "Greets"\nrequires-python = ">=3.6"\n[project.scripts]\ngreet = "greet:main"\n',
  "greet/greet.py": '"""Greets."""\n__version__ = "0"\ndef main():\n    print("greet", __version__)\n',
  // An executable, which is started as it is; it writes the version that the wheel will have.
  "greet/scripts/pre build.sh": '#!/usr/bin/env python3\nimport os, re\ntext = open("greet.py").read()\nopen("greet.py", "w").write(text.replace(\'"0"\', \'"3.1"\'))\nopen(os.environ["SCRATCHPAD"] + "/from pre", "w").write("from pre\\n")\nprint("pre-build ran")\n',
  // Anything else is read by sh.
  "greet/scripts/post.sh": [
    'set -eu; [ "$PWD" = "$SOURCE_DIR" ]; [ "$DATA_DIR" = "$HERE/data" ]',
    'mkdir -p "$DATA_DIR/static files"',
    'cp "$SCRATCHPAD/from pre" "$DATA_DIR/static files/a.css"',
    'printf "#!/bin/sh\\necho tool\\n" > "$DATA_DIR/tool" && chmod 700 "$DATA_DIR/tool"',
    'python -c "import os, sys; print(os.path.samefile(sys.prefix, os.environ[\'VIRTUAL_ENV\']), os.environ.get(\'SECRET\'), os.environ[\'LC_ALL\'], os.environ[\'TZ\'], os.environ[\'SOURCE_DATE_EPOCH\'])" > "$DATA_DIR/seen"',
    'cat >> "$INSTALL_SCRIPT" <<\'END\'',
    'mkdir "$VIRTUAL_ENV/share"',
    'cp -r "$DATA_DIR/static files" "$VIRTUAL_ENV/share/"',
    'greet > "$VIRTUAL_ENV/share/greeting"',
    '"$DATA_DIR/tool"; [ "$PWD" = "$HERE" ]; [ -z "${FAIL:-}" ]',
    '[ -z "${WAIT:-}" ] || { sleep 600 & echo "$!" > "$WAIT"; wait; }',
    "END",
    "",
  ].join("\n"),
};

let home: Home;
let work: string;
let built: ReturnType<typeof sh>;
beforeAll(() => {
  home = makeHome();
  work = join(home.directory, "my app");
  for (const [path, text] of Object.entries(FILES)) write(path, text);
  sh("chmod +x greet/scripts/pre*; git init -q -b main && git add . && git commit -qm greet");
  built = sh("caisson build --format tar.gz --format dir && mv dist/*/ bundle && mv dist/*.tar.gz packed.tar.gz && rm -r dist", { SECRET: "secret" });
}, 120_000);
afterAll(() => home.remove());

function write(path: string, text: string): void {
  mkdirSync(dirname(join(work, path)), { recursive: true });
  writeFileSync(join(work, path), text);
}

function sh(script: string, env: Readonly<Record<string, string>> = {}): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  const { status, stdout, stderr } = spawnSync("sh", ["-ec", script], { cwd: work, env: { ...home.env, ...env }, encoding: "utf8" });
  return { status, stdout, stderr };
}

/** A zombie runs no more: nobody in a container may be there to wait for it. */
function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

describe("build scripts", () => {
  it("row P14: run before name and version are read, and after; what they leave is in every bundle, and install.sh runs their lines", () => {
    expect(built).toMatchObject({ status: 0, stdout: expect.stringMatching(/^dist\/greet-3\.1-\S+\.tar\.gz\ndist\/greet-3\.1-\S+\n$/) as string });
    expect(sh("git status --short greet").stdout).toBe("");
    expect(readFileSync(join(work, "bundle/data/seen"), "utf8")).toBe("True None C.UTF-8 UTC 1714564800\n");
    expect(sh("tar tzf packed.tar.gz | grep -c 'data/static files/a.css'; ls bundle/data").stdout).toBe("1\nagent.py\ninstall-lines.sh\npayload.json\nseen\nstatic files\ntool\ntrees\nwheels\n");
    for (const unpack of ["", "rm -r bundle && mkdir bundle && tar xzf packed.tar.gz --strip-components=1 -C bundle && "]) {
      expect(sh(`${unpack}rm -rf '../a b' && bundle/install.sh '../a b/env'`)).toEqual({ status: 0, stdout: "Setting up virtualenv\nInstalling greet-3.1\nVerifying install\nRunning install lines\ntool\nDone.\n", stderr: "" });
      expect(sh("cat '../a b/env/share/static files/a.css' '../a b/env/share/greeting'; find bundle/data -perm 755 -type f").stdout).toBe("from pre\ngreet 3.1\nbundle/data/tool\n");
    }
  }, 120_000);

  it("row P14: lines that fail, and what was altered in between, leave nothing; the directory that was there is empty again", () => {
    sh("mkdir -m 750 ../env");
    expect(sh("bundle/install.sh ../env", { FAIL: "1" })).toMatchObject({ status: 1, stdout: expect.stringMatching(/Running install lines\ntool\n$/) as string, stderr: "Error: Running install lines failed: `data/install-lines.sh` ended with 1\n" });
    expect(sh("stat -c %a ../env; ls -A ../env; ls -A .. | grep new || :").stdout).toBe("750\n");
    expect(sh("bundle/install.sh ../above/it/env", { FAIL: "1" }).status).toBe(1);
    expect(existsSync(join(home.directory, "above"))).toBe(false);
    for (const file of ["static files/a.css", "install-lines.sh"]) {
      expect(sh(`cp 'bundle/data/${file}' ../kept; echo more >> 'bundle/data/${file}'; bundle/install.sh ../env`)).toMatchObject({ status: 1, stdout: "", stderr: `Error: \`data/${file}\` is not what it was when this bundle was built\n` });
      sh(`cp ../kept 'bundle/data/${file}'`);
    }
    expect(sh("bundle/install.sh ../env").status).toBe(0);
  }, 120_000);

  it("row P14: a signal while they run ends what they have started, and leaves nothing", async () => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      const waits = join(home.directory, `waits ${signal}`);
      const install = spawn(join(work, "bundle/install.sh"), ["../stopped/env"], { cwd: work, env: { ...home.env, WAIT: waits }, stdio: "ignore" });
      const ended = once(install, "exit");
      await expect.poll(() => existsSync(waits) && readFileSync(waits, "utf8").trim(), { timeout: 60_000 }).toMatch(/^\d+$/);
      const left = Number(readFileSync(waits, "utf8"));
      install.kill(signal);
      expect(await ended).toEqual([1, null]);
      expect(existsSync(join(home.directory, "stopped"))).toBe(false);
      await expect.poll(() => isRunning(left), { timeout: 60_000 }).toBe(false);
    }
  }, 120_000);

  it("row P14: a release is refused that only install.sh could make", () => {
    expect(sh("caisson deploy packed.tar.gz --to local:site")).toMatchObject({ status: 1, stdout: "", stderr: expect.stringMatching(/^error: `greet` has install lines, which install\.sh alone runs[^\n]*\nhint: what has to run on a host is a hook: /m) as string });
    expect(existsSync(join(work, "site/versions/current"))).toBe(false);
    write("greet/scripts/post.sh", 'echo only-a-file > "$DATA_DIR/note"\n');
    expect(sh("git commit -qam note && caisson build && rm -rf site && caisson deploy dist/*.tar.gz --to local:site && site/versions/current/bin/greet").stdout).toMatch(/active {2}\(was: none\)\ngreet 3\.1\n$/);
  }, 120_000);

  it("run once for all formats and platforms, and again when they, the source or its commit change", () => {
    const runs = join(home.directory, "runs");
    write("greet/scripts/post.sh", `echo ran >> '${runs}'\n`);
    const count = (script: string): number => {
      const { status, stderr } = sh(`: > '${runs}'; git commit -qam change || :; ${script}`);
      expect({ script, status }, stderr).toEqual({ script, status: 0 });
      return readFileSync(runs, "utf8").length / 4;
    };
    expect(count("caisson build && caisson build")).toBe(1);
    expect(count("caisson build --format zip --format dir")).toBe(0);
    expect(count("caisson build --store ../store --output other")).toBe(1);
    expect(sh("caisson why greet").stdout).toContain("nothing to build");
    expect(sh("cat $(grep -rl hermetic ../.local/share/caisson/store/blobs | head -1)").stdout).toContain('"hermetic":false');
    expect(count("echo '# more' >> greet/scripts/post.sh; git commit -qam more; caisson why greet; caisson build")).toBe(1);
    expect(count("git commit -q --allow-empty -m nothing; caisson build")).toBe(1);
    expect(count("sed -i 's/^post-build.*//' caisson.toml; git commit -qam none; caisson why greet | grep script; caisson build")).toBe(0);
  }, 120_000);

  it("make the files of a package of files: what lies there when the first has run", () => {
    write("../assets/caisson.toml", '[packages.assets]\nkind = "files"\npath = "web"\nprefix = "share/www"\npre-build = "make.sh"\npost-build = "after.sh"\n');
    write("../assets/web/make.sh", 'mkdir "out of it"\nsed s/blue/red/ src/a.css > "out of it/a.css"\nrm -r src ./*.sh.old\n');
    write("../assets/web/after.sh", `echo 'touch "$VIRTUAL_ENV/ran"' >> "$INSTALL_SCRIPT"\n`);
    write("../assets/web/src/a.css", "blue\n");
    write("../assets/web/a.sh.old", "");
    expect(sh("cd ../assets && caisson build --format dir && dist/*/install.sh ../site && caisson build --format dir 2>&1 | grep -c 'nothing to build' && cd ../site && find . -follow -type f -path './share/*' && cat share/www/*/a.css && ls")).toMatchObject({ status: 0, stdout: expect.stringMatching(/\nRunning install lines\nDone\.\n1\n\.\/share\/www\/out of it\/a\.css\nred\nran\nshare\n$/) as string });
  }, 120_000);

  it("show their last lines when they fail, say where all of them are, and leave nothing", () => {
    write("greet/scripts/post.sh", 'i=0; while [ $i -lt 40 ]; do echo "line $i"; i=$((i + 1)); done; echo last >&2; exit 7\n');
    const { status, stdout, stderr } = sh("sed -i 's/^pre-build.*/&\\npost-build = \"scripts\\/post.sh\"/' caisson.toml; git commit -qam failing; rm -rf dist; caisson build");
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(/^error: `scripts\/post\.sh` of `greet` ended with 7\n {2}caused by: line 26\n[^]*last\nhint: the whole log is in `(.+)`$/m);
    const [, log = ""] = /the whole log is in `(.+)`/.exec(stderr) ?? [];
    expect(readFileSync(log, "utf8").split("\n")).toHaveLength(42);
    expect(readdirSync(join(home.directory, "tmp"))).toEqual([]);
    expect(existsSync(join(work, "dist"))).toBe(false);
  }, 120_000);
});
