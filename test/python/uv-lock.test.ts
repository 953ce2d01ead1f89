import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { normalizeName, type PackageName, type Platform } from "../../src/model/index.ts";
import { parseLock, platformPreset, readUvLock, select, type Lock } from "../../src/python/index.ts";
import { packagingPython } from "../support/python-oracle.ts";

const uv = join(dirname(packagingPython()), "uv");
const name = "demo" as PackageName;

/** A project's directory with a lock by the real uv. */
function lockedProject(pyproject: string): { readonly directory: string; readonly text: string } & Disposable {
  const directory = mkdtempSync(join(tmpdir(), "caisson uv lock "));
  writeFileSync(join(directory, "pyproject.toml"), pyproject);
  execFileSync(uv, ["lock", "--quiet"], { cwd: directory, stdio: "inherit" });
  return { directory, text: readFileSync(join(directory, "uv.lock"), "utf8"), [Symbol.dispose]: () => rmSync(directory, { recursive: true }) };
}

function chosen(lock: Lock | undefined, platform: Platform): readonly string[] {
  const selected = lock === undefined ? { choices: [] } : select(lock, platform, { provided: [name] });
  if ("problems" in selected) return selected.problems.map(({ message }) => message).toSorted();
  return selected.choices.map((choice) => `${choice.name} ${choice.version ?? ""} ${choice.file.hashes["sha256"] ?? ""}`).toSorted();
}

describe("readUvLock", () => {
  it("chooses for every platform what uv's own export to pylock.toml chooses, extras and dependency groups included", () => {
    using project = lockedProject(`
      [project]
      name = "demo"
      version = "1.0"
      requires-python = ">=3.8"
      dependencies = ["flask>=2", "uvicorn[standard]; python_version >= '3.9'", "numpy", "tomli; python_version < '3.11'", "colorama; sys_platform == 'win32'"]
      [project.optional-dependencies]
      redis = ["redis[hiredis]>=5"]
      [dependency-groups]
      prod = ["sentry-sdk", { include-group = "More_Obs" }]
      "more.obs" = ["statsd", "demo[redis]"]
    `);
    for (const [extras, groups] of [[[], []], [["redis"], []], [[], ["prod"]]] as const) {
      const words = ["export", "--quiet", "--frozen", "--format", "pylock.toml", "--no-emit-project", "--no-dev", ...extras.flatMap((extra) => ["--extra", extra]), ...groups.flatMap((group) => ["--group", group])];
      const exported = parseLock("pylock.toml", execFileSync(uv, words, { cwd: project.directory, encoding: "utf8" }));
      for (const label of ["debian-10", "debian-11", "debian-12", "debian-13", "ubuntu-2404", "centos-7", "alpine-322"]) {
        const platform = platformPreset(label) as Platform;
        const own = chosen(readUvLock("uv.lock", project.text, { package: name, extras: extras.map(normalizeName), groups: groups.map(normalizeName), platform }), platform).map((line) => line.replaceAll("uv.lock", "pylock.toml"));
        // debian-10 has Python 3.7, for which the project is not: one sentence instead of distributions.
        expect(own.length > 10).toBe(label !== "debian-10");
        expect(own).toEqual(chosen(exported, platform));
      }
    }
  });

  it("follows members of the workspace to what they need, and names them as directories", () => {
    const text = `
version = 1
[[package]]
name = "demo"
version = "1.0"
source = { editable = "demo" }
dependencies = [{ name = "util", extra = ["fast"] }]
[[package]]
name = "util"
version = "1.0"
source = { editable = "util" }
[package.optional-dependencies]
fast = [{ name = "six", marker = "python_full_version >= '3.7'" }]
[[package]]
name = "six"
version = "1.17.0"
source = { git = "https://example.com/six?subdirectory=lib&rev=main#${"a".repeat(40)}" }
[[package]]
name = "unused"
version = "1"
source = { registry = "https://example.com/simple" }
`;
    const lock = readUvLock("uv.lock", text, { package: name, extras: [], platform: platformPreset("debian-12") as Platform });
    expect(lock?.packages).toEqual([
      { name: "util", version: "1.0", files: [], archive: false, source: { kind: "directory", path: "util" } },
      { name: "six", version: "1.17.0", files: [], archive: false, source: { kind: "vcs", type: "git", url: "https://example.com/six", commitId: "a".repeat(40), requestedRevision: "main", subdirectory: "lib" } },
    ]);
    expect(readUvLock("uv.lock", text, { package: "other" as PackageName, extras: [], platform: platformPreset("debian-12") as Platform })).toBeUndefined();
  });

  it.each([
    ["version = 2\n", "`version` is 2, and only version 1 is known here"],
    ["version = 1\n[[package]\n", "`uv.lock` is not TOML"],
    ["version = 1\n[[package]]\nname = 'x'\nsource = { registry = 'y' }\nwheels = [{ url = 'https://example.com/x-1-py3-none-any.whl' }]\n", "`package[0].wheels[0].hash` is missing"],
    ["version = 1\n[[package]]\nname = 'x'\nsource = { registry = 'y' }\nwheels = [{ url = 'https://example.com/x-1-py3-none-any.whl', hash = 'md5:0123456789abcdef0123456789abcdef' }]\n", "`package[0].wheels[0].hash` is none that nobody could forge"],
    ["version = 1\n[[package]]\nname = 'demo'\nsource = { virtual = '.' }\ndependencies = [{ name = 'gone' }]\n", "the lock has no `gone` for debian-12"],
  ])("refuses %j", (text, message) => {
    expect(() => readUvLock("uv.lock", text, { package: name, extras: [], platform: platformPreset("debian-12") as Platform })).toThrow(message);
  });
});
