import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeHome, project, type Home } from "../support/machine.ts";

let home: Home;
let work: string;
beforeEach(() => {
  home = makeHome();
  work = join(home.directory, "work place");
  cpSync(join(project, "examples/turrets"), join(work, "project"), { recursive: true });
  rmSync(join(work, "project/caisson.toml"), { force: true });
});
afterEach(() => home.remove());

/** What somebody types, and reads: stdout as it is, then stderr with `! ` before each line, then a status that is not 0. */
function type(words: readonly string[], env: Readonly<Record<string, string>> = {}): string {
  const said = spawnSync("caisson", [...words], { cwd: work, env: { ...home.env, ...env }, encoding: "utf8" });
  const errors = said.stderr.split("\n").filter((line) => line !== "" && !/^ {2}\S/.test(line)).map((line) => `! ${line}\n`);
  return `${said.stdout}${errors.join("")}${said.status === 0 ? "" : `[${said.status}]\n`}`;
}

function packed(path: string): string {
  return `Added config.json\nAdded setup.py\nAdded test_scripts/v_user.py\nArchive ${path} created\n=========================================\n`;
}

const WARNING = "WARNING: hq_address configuration key not present, the value will be set to default value\n";

describe("caisson turret pack", () => {
  it("rows O2 and O3: prints the original's lines, byte for byte, and nothing else", () => {
    expect(type(["turret", "pack", "project"])).toBe(`${WARNING}${packed("project/navigation.tar")}${packed("project/random.tar")}`);
    expect(type(["turret", "pack", "project/", "--format", "tar.gz"])).toBe(`${WARNING}${packed("project/navigation.tar.gz")}${packed("project/random.tar.gz")}`);
    expect(type(["turret", "pack", "project", "--output", "out"])).toBe(`${WARNING}${packed("out/navigation.tar")}${packed("out/random.tar")}`);
    expect(type(["turret", "pack", "project", "--without-setup"])).not.toContain("setup.py");
  });

  it("row O3: warns of each key that is left out, in the original's order, before it packs", () => {
    writeFileSync(join(work, "project/config.json"), JSON.stringify({ run_time: 1, results_ts_interval: 1, testing: true, progress_bar: true, turrets: [{ name: "navigation", canons: 1, rampup: 0, script: "test_scripts/v_user.py" }] }));
    expect(type(["turret", "pack", "project"])).toBe(`${WARNING}${WARNING.replace("hq_address", "publish_port")}${WARNING.replace("hq_address", "rc_port")}${packed("project/navigation.tar")}`);
  });

  it("row O4: tells every missing key in the original's words on stderr, and writes nothing", () => {
    mkdirSync(join(work, "broken"));
    writeFileSync(join(work, "broken/config.json"), '{"results_ts_interval": 10, "progress_bar": true, "turrets": []}');
    expect(type(["turret", "pack", "broken"])).toBe("! Error: the required configuration key run_time is not define\n! Error: the required configuration key testing is not define\n! error: broken/config.json:1: `turrets` is empty\n! hint: expected a list of turrets\n[1]\n");
    expect(readdirSync(join(work, "broken"))).toEqual(["config.json"]);
  });

  it("row O11: one line for each mistake, with file, line and key; 4 where some turrets are packed and some are not, 1 where none is", () => {
    expect(type(["turret", "pack", "nowhere"])).toBe("! error: nowhere/config.json: there is no such file, and an OCT project has one\n! hint: name the project's directory: caisson turret pack DIR\n[1]\n");
    writeFileSync(join(work, "project/config.json"), '{\n  "run_time": 30,\n  "testing" false\n}');
    expect(type(["turret", "pack", "project"])).toBe("! error: project/config.json:3: not valid JSON at column 13: expected a colon after `testing`\n[1]\n");
    const top = { run_time: 1, results_ts_interval: 1, testing: true, progress_bar: true, hq_address: "a", publish_port: 1, rc_port: 2 };
    const turret = { name: "navigation", canons: 1, rampup: 0, script: "test_scripts/v_user.py" };
    writeFileSync(join(work, "project/config.json"), JSON.stringify({ ...top, turrets: [{ ...turret, name: "lost", script: "lost.py" }, turret] }));
    expect(type(["turret", "pack", "project"])).toBe(`${packed("project/navigation.tar")}! error: project/config.json:1: \`script\` of \`lost\` names \`lost.py\`, which is not there\n[4]\n`);
    expect(existsSync(join(work, "project/lost.tar"))).toBe(false);
    writeFileSync(join(work, "project/config.json"), JSON.stringify({ ...top, turrets: [{ ...turret, name: "lost", script: "lost.py" }] }));
    expect(type(["turret", "pack", "project"])).toContain("[1]\n");
  });

  it("answers in JSON, with digests", () => {
    const answer = JSON.parse(type(["turret", "pack", "project", "--json"])) as unknown;
    expect(answer).toEqual({ defaults: ["hq_address"], turrets: ["navigation", "random"].map((name) => ({ turret: name, state: "packed", path: `project/${name}.tar`, members: ["config.json", "setup.py", "test_scripts/v_user.py"], digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as unknown, size: expect.any(Number) as unknown })) });
  });

  it("row O12: gives the same bytes from another directory, under another umask and in another time zone", () => {
    type(["turret", "pack", "project"]);
    cpSync(join(work, "project"), join(work, "elsewhere/ü and more"), { recursive: true });
    const again = spawnSync("sh", ["-c", "umask 077 && cd elsewhere && chmod 600 */test_scripts/v_user.py && caisson turret pack 'ü and more' && cmp ../project/navigation.tar 'ü and more/navigation.tar' && cmp ../project/random.tar 'ü and more/random.tar'"], { cwd: work, env: { ...home.env, TZ: "Asia/Tokyo", LC_ALL: "tr_TR.UTF-8" }, encoding: "utf8" });
    expect({ status: again.status, stderr: again.stderr }).toEqual({ status: 0, stderr: "" });
  });

  it("is told by the environment too, and refuses what is no format or no version", () => {
    expect(type(["turret", "pack", "project"], { CAISSON_FORMAT: "tar.gz", CAISSON_OUTPUT: "out" })).toContain("Archive out/navigation.tar.gz created\n");
    expect(type(["turret", "pack", "project", "--format", "zip"])).toBe("! error: unknown format `zip`\n! hint: a turret's archive is a tar or a tar.gz\n[2]\n");
    expect(type(["turret", "pack", "project", "--turret-version", "newest"])).toBe("! error: `newest` is no version that pip takes\n! hint: one such as 1.0, 1.0rc1 or 1.0.post1\n[2]\n");
    expect(type(["turret", "pack"])).toContain("[2]\n");
  });

  it("says on stderr that a script is of the old generation, beside the lines of the original", () => {
    writeFileSync(join(work, "project/test_scripts/v_user.py"), "class Transaction(object):\n    def __init__(self):\n        pass\n");
    const said = type(["turret", "pack", "project"]);
    expect(said.startsWith(`${WARNING}${packed("project/navigation.tar")}${packed("project/random.tar")}! `)).toBe(true);
    expect(said).toContain("! warning: project/config.json:11: `test_scripts/v_user.py` of `navigation` is written for OCT 0.3: its Transaction takes no config, and the turret program of today gives it one\n");
  });
});
