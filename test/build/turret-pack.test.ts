import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { packTurrets, type PackedTurrets, type PackTurretsRequest } from "../../src/build/turret/pack.ts";
import { makeGround, type Ground } from "./ground.ts";

const SCRIPT = "class Transaction(object):\n    def __init__(self, config, context=None):\n        pass\n\n    def run(self):\n        pass\n";
const OLD_SCRIPT = SCRIPT.replace("self, config, context=None", "self");
const TOP = { run_time: 30, results_ts_interval: 10, testing: false, progress_bar: true, hq_address: "hq", publish_port: 5000, rc_port: 5001 };
const navigation = { name: "navigation", cannons: 2, rampup: 0, script: "test_scripts/v_user.py" };

let ground: Ground;
beforeEach(() => {
  ground = makeGround();
  ground.write({ "a project/test_scripts/v_user.py": SCRIPT });
});
afterEach(() => ground.remove());

function configure(...turrets: readonly unknown[]): void {
  ground.write({ "a project/config.json": JSON.stringify({ ...TOP, turrets }, undefined, 1) });
}

async function pack(options: Partial<PackTurretsRequest> = {}, ctx = ground.context): Promise<PackedTurrets> {
  return await packTurrets(ctx, { directory: "a project", format: "tar", setup: true, version: "0.1", digests: true, ...options });
}

function members(path: string): readonly string[] {
  return execFileSync("tar", ["tf", join(ground.directory, path)], { encoding: "utf8" }).trim().split("\n");
}

function member(path: string, name: string): string {
  return execFileSync("tar", ["xOf", join(ground.directory, path), name], { encoding: "utf8" });
}

