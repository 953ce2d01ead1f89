import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { describe, expect, it } from "vitest";
import { makeWheel, recordRow, type MadeWheel } from "../python/made-wheel.ts";
import { openWorkspaces, type Answer } from "../support/homes.ts";
import { defaultPythonMinor, findPythons } from "../support/machine.ts";

/** A workspace `app` in a fresh HOME; everything of it is a file named here. */
const workspace = openWorkspaces();

function project(name = "app", more = ""): string {
  return `[build-system]\nrequires = ["flit_core>=3.9,<4"]\nbuild-backend = "flit_core.buildapi"\n\n[project]\nname = "${name}"\nversion = "1.0"\ndescription = "An application"\n${more}`;
}

const application = { "pyproject.toml": project(), "app/__init__.py": '"""An application."""\n' };

/** An application that needs `demo`, with a lock that names the given wheel. */
function needing(change: MadeWheel, lie: { readonly sha256?: string } = {}): Readonly<Record<string, string | Uint8Array>> {
  const { fileName, bytes } = makeWheel(change);
  const sha256 = lie.sha256 ?? createHash("sha256").update(bytes).digest("hex");
  return {
    ...application,
    "pyproject.toml": project("app", 'dependencies = ["demo"]\n'),
    [`wheels/${fileName}`]: bytes,
    "pylock.toml": `lock-version = "1.0"\ncreated-by = "test"\n\n[[packages]]\nname = "demo"\nversion = "1.0"\n\n[[packages.wheels]]\nname = "${fileName}"\npath = "wheels/${fileName}"\nhashes = { sha256 = "${sha256}" }\n`,
  };
}

