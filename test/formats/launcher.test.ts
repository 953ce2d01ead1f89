import { chmodSync, mkdirSync, mkdtempSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { afterAll, describe, expect, it } from "vitest";
import { launcherLinks, launcherTree, processLauncher } from "../../src/formats/launcher.ts";
import type { PackageName, Process } from "../../src/model/index.ts";
import { removeTree } from "../../src/system/index.ts";

const top = realpathSync(mkdtempSync(join(tmpdir(), "caisson launcher % $HOME `")));
afterAll(() => removeTree(top));

const owner = "core" as PackageName;
/** Says its words, one a line, and where it runs. */
const SAY = "#!/bin/sh\nprintf '<%s>\\n' \"$@\"; printf 'cwd %s\\n' \"$(pwd -P)\"; printf '%s\\n' \"release $CAISSON_RELEASE\" \"state $CAISSON_STATE\" \"color ${COLOR-}\"; command -v say\n";
let releases = 0;

/** Put a process's launcher into a release, and start it through `current`. */
function launch(argv: readonly string[], how: { readonly environment?: Process["environment"]; readonly requires?: readonly string[]; readonly env?: Readonly<Record<string, string>>; readonly shell?: readonly string[]; readonly more?: readonly string[] } = {}) {
  const label = `1.${releases++}`;
  const part = join(top, "versions", label, owner);
  for (const folder of ["bin", "processes"]) mkdirSync(join(part, folder), { recursive: true });
  writeFileSync(join(top, "versions", label, "manifest.json"), "{}");
  const files = { "bin/say": SAY, "processes/web": processLauncher(owner, { name: "web", argv, environment: how.environment ?? {}, requires: how.requires ?? [] }) };
  for (const [path, text] of Object.entries(files)) {
    writeFileSync(join(part, path), text);
    chmodSync(join(part, path), 0o755);
  }
  const current = join(top, `current-${label}`);
  symlinkSync(join(top, "versions", label), current);
  const [shell = "", ...words] = how.shell ?? ["/bin/sh"];
  const { status, stdout, stderr } = spawnSync(shell, [...words, join(current, owner, "processes/web"), ...(how.more ?? [])], { cwd: "/", env: { PATH: process.env["PATH"] ?? "", ...how.env }, encoding: "utf8" });
  return { status, lines: stdout.split("\n"), stderr, release: join(top, "versions", label) };
}

const shells = [["/bin/sh"], ["dash"], ["busybox", "sh"], ["bash", "--posix"]].filter(([name = "", ...words]) => spawnSync(name, [...words, "-c", "true"]).status === 0);

describe.each(shells.map((shell) => ({ name: shell.join(" "), shell })))("a process's launcher under $name", ({ shell }) => {
  it("finds its real release once, and starts the package's own program there", () => {
    const { status, lines, release } = launch(["say", "a"], { shell, environment: { COLOR: "blue $x `y` \"z\" \\" }, more: ["b c", ""] });
    expect(status).toBe(0);
    expect(lines).toEqual(["<a>", "<b c>", "<>", `cwd ${release}`, `release ${release}`, `state ${join(top, "shared")}`, "color blue $x `y` \"z\" \\", `${release}/core/bin/say`, ""]);
  });

  it("puts values into words, and never makes two words of one", () => {
    const words = ["--name=${NAME}", "$NAME/$OTHER", "50$", "$$", "a$1", "`id`", "$(id)", "it's \"so\" \\", "", "*", "~", "two\nlines"];
    const { lines } = launch(["say", ...words], { shell, env: { NAME: "a b; rm -rf / *", OTHER: "$NAME" } });
    expect(lines.slice(0, 13)).toEqual(["<--name=a b; rm -rf / *>", "<a b; rm -rf / */$NAME>", "<50$>", "<$$>", "<a$1>", "<`id`>", "<$(id)>", "<it's \"so\" \\>", "<>", "<*>", "<~>", "<two", "lines>"]);
  });

  it("row N5: names what is missing, all that is required at once, and ends with 64", () => {
    const engine = { shell, requires: ["ENGINE_NAME", "ENGINE_MODULE"] };
    expect(launch(["python", "-m", "$ENGINE_MODULE"], { ...engine, env: { ENGINE_NAME: "e", ENGINE_MODULE: "" } })).toMatchObject({ status: 64, stderr: "error: set ENGINE_MODULE (process `web` needs ENGINE_NAME and ENGINE_MODULE)\n" });
    expect(launch(["say"], engine)).toMatchObject({ status: 64, stderr: "error: set ENGINE_NAME and ENGINE_MODULE (process `web` needs ENGINE_NAME and ENGINE_MODULE)\n" });
    expect(launch(["say", "$PORT"], { shell })).toMatchObject({ status: 64, stderr: "error: set PORT (process `web` uses it)\n" });
    expect(launch(["say", "$PORT"], { shell, env: { PORT: "" } })).toMatchObject({ status: 0 });
    expect(launch(["say", "$PORT"], { shell, environment: { PORT: "80" } }).lines[0]).toBe("<80>");
    expect(launch(["say", "$CAISSON_STATE/x"], { shell }).lines[0]).toBe(`<${join(top, "shared")}/x>`);
  });

  it("is at home where install.sh has put it, too", () => {
    const place = mkdtempSync(join(top, "by hand "));
    mkdirSync(join(place, "processes"));
    writeFileSync(join(place, "processes/web"), processLauncher(owner, { name: "web", argv: ["sh", "-c", "pwd -P; echo \"$0 $1\"", "$CAISSON_RELEASE", "$CAISSON_STATE"], environment: {}, requires: [] }));
    const [program = "", ...words] = shell;
    expect(spawnSync(program, [...words, join(place, "processes/web")], { cwd: "/", encoding: "utf8" }).stdout).toBe(`${place}\n${place} ${place}/shared\n`);
  });

  it("takes a program that the package has not from PATH, and keeps the state it is given", () => {
    expect(launch(["printenv", "CAISSON_STATE"], { shell, env: { CAISSON_STATE: "/elsewhere" } })).toMatchObject({ status: 0, lines: ["/elsewhere", ""] });
  });
});

it("is clean to shellcheck, whatever words a process has", (test) => {
  if (spawnSync("shellcheck", ["--version"]).status !== 0) test.skip("shellcheck is not installed");
  const words = ["gunicorn", "app:x", "$lower/${UPPER}", "`id` $(id) $1 $$", "it's \"so\" \\", "", "two\nlines", "*"];
  const text = processLauncher(owner, { name: "web.1-x", argv: words, environment: { A: "$B `c`" }, requires: ["UPPER", "other"] });
  const { status, stdout } = spawnSync("shellcheck", ["--shell=sh", "-"], { input: text, encoding: "utf8" });
  expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
});

it("lies in its package's part, for real, in a tree that only the process table decides", () => {
  const processes = [{ name: "web", argv: ["web"], environment: {}, requires: [] }, { name: "engine", argv: ["engine"], environment: {}, requires: [] }];
  const tree = launcherTree(owner, processes);
  expect(tree?.entries.map((entry) => [entry.path, "mode" in entry && entry.mode])).toEqual([["root/processes/engine", 0o755], ["root/processes/web", 0o755]]);
  expect(launcherLinks(tree!)).toEqual([
    { how: "directory", path: "processes" },
    { how: "hardlink", path: "processes/engine", tree: tree!.id, to: "root/processes/engine" },
    { how: "hardlink", path: "processes/web", tree: tree!.id, to: "root/processes/web" },
  ]);
  expect(launcherTree(owner, processes.toReversed())?.id).toBe(tree?.id);
  expect(launcherTree(owner, [])).toBeUndefined();
});