/** Root may read everything. */
async function asNobody<Result>(work: () => Promise<Result>): Promise<Result> {
  if (process.geteuid?.() !== 0) return await work();
  try {
    process.seteuid?.(65_534);
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}

/** What is said of each turret that has no archive. */
async function failures(...turrets: readonly unknown[]): Promise<readonly string[]> {
  configure(...turrets);
  return failuresOf(await pack());
}

function failuresOf({ turrets }: PackedTurrets): readonly string[] {
  return turrets.flatMap((turret) => (turret.state === "failed" ? [`${turret.problem.file ?? ""}:${turret.problem.line ?? ""} ${turret.problem.key ?? ""}: ${turret.problem.message}`] : []));
}

function listing(): readonly string[] {
  return readdirSync(join(ground.directory, "a project")).filter((name) => !["config.json", "test_scripts"].includes(name)).toSorted();
}

describe("an archive", () => {
  it("row O1: is one for each turret, named after it, without a folder around config.json, setup.py and the script", async () => {
    configure(navigation, { ...navigation, name: "random" });
    expect((await pack()).turrets.map((turret) => turret.state === "packed" && [turret.path, turret.members])).toEqual([
      ["a project/navigation.tar", ["config.json", "setup.py", "test_scripts/v_user.py"]],
      ["a project/random.tar", ["config.json", "setup.py", "test_scripts/v_user.py"]],
    ]);
    expect(members("a project/random.tar")).toEqual(["config.json", "setup.py", "test_scripts/v_user.py"]);
    expect(member("a project/random.tar", "test_scripts/v_user.py")).toBe(SCRIPT);
  });

  it("rows O5 and O12: has a config.json with what the turret program reads, the format's number and our version", async () => {
    configure({ ...navigation, turrets_requirements: ["requests>=2"] });
    await pack({ version: "1.2" });
    const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { readonly version: string };
    expect(JSON.parse(member("a project/navigation.tar", "config.json"))).toEqual({ name: "navigation", canons: 2, cannons: 2, rampup: 0, script: "test_scripts/v_user.py", hq_address: "hq", hq_publisher: 5000, hq_rc: 5001, caisson: { format: 1, version, turret_version: "1.2", requirements: ["requests>=2"] } });
  });

  it("rows O6 and O15: has a setup.py that names what it needs and no modules, in a version of one's choice; or none", async () => {
    configure({ ...navigation, name: "a \"b\" $(x)", turrets_requirements: ["requests>=2; python_version >= \"3.6\"", "six @ https://example.com/sïx.whl"] });
    await pack({ version: "1.2rc1" });
    const setup = member("a project/a \"b\" $(x).tar", "setup.py");
    const asked = JSON.parse(execFileSync("python3", ["-I", "-c", `import json, sys, types\nsetuptools = types.ModuleType("setuptools")\nsetuptools.setup = lambda **words: print(json.dumps(words))\nsys.modules["setuptools"] = setuptools\nexec(sys.stdin.buffer.read().decode("ascii"))`], { input: setup, encoding: "utf8" })) as unknown;
    expect(asked).toEqual({ name: "a-b-x", version: "1.2rc1", packages: [], py_modules: [], install_requires: ["requests>=2; python_version >= \"3.6\"", "six @ https://example.com/sïx.whl", "oct-turrets"] });
    configure({ ...navigation, turrets_requirements: ["oct_turrets<0.2.3"] });
    await pack();
    expect(member("a project/navigation.tar", "setup.py").match(/oct.turrets/g)).toHaveLength(1);
    await pack({ setup: false });
    expect(members("a project/navigation.tar")).toEqual(["config.json", "test_scripts/v_user.py"]);
  });

  it("row O8: goes into the project, or where one says, as .tar or .tar.gz", async () => {
    configure(navigation);
    await pack({ format: "tar.gz", output: "out/of it" });
    expect(members("out/of it/navigation.tar.gz")).toEqual(["config.json", "setup.py", "test_scripts/v_user.py"]);
    expect(readFileSync(join(ground.directory, "out/of it/navigation.tar.gz")).subarray(0, 2)).toEqual(Buffer.from([0x1f, 0x8b]));
    expect(listing()).toEqual([]);
    expect((await pack({ directory: "./a project/" })).turrets[0]).toMatchObject({ path: "./a project/navigation.tar" });
    expect(listing()).toEqual(["navigation.tar"]);
  });

  it("row O9: takes extra files and folders along, relative and absolute ones, empty folders too, and no bytecode", async () => {
    ground.write({ "a project/templates/report.html": "r", "a project/templates/css/style.css": "c", "a project/templates/__pycache__/x.pyc": "x", "a project/templates/y.pyc": "y", "common/users.csv": "u", "data/run.sh": "#!/bin/sh\n" });
    mkdirSync(join(ground.directory, "a project/templates/img"));
    chmodSync(join(ground.directory, "data/run.sh"), 0o700);
    symlinkSync("report.html", join(ground.directory, "a project/templates/index.html"));
    configure({ ...navigation, extra_files: ["templates", "../common/users.csv", join(ground.directory, "data"), "test_scripts"] });
    await pack();
    expect(members("a project/navigation.tar")).toEqual(["config.json", "setup.py", "test_scripts/v_user.py", "data/run.sh", "templates/css/style.css", "templates/img/", "templates/index.html", "templates/report.html", "users.csv"]);
    expect(member("a project/navigation.tar", "templates/index.html")).toBe("r");
    const modes = execFileSync("tar", ["tvf", join(ground.directory, "a project/navigation.tar")], { encoding: "utf8" });
    expect(modes).toMatch(/^-rwxr-xr-x 0\/0 .*data\/run\.sh$/m);
    expect(modes).toMatch(/^-rw-r--r-- 0\/0 .* 1980-01-01 .*users\.csv$/m);
  });

  it("row O14: of a turret that is not Python has its files and no setup.py", async () => {
    ground.write({ "a project/run.sh": "#!/bin/sh\n", "a project/main.js": "" });
    chmodSync(join(ground.directory, "a project/run.sh"), 0o755);
    configure({ name: "shell", cannons: 1, rampup: 0, command: ["./run.sh", "--fast"], extra_files: ["run.sh"] }, { ...navigation, name: "both", command: "python run.py" });
    await pack();
    expect(members("a project/shell.tar")).toEqual(["config.json", "run.sh"]);
    expect(JSON.parse(member("a project/shell.tar", "config.json"))).toMatchObject({ command: ["./run.sh", "--fast"] });
    expect(members("a project/both.tar")).toContain("setup.py");
    expect(await failures({ name: "x", cannons: 1, rampup: 0, command: ["./main.sh"] }, { name: "y", cannons: 1, rampup: 0, command: ["./main.js"], extra_files: ["main.js"] })).toEqual([
      "a project/config.json:10 command: `command` of `x` starts `./main.sh`, which is not in the archive",
      "a project/config.json:18 command: `command` of `y` starts `./main.js`, which is not executable",
    ]);
  });
});

describe("packing", () => {
  it("row O12: gives the same bytes twice, also for files with other modes and times, and in another time zone", async () => {
    ground.write({ "a project/templates/a.html": "a" });
    configure({ ...navigation, extra_files: ["templates"] });
    const digests = async (): Promise<readonly unknown[]> => [(await pack()).turrets, (await pack({ format: "tar.gz" })).turrets];
    const first = await digests();
    execFileSync("sh", ["-c", "touch -d 2001-01-01 templates test_scripts/v_user.py && chmod 600 config.json test_scripts/v_user.py && chmod 700 templates"], { cwd: join(ground.directory, "a project") });
    expect(await digests()).toEqual(first);
    expect((await pack({}, ground.with({ SOURCE_DATE_EPOCH: "86400" }))).turrets).not.toEqual(first[0]);
    expect(execFileSync("tar", ["tvf", join(ground.directory, "a project/navigation.tar")], { encoding: "utf8", env: { ...process.env, TZ: "UTC" } })).toContain("1970-01-02");
  });

  it("row O12: two at once do not disturb each other", async () => {
    configure(...Array.from({ length: 20 }, (_, at) => ({ ...navigation, name: `t${at}` })));
    const all = await Promise.all([pack(), pack(), pack()]);
    expect(all[1]).toEqual(all[0]);
    expect(all[2]).toEqual(all[0]);
    expect(listing()).toEqual(Array.from({ length: 20 }, (_, at) => `t${at}.tar`).toSorted());
    expect(members("a project/t7.tar")).toHaveLength(3);
  });

  it("row O11: writes nothing when the configuration is wrong, not even the directory", async () => {
    configure(navigation, { ...navigation, name: "random", script: undefined });
    await expect(pack({ output: "out" })).rejects.toThrow("`script` of `random` is missing");
    expect(existsSync(join(ground.directory, "out"))).toBe(false);
    expect(listing()).toEqual([]);
    ground.write({ "a project/config.json": "\xff" });
    execFileSync("sh", ["-c", "printf '\\377' > config.json"], { cwd: join(ground.directory, "a project") });
    await expect(pack()).rejects.toMatchObject({ code: "config-invalid", message: "the file is not UTF-8" });
    await expect(pack({ directory: "nowhere" })).rejects.toMatchObject({ problems: [{ file: "nowhere/config.json", message: "there is no such file, and an OCT project has one" }] });
  });

  it("row O11: leaves a turret that fails without an archive, and the others theirs", async () => {
    mkdirSync(join(ground.directory, "a project/folder.py"));
    const turrets = [{ ...navigation, script: "missing.py" }, { ...navigation, name: "good" }, { ...navigation, name: "bad", script: "folder.py" }];
    expect(await failures(...turrets)).toEqual(["a project/config.json:10 script: `script` of `navigation` names `missing.py`, which is not there", "a project/config.json:22 script: `script` of `bad` is no file: `folder.py`"]);
    expect(listing()).toEqual(["folder.py", "good.tar"]);
  });

  it("says which archive is from an earlier time, where a turret fails now", async () => {
    configure(navigation);
    await pack();
    configure({ ...navigation, script: "missing.py" });
    expect((await pack()).turrets).toMatchObject([{ state: "failed", problem: { hint: "`a project/navigation.tar` is from an earlier time" } }]);
  });

  it("fails for an archive whose place is taken by something else, and leaves nothing half-made", async () => {
    mkdirSync(join(ground.directory, "a project/navigation.tar/x"), { recursive: true });
    expect(await failures(navigation)).toEqual([expect.stringContaining("a project/navigation.tar`: something else has that name") as string]);
    expect(listing()).toEqual(["navigation.tar"]);
  });

  it("stopped on request, says of each turret that it is not packed, and leaves nothing of it", async () => {
    configure(navigation, { ...navigation, name: "random" });
    const { turrets } = await pack({}, { ...ground.context, signal: AbortSignal.abort() });
    expect(turrets.map((turret) => turret.state === "failed" && turret.problem.message)).toEqual(["`navigation` is not packed: stopped on request", "`random` is not packed: stopped on request"]);
    expect(listing()).toEqual([]);
  });

  it("packs more turrets than are open at one time", async () => {
    configure(...Array.from({ length: 150 }, (_, at) => ({ ...navigation, name: `t${at}`, ...(at === 70 ? { script: "lost.py" } : {}) })));
    const { turrets } = await pack();
    expect(turrets.map(({ turret, state }) => `${turret} ${state}`)).toEqual(Array.from({ length: 150 }, (_, at) => `t${at} ${at === 70 ? "failed" : "packed"}`));
    expect(listing()).toHaveLength(149);
  });

  it("row G13: does what it says for names that a shell would run", async () => {
    configure({ ...navigation, name: "$(touch gone);'\"`x`" }, { ...navigation, name: "ünï code" });
    await pack();
    expect(listing()).toEqual(["$(touch gone);'\"`x`.tar", "ünï code.tar"].toSorted());
    expect(existsSync(join(ground.directory, "gone"))).toBe(false);
  });

  it("warns of a script that today's turret program would start and not run", async () => {
    ground.write({ "a project/old.py": OLD_SCRIPT, "a project/inherits.py": "from base import Transaction\n", "a project/args.py": SCRIPT.replace("self, config, context=None", "self, *args") });
    configure({ ...navigation, name: "old", script: "old.py" }, navigation, { ...navigation, name: "inherits", script: "inherits.py" }, { ...navigation, name: "args", script: "args.py" }, { ...navigation, name: "pinned", script: "old.py", turrets_requirements: ["oct-turrets==0.2.2"] });
    await pack();
    expect(ground.events).toEqual([{ type: "warning", problem: expect.objectContaining({ file: "a project/config.json", line: 10, message: "`old.py` of `old` is written for OCT 0.3: its Transaction takes no config, and the turret program of today gives it one" }) as unknown }]);
  });
});

describe("hostile files", () => {
  it("row O11: a script or a folder that may not be read is named, by file and key", async () => {
    ground.write({ "a project/mine.py": SCRIPT, "a project/mine/x": "", "a project/half/mine/x": "", "a project/part/x": "" });
    for (const path of ["mine.py", "mine", "half/mine", "part/x"]) chmodSync(join(ground.directory, "a project", path), 0);
    const turrets = [{ ...navigation, script: "mine.py" }, { ...navigation, name: "good" }, ...["mine", "half", "part"].map((name) => ({ ...navigation, name, extra_files: [name] }))];
    configure(...turrets);
    await pack();
    for (const path of [".", "a project"]) chmodSync(join(ground.directory, path), 0o777);
    const said = failuresOf(await asNobody(() => pack()));
    for (const path of ["mine", "half/mine"]) chmodSync(join(ground.directory, "a project", path), 0o700);
    expect(said.map((line) => line.replace(/^.*?: (?=`)/, ""))).toEqual([
      "`script` of `navigation` names `mine.py`, which cannot be read",
      "`extra_files` of `mine` has a folder that cannot be read: `mine`",
      "`extra_files` of `half` has a folder that cannot be read: `half`",
      "`extra_files` of `part` names `part/x`, which cannot be read",
    ]);
  });

  it("a script that is a link to outside of the project is refused, one within it is taken", async () => {
    ground.write({ "outside.py": SCRIPT });
    symlinkSync("../outside.py", join(ground.directory, "a project/out.py"));
    symlinkSync("test_scripts/v_user.py", join(ground.directory, "a project/in.py"));
    symlinkSync("round.py", join(ground.directory, "a project/round.py"));
    expect(await failures({ ...navigation, script: "out.py" }, { ...navigation, name: "in", script: "in.py" }, { ...navigation, name: "round", script: "round.py" })).toEqual([
      expect.stringContaining("`script` of `navigation` lies outside the project: `out.py` leads to") as string,
      "a project/config.json:22 script: `script` of `round` names `round.py`, which cannot be read",
    ]);
    expect(member("a project/in.tar", "in.py")).toBe(SCRIPT);
  });

  it("extra files that would hang, escape or overwrite are refused, each by its name", async () => {
    ground.write({ "a project/a/x": "1", "a project/b/x": "2", "a project/sub/v_user.py": "other", "other/test_scripts/v_user.py": "other", "a project/odd/a\\b": "" });
    execFileSync("python3", ["-I", "-c", "import os, sys; os.mkfifo(sys.argv[1])", join(ground.directory, "a project/a/pipe")]);
    symlinkSync("/etc", join(ground.directory, "a project/b/etc"));
    const extra = (path: string): unknown => ({ ...navigation, extra_files: [path] });
    expect(await failures(extra("missing"))).toEqual(["a project/config.json:10 extra_files: `extra_files` of `navigation` names `missing`, which is not there"]);
    expect(await failures(extra("a"))).toEqual([expect.stringContaining("has something that is neither file nor folder: `a/pipe`") as string]);
    expect(await failures(extra("a/pipe"))).toEqual([expect.stringContaining("is neither file nor folder: `a/pipe`") as string]);
    expect(await failures(extra("b"))).toEqual([expect.stringContaining("has a link that leads to a folder: `b/etc`") as string]);
    expect(await failures(extra("../a project"))).toEqual([expect.stringContaining("holds the project itself: `../a project`") as string]);
    expect(await failures(extra(ground.directory))).toEqual([expect.stringContaining("holds the project itself") as string]);
    expect(await failures(extra("../other/test_scripts"))).toEqual([expect.stringContaining("would be `test_scripts/v_user.py` in the archive twice, with other content") as string]);
    expect(await failures(extra("odd"))).toEqual([expect.stringContaining("has a name that no archive should have") as string]);
    expect(await failures({ ...navigation, script: "sub/v_user.py", extra_files: ["a/x", "../a project/sub"] })).toEqual([]);
    ground.write({ "other/sub": "a file" });
    expect(await failures({ ...navigation, script: "sub/v_user.py", extra_files: ["../other/sub"] })).toEqual([expect.stringContaining("would make `sub` a file and a folder at once") as string]);
    expect(listing().filter((name) => name.startsWith(".tmp"))).toEqual([]);
  });
});
