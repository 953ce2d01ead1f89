import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ruleSetVersion } from "../../src/python/index.ts";
import { makeWheel, recordRow } from "../python/made-wheel.ts";
import { openHomes, openWorkspaces, type Answer, type HomeWorkspace } from "../support/homes.ts";
import { project } from "../support/machine.ts";

const [newHome, workspaceOf] = [openHomes(), openWorkspaces()];

interface Workspace extends HomeWorkspace {
  readonly build: (...words: string[]) => Answer;
  readonly except: (text: string) => void;
}

/** RECORD lists another content of a file than the wheel has. */
const { fileName, bytes } = makeWheel({ record: (right) => right.replace(recordRow("demo/__init__.py", "def main():\n    return 0\n"), recordRow("demo/__init__.py", "def main():\n    return 1\n")) });
const sha256 = createHash("sha256").update(bytes).digest("hex");
const exception = `[[exceptions]]\nsha256 = "${sha256}"\nrule = "W8"\nreason = "its author patched it in place"\n`;
const CONFIG = '[workspace]\nname = "app"\n\n[packages.app]\npath = "."\n\n';

/** A folder that needs `demo`, whose wheel breaks W8; a `requirements.txt`, so that no back end runs. */
function workspace(): Workspace {
  const made = workspaceOf({
    "caisson.toml": CONFIG,
    "requirements.txt": "demo\n",
    VERSION: "1.0\n",
    [`wheels/${fileName}`]: bytes,
    "pylock.toml": `lock-version = "1.0"\ncreated-by = "test"\n\n[[packages]]\nname = "demo"\nversion = "1.0"\n\n[[packages.wheels]]\nname = "${fileName}"\npath = "wheels/${fileName}"\nhashes = { sha256 = "${sha256}" }\n`,
  });
  return { ...made, build: (...words) => made.run("build", ...words), except: (text) => writeFileSync(join(made.work, "caisson.toml"), CONFIG + text) };
}

function infoOf(work: string): { readonly exceptions?: unknown } {
  const [bundle = ""] = readdirSync(join(work, "dist")).filter((name) => name.endsWith(".tar.gz"));
  const top = bundle.replace(/\.tar\.gz$/, "");
  return JSON.parse(execFileSync("tar", ["xzOf", join(work, "dist", bundle), `${top}/info.json`], { encoding: "utf8" })) as { readonly exceptions?: unknown };
}

describe("an exception from a rule", () => {
  it("lets one file break one rule, says so before and while it is built, and stands in what is built", () => {
    const { build, run, except, work } = workspace();
    expect(build()).toMatchObject({ status: 1, stderr: expect.stringContaining("W8: the bytes of `demo/__init__.py` are not those that RECORD vouches for") as string });
    except(exception);
    expect(build()).toMatchObject({ status: 0, stderr: expect.stringContaining(`\`${fileName}\` breaks W8, and is taken all the same: its author patched it in place`) as string });
    expect(infoOf(work).exceptions).toEqual([{ wheel: `sha256:${sha256}`, fileName, rule: "W8", reason: "its author patched it in place" }]);
    expect(build()).toMatchObject({ status: 0, stderr: expect.stringMatching(/nothing to build/) as string });
    expect(build().stderr).not.toContain("warning");
    expect(run("deploy", "--to", "local:there", "--plan").stdout).toMatch(/^plan app@1\.0 -> \S+, 1 host\nlocal .*\n {2}except W8 {2}demo-1\.0-py3-none-any\.whl {2}its author patched it in place\n$/);
  });

  it("is no verdict: without it the same wheel is refused again, and another reason is another artifact", () => {
    const { build, except, work } = workspace();
    except(exception);
    expect(build().status).toBe(0);
    except(exception.replace("its author patched it in place", "we looked at it"));
    expect(build().stderr).not.toContain("nothing to build");
    expect(infoOf(work).exceptions).toMatchObject([{ reason: "we looked at it" }]);
    except("");
    expect(build()).toMatchObject({ status: 1, stderr: expect.stringContaining("W8") as string });
  });

  it("counts for that file and that rule alone", () => {
    const { build, except } = workspace();
    except(exception.replace('"W8"', '"W9"'));
    expect(build()).toMatchObject({ status: 1, stderr: expect.stringContaining("W8") as string });
    except(exception.replace(sha256, "0".repeat(64)));
    expect(build()).toMatchObject({ status: 1, stderr: expect.stringContaining("W8") as string });
  });

  it("that fits nothing is told, also where nothing was to be built", () => {
    const { build, except } = workspace();
    except(`${exception}\n${exception.replace(sha256, "0".repeat(64))}`);
    for (let time = 0; time < 2; time++) expect(build()).toMatchObject({ status: 0, stderr: expect.stringMatching(/warning: .*the exception from W8 for sha256:0{64} fits no wheel that breaks it/) as string });
  });

  it.each([
    ["an unknown rule", exception.replace('"W8"', '"W88"'), /caisson\.toml:9: .*there is no rule `W88`/],
    ["a rule that nothing may break", exception.replace('"W8"', '"Z7"'), /caisson\.toml:9: .*no exception can be made from Z7/],
    ["no reason", exception.replace(/reason = .*\n/, ""), /caisson\.toml:7: .*reason/],
    ["an empty reason", exception.replace(/reason = .*/, 'reason = " "'), /caisson\.toml:10: .*reason/],
    ["a file by its name", exception.replace(sha256, fileName), /caisson\.toml:8: .*sha256/],
    ["a key more", `${exception}all = true\n`, /caisson\.toml:11: .*all/],
  ])("is refused with %s, by file, line and key", (_, text, expected) => {
    const { build, except } = workspace();
    except(text);
    expect(build()).toMatchObject({ status: 1, stderr: expect.stringMatching(expected) as string });
  });
});

it("a verdict counts for its rule set: with another one each wheel is judged anew", () => {
  const copy = join(newHome().directory, "caisson");
  mkdirSync(copy);
  for (const part of ["dist", "agent", "package.json"]) cpSync(join(project, part), join(copy, part), { recursive: true });
  symlinkSync(join(project, "node_modules"), join(copy, "node_modules"));
  const { build, except, env, directory } = workspace();
  writeFileSync(join(directory, ".bin/caisson"), `#!/bin/sh\nexec '${process.execPath}' '${join(copy, "dist/cli/main.js")}' "$@"\n`);
  except(exception);
  expect(build().status).toBe(0);
  const names = (): readonly string[] => readdirSync(join(env["HOME"] ?? "", ".local/share/caisson/store/refs/distributions")).toSorted();
  expect(names()).toEqual([`${sha256}@${ruleSetVersion}-W8`]);
  const rules = join(copy, "dist/python/wheel/rules.js");
  writeFileSync(rules, readFileSync(rules, "utf8").replace(`"${ruleSetVersion}"`, '"next"'));
  expect(build()).toMatchObject({ status: 0, stderr: expect.stringContaining("breaks W8") as string });
  expect(names()).toEqual([`${sha256}@${ruleSetVersion}-W8`, `${sha256}@next-W8`]);
});
