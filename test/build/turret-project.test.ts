import { describe, expect, it } from "vitest";
import { CaissonError, type Problem } from "../../src/model/index.ts";
import { readTurretProject, type TurretProject } from "../../src/build/turret/project.ts";

const TOP = { run_time: 30, results_ts_interval: 10, testing: false, progress_bar: true };
const navigation = { name: "navigation", canons: 2, rampup: 0, script: "test_scripts/v_user.py" };

async function read(config: unknown, files: Readonly<Record<string, unknown>> = {}): Promise<TurretProject> {
  const texts: Readonly<Record<string, unknown>> = { "config.json": config, ...files };
  return await readTurretProject((path) => Promise.resolve(Object.hasOwn(texts, path) ? (typeof texts[path] === "string" ? texts[path] : JSON.stringify(texts[path], undefined, 1)) : undefined), (path) => `project/${path}`);
}

async function problems(config: unknown, files: Readonly<Record<string, unknown>> = {}): Promise<readonly string[]> {
  const failed = await read(config, files).then(() => [], (error: unknown) => (error as CaissonError).problems);
  return failed.map(({ code, file = "", line, key, message, hint }: Problem) => `${code === "config-invalid" ? "" : `${code} `}${file}${line === undefined ? "" : `:${line}`} ${key ?? "-"}: ${message}${hint === undefined ? "" : `; ${hint}`}`);
}

async function packed(top: unknown, files: Readonly<Record<string, unknown>> = {}): Promise<Readonly<Record<string, unknown>>> {
  return (await read(top, files)).turrets[0]?.config ?? {};
}

async function extra(...paths: readonly string[]): Promise<readonly string[]> {
  return await problems({ ...TOP, turrets: [{ ...navigation, extra_files: paths }] });
}