/** One clear error: the status, the words, no stack trace, a hint or the reason, and nothing made. */
function expectRefused(answer: Answer, status: number, ...words: readonly (string | RegExp)[]): void {
  expect({ status: answer.status, stdout: answer.stdout, stderr: answer.stderr }).toMatchObject({ status, stdout: "" });
  expect(answer.stderr).toMatch(/^error: /m);
  for (const word of words) expect(answer.stderr).toMatch(word);
  expect(answer.stderr).not.toMatch(/\n\s+at \S+ \(|node:internal|bug:/);
}

function expectNothingMade(work: string): void {
  expect(existsSync(join(work, "dist")) ? readdirSync(join(work, "dist")) : []).toEqual([]);
}

describe("a wrong caisson.toml", () => {
  it("is told whole: every mistake with its line", () => {
    const { run, work } = workspace({ ...application, "caisson.toml": '[workspace]\nname = "app"\nplatform = ["debian-12"]\n\n[packages.app]\npath = 7\nkind = "pythn"\n\n[targets.here]\nkeep = "many"\n' });
    const answer = run("build");
    expectRefused(answer, 1, /caisson\.toml:3: .*platform/, /caisson\.toml:6: .*path/, /caisson\.toml:7: .*kind/, /caisson\.toml:10: .*keep/);
    expectNothingMade(work);
  });

  it("is told with line and column where it is no TOML", () => {
    expectRefused(workspace({ ...application, "caisson.toml": "[workspace\n" }).run("build"), 1, /caisson\.toml:1/);
  });
});

describe("nothing to build", () => {
  it("is said where there is no package", () => {
    expectRefused(workspace({ "notes.txt": "nothing here\n" }).run("build"), 1, /caisson init|pyproject\.toml/);
  });

  it("is said for a package that is not there, with those that are", () => {
    expectRefused(workspace(application).run("build", "other"), 2, /`other`/, /app/);
  });

  it("is said for an unknown revision", () => {
    const { run, work, env } = workspace(application);
    spawnSync("sh", ["-c", "git init -q && git add . && git commit -qm one && git tag v1"], { cwd: work, env });
    expectRefused(run("build", "--rev", "no-such-tag"), 1, /`no-such-tag`/, /v1/);
    expectRefused(run("build", "--rev", "--upload-pack=touch x"), 1, /upload-pack/);
    expectNothingMade(work);
  });

  it("is said for an unknown platform, with those that are known", () => {
    expectRefused(workspace(application).run("build", "--platform", "solaris"), 2, /`solaris`/);
  });
});

describe("a wheel that may not be installed", () => {
  it("is refused where none fits the platform", () => {
    const { run, work } = workspace(needing({ fileName: "demo-1.0-cp27-cp27m-win_amd64.whl", files: { "demo-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: false\nTag: cp27-cp27m-win_amd64\n\n" } }));
    expectRefused(run("build"), 1, /`demo`/);
    expectNothingMade(work);
  });

  it("is refused when its hash is not the lock's", () => {
    const { run, work } = workspace(needing({}, { sha256: "0".repeat(64) }));
    expectRefused(run("build"), 1, /demo-1\.0-py3-none-any\.whl/, /0{64}/);
    expectNothingMade(work);
  });

  it.each([
    ["leaves its directory", { more: [{ name: "../../escaped.py", content: "x = 1\n" }] } satisfies MadeWheel, /Z7/],
    ["has a symbolic link", { more: [{ name: "demo/link", content: "/etc/passwd", mode: 0o120777 }] } satisfies MadeWheel, /Z11/],
    ["has a file that RECORD does not list", { more: [{ name: "demo/stranger.py", content: "x = 1\n" }] } satisfies MadeWheel, /W8/],
    ["has a file whose hash is not RECORD's", { record: (right: string) => right.replace(recordRow("demo/__init__.py", "def main():\n    return 0\n"), recordRow("demo/__init__.py", "def main():\n    return 1\n")) } satisfies MadeWheel, /W8/],
  ])("is refused when it %s", (_, change, rule) => {
    const { run, work } = workspace(needing(change));
    expectRefused(run("build"), 1, rule, /demo-1\.0-py3-none-any\.whl/);
    expectNothingMade(work);
    expect(existsSync(join(work, "../escaped.py"))).toBe(false);
  });

  it("is refused when another one has the same path with other bytes", () => {
    const { run, work } = workspace(needing({ files: { "app/__init__.py": "mine = True\n" } }));
    expectRefused(run("build"), 1, /`app-1\.0\S*\.whl`/, /`demo-1\.0\S*\.whl`/, /app\/__init__\.py/);
    expectNothingMade(work);
  });
});

describe("a place that may not be deployed to", () => {
  it("is refused when it is a file", () => {
    const { run, work } = workspace({ ...application, app2: "a file\n" });
    expect(run("build").status).toBe(0);
    expectRefused(run("deploy", "--to", "local:app2"), 1, /app2/);
    expect(readFileSync(join(work, "app2"), "utf8")).toBe("a file\n");
  });

  it("is refused when `current` is a real directory, and the directory stays", () => {
    const { run, work } = workspace({ ...application, "root/versions/current/precious.txt": "keep me\n" });
    expect(run("build").status).toBe(0);
    expectRefused(run("deploy", "--to", "local:root"), 1, /current/);
    expect(readFileSync(join(work, "root/versions/current/precious.txt"), "utf8")).toBe("keep me\n");
  });

  it("is refused when it has no interpreter of the right minor, before anything is made", () => {
    const there = findPythons().map(({ minor }) => minor);
    const missing = ["3.14", "3.15", "3.13", "3.12"].find((minor) => !there.includes(minor)) ?? "3.15";
    const { run, work } = workspace(application);
    const label = /platform (?<label>\S+)$/m.exec(run("init").stdout)?.groups?.["label"] ?? "";
    writeFileSync(join(work, "caisson.toml"), `[workspace]\nname = "app"\nplatforms = ["${label.replace(/-py\d+$/, "")}-py${missing.replace(".", "")}"]\n\n[packages.app]\npath = "."\n`);
    expect(run("build")).toMatchObject({ status: 0 });
    expectRefused(run("deploy", "--to", "local:root"), 1, new RegExp(missing.replace(".", "\\.")));
    expect(existsSync(join(work, "root"))).toBe(false);
  });
});

describe("a source that cannot be built", () => {
  const files = { "caisson.toml": '[packages.conf]\nkind = "files"\npath = "conf"\n', "conf/VERSION": "1.0\n" };

  it("is a file whose name is not UTF-8, on disk and in a commit", () => {
    const { run, work, env } = workspace(files);
    writeFileSync(Buffer.concat([Buffer.from(`${work}/conf/a`), Buffer.from([0xff])]), "x");
    expectRefused(run("build"), 1, /the name of a file is not UTF-8: `a\uFFFD`/);
    spawnSync("sh", ["-c", "git init -q && git add . && git commit -qm one"], { cwd: work, env });
    expectRefused(run("build"), 1, /the name of a file is not UTF-8/);
    expectNothingMade(work);
  });

  it("is a directory without files", () => {
    const { run, work } = workspace({ "caisson.toml": files["caisson.toml"] });
    mkdirSync(join(work, "conf"));
    expectRefused(run("build"), 1, /there are no files in the directory of `conf`/, /hint: /);
    expectNothingMade(work);
  });

  it("is a pyproject.toml or caisson.toml that links lead to in a circle", () => {
    for (const name of ["pyproject.toml", "caisson.toml"]) {
      const { run, work } = workspace({});
      symlinkSync("other", join(work, name));
      symlinkSync(name, join(work, "other"));
      expectRefused(run("build"), 1, new RegExp(`cannot read \`${name}\``), /hint: its links lead in a circle/);
    }
  });

  it("is one whose links lead in circles only where nobody follows them: then it is built", () => {
    const { run, work } = workspace(files);
    symlinkSync("b", join(work, "conf/a"));
    symlinkSync("a", join(work, "conf/b"));
    symlinkSync(".", join(work, "conf/here"));
    expect(run("build")).toMatchObject({ status: 0 });
  });

  it("is a lock with several mistakes, each told with its line, and what makes it anew", () => {
    const { run, work } = workspace({ ...application, "pylock.toml": 'lock-version = "1.0"\ncreated-by = "x"\n\n[[packages]]\nname = "Demo"\nversion = "one"\nwheels = []\n' });
    expectRefused(run("build"), 1, /^error: pylock\.toml:5: .*Demo|demo/m, /^error: pylock\.toml:6: /m, /^hint: write it anew: caisson lock app --platform /m);
    expectNothingMade(work);
  });
});

it("builds a directory that is in no repository where there is no git", () => {
  const { runWith, work } = workspace({ "caisson.toml": '[packages.conf]\nkind = "files"\npath = "conf"\n', "conf/VERSION": "1.0\n" });
  const empty = join(work, "../empty");
  mkdirSync(empty);
  for (const program of ["sh", "env"]) symlinkSync(`/bin/${program}`, join(empty, program));
  expect(runWith({ PATH: [join(work, "../.bin"), empty].join(delimiter) }, "build", "--platform", "debian-12")).toMatchObject({ status: 0, stdout: "dist/conf-1.0-debian-12.tar.gz\n" });
});

it("says so when there is no git and no python3 to ask", () => {
  const { runWith, work } = workspace(application);
  const bin = join(work, "../.bin");
  const empty = join(work, "../empty");
  mkdirSync(empty);
  for (const program of ["sh", "env"]) symlinkSync(`/bin/${program}`, join(empty, program));
  expectRefused(runWith({ PATH: [bin, empty].join(delimiter) }, "build"), 1, /python3/);
  expectNothingMade(work);
});

it("knows its own machine's Python", () => {
  expect(workspace(application).run("init").stdout).toMatch(/^wrote caisson\.toml: workspace `app`, 1 package \(app, python\), platform \S+$/m);
  expect(defaultPythonMinor()).toMatch(/^3\.\d+$/);
});