describe("an OCT project", () => {
  it("row O3: says which optional keys are left out, in the order in which they are warned of", async () => {
    expect((await read({ ...TOP, turrets: [navigation] })).absent).toEqual(["hq_address", "publish_port", "rc_port"]);
    expect((await read({ ...TOP, rc_port: 1, hq_address: "hq", turrets: [navigation] })).absent).toEqual(["publish_port"]);
    expect(await packed({ ...TOP, turrets: [navigation] })).toMatchObject({ hq_address: "127.0.0.1", hq_publisher: 5000, hq_rc: 5001 });
  });

  it("row O4: tells every required key that is missing, all at once, and what else is wrong beside them", async () => {
    expect(await problems({})).toEqual(["run_time", "results_ts_interval", "testing", "progress_bar", "turrets"].map((key) => `key-missing project/config.json ${key}: the required configuration key ${key} is not define`));
    expect(await problems({ ...TOP, testing: undefined, turrets: [{ ...navigation, rampup: "soon" }] })).toEqual([
      "key-missing project/config.json testing: the required configuration key testing is not define",
      "project/config.json:9 turrets[0].rampup: `turrets[0].rampup` is `soon`; expected a number of seconds, 0 or more",
    ]);
  });

  it("row O5: gives each turret its keys under the names that the turret program reads, both spellings of the cannons, and what the entry adds", async () => {
    const top = { ...TOP, hq_address: "hq.example.com", publish_port: 6000, rc_port: 6001, turrets_requirements: ["six"], turrets: [{ ...navigation, colour: { of: ["sand"] } }] };
    const keys = await packed(top);
    expect(keys).toEqual({ name: "navigation", canons: 2, cannons: 2, rampup: 0, script: "test_scripts/v_user.py", hq_address: "hq.example.com", hq_publisher: 6000, hq_rc: 6001, colour: { of: ["sand"] } });
    expect(Object.keys(keys)).toEqual(["name", "canons", "cannons", "rampup", "script", "hq_address", "hq_publisher", "hq_rc", "colour"]);
    expect((await read(top)).turrets[0]?.requirements).toEqual(["six"]);
    expect(await packed({ ...TOP, turrets: [{ ...navigation, publish_port: 7000, canons: undefined, cannons: 3 }] })).toMatchObject({ hq_publisher: 7000, canons: 3, cannons: 3 });
  });

  it("row O10: an entry may be the path of a JSON file; defaults, then extra_turret_config, then the turret's own keys", async () => {
    const top = { ...TOP, hq_address: "top", turrets_requirements: ["six"], extra_turret_config: { rampup: 5, hq_address: "extra", colour: "red", cannons: 9 }, turrets: ["turrets/navigation.json"] };
    const own = { name: "navigation", canons: 2, script: "v.py", colour: "blue", turrets_requirements: ["requests"] };
    expect(await packed(top, { "turrets/navigation.json": own })).toEqual({ name: "navigation", canons: 2, cannons: 2, rampup: 5, script: "v.py", hq_address: "extra", hq_publisher: 5000, hq_rc: 5001, colour: "blue" });
    expect((await read(top, { "turrets/navigation.json": own })).turrets[0]).toMatchObject({ requirements: ["requests"], place: { file: "project/turrets/navigation.json", line: 1 } });
    expect(await problems(top)).toEqual(["project/config.json:17 turrets[0]: `turrets[0]` names `project/turrets/navigation.json`, which is not there; an entry is a table, or the path of a JSON file"]);
    expect(await problems(top, { "turrets/navigation.json": "[1]" })).toEqual(["project/turrets/navigation.json:1 : the file is no turret; expected a table with name, script, cannons and rampup, or the path of a JSON file with one"]);
    expect(await problems(top, { "turrets/navigation.json": '{"name": "x",\n "script: 1}' })).toEqual(["project/turrets/navigation.json:2 -: not valid JSON at column 2: a text is not ended"]);
  });

  it("row O11: names file, line and key of each mistake in an entry", async () => {
    expect(await problems(undefined)).toEqual(["project/config.json -: there is no such file, and an OCT project has one; name the project's directory: caisson turret pack DIR"]);
    expect(await problems("[]")).toEqual(["project/config.json:1 : the file holds no table; expected { \"turrets\": [...], ... }"]);
    expect(await problems({ ...TOP, turrets: [] })).toEqual(["project/config.json:6 turrets: `turrets` is empty; expected a list of turrets"]);
    expect(await problems({ ...TOP, turrets: [{}] })).toEqual(["name", "script", "cannons", "rampup"].map((key) => `project/config.json:7 turrets[0].${key}: \`${key}\`${key === "cannons" ? " (or `canons`)" : ""} of a turret is missing`));
    expect(await problems({ ...TOP, turrets: [{ ...navigation, canons: 0 }, { ...navigation, name: "random", script: 5 }, 7] })).toEqual([
      "project/config.json:9 turrets[0].canons: `turrets[0].canons` is `0`; expected a whole number, 1 or more",
      expect.stringMatching(/^project\/config\.json:17 turrets\[1\]\.script: .*`5`; expected the path of a file in the project$/) as string,
      "project/config.json:19 turrets[2]: `turrets[2]` is no turret; expected a table with name, script, cannons and rampup, or the path of a JSON file with one",
    ]);
    expect(await problems({ ...TOP, turrets: [{ ...navigation, cannons: 3 }] })).toEqual(["project/config.json:12 turrets[0].cannons: `canons` and `cannons` mean the same, and say different things; leave one of them out"]);
    expect(await problems({ ...TOP, rc_port: 70_000, hq_address: "", turrets: [navigation] })).toHaveLength(2);
    expect(await problems({ ...TOP, turrets_requirements: ["-r more.txt"], turrets: [navigation] })).toEqual([expect.stringContaining("turrets_requirements[0]") as string]);
  });

  it("refuses scripts outside the project, also by ways that only look as if they stayed", async () => {
    for (const script of ["../v.py", "/etc/passwd", "test_scripts/../../v.py"]) expect(await problems({ ...TOP, turrets: [{ ...navigation, script }] }), script).toEqual([`project/config.json:11 turrets[0].script: \`script\` of \`navigation\` lies outside the project: \`${script}\`; move it into the project`]);
    for (const script of ["", ".", "dir/", "a\0b"]) expect(await problems({ ...TOP, turrets: [{ ...navigation, script }] }), script).toHaveLength(1);
    expect(await problems({ ...TOP, turrets: [{ ...navigation, script: "setup.py" }] })).toEqual([expect.stringContaining("which every archive has already") as string]);
    expect(await packed({ ...TOP, turrets: [{ ...navigation, script: "./test_scripts//v_user.py" }] })).toMatchObject({ script: "test_scripts/v_user.py" });
  });

  it("row O9: refuses two extra files of one base name, and those that pip would read", async () => {
    expect(await extra("a/data", "/b/data/")).toEqual(["project/config.json:14 turrets[0].extra_files[1]: `a/data` and `/b/data/` of `extra_files` would both be `data` in the archive; rename one of them"]);
    for (const path of ["x/config.json", "setup.py", "a/setup.cfg", "pyproject.toml"]) expect(await extra(path), path).toEqual([expect.stringContaining("which is how pip or the turret program knows what the archive is") as string]);
    for (const path of [".", "..", "/", "a/.."]) expect(await extra(path), path).toEqual([expect.stringContaining("has no name of its own") as string]);
    expect(await extra("templates", "../common/users.csv", "/srv/data")).toEqual([]);
  });

  it("row G13: takes names with shell characters as what they are, and refuses those that lead elsewhere or that pip cannot know apart", async () => {
    for (const name of ["a b", "$(touch x)", "it's;rm -rf x", "ünïcode 1"]) expect((await read({ ...TOP, turrets: [{ ...navigation, name }] })).turrets[0]?.name).toBe(name);
    for (const name of ["", ".", "..", "../x", "a/b", "-x", " a", "a\nb", "x".repeat(201), "日本", "a\u202eb"]) expect(await problems({ ...TOP, turrets: [{ ...navigation, name }] }), JSON.stringify(name)).toEqual([expect.stringContaining("turrets[0].name") as string]);
    expect(await problems({ ...TOP, turrets: [navigation, navigation] })).toEqual(["project/config.json:14 turrets[1].name: two turrets are called `navigation`; each turret is known by its name"]);
    expect(await problems({ ...TOP, turrets: [{ ...navigation, name: "a b" }, { ...navigation, name: "A-B" }] })).toEqual(["project/config.json:14 turrets[1].name: `a b` and `A-B` are one name to pip; each turret is known by its name"]);
  });

  it("row O14: a turret with a command needs no script, and is no Python unless its script is", async () => {
    const node = { name: "node", cannons: 1, rampup: 0, command: ["node", "main.js"] };
    const { turrets } = await read({ ...TOP, turrets: [node, { ...node, name: "text", command: "./run.sh  --fast" }, { ...navigation, command: ["python", "run.py"] }, { ...node, name: "js", script: "main.js" }] });
    expect(turrets.map(({ name, python, command, script }) => ({ name, python, command, script }))).toEqual([
      { name: "node", python: false, command: ["node", "main.js"], script: undefined },
      { name: "text", python: false, command: ["./run.sh", "--fast"], script: undefined },
      { name: "navigation", python: true, command: ["python", "run.py"], script: "test_scripts/v_user.py" },
      { name: "js", python: false, command: ["node", "main.js"], script: "main.js" },
    ]);
    expect(turrets[0]?.config).toEqual({ name: "node", canons: 1, cannons: 1, rampup: 0, hq_address: "127.0.0.1", hq_publisher: 5000, hq_rc: 5001, command: ["node", "main.js"] });
    for (const command of [[], "", [""], [5], "say 'x y'", {}]) expect(await problems({ ...TOP, turrets: [{ ...node, command }] }), JSON.stringify(command)).toHaveLength(1);
  });
});
