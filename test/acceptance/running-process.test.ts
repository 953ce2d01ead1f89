import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, it } from "vitest";
import { openHomes } from "../support/homes.ts";
import { defaultPythonMinor, findPythons, type Home } from "../support/machine.ts";

const newHome = openHomes();
const pythons = findPythons();

/** A program that says `ready`, waits for a line, and only then imports the module that knows its version. */
const program = 'import sys\n\n\ndef main():\n    print("ready", flush=True)\n    sys.stdin.readline()\n    from lazy import late\n\n    print(late.VERSION, flush=True)\n';

function writeVersion(directory: string, version: string): void {
  mkdirSync(join(directory, "lazy"), { recursive: true });
  writeFileSync(join(directory, "pyproject.toml"), `[build-system]\nrequires = ["flit_core>=3.9,<4"]\nbuild-backend = "flit_core.buildapi"\n\n[project]\nname = "lazy"\nversion = "${version}"\ndescription = "Imports late"\n\n[project.scripts]\nlazy = "lazy:main"\n`);
  writeFileSync(join(directory, "lazy/__init__.py"), program);
  writeFileSync(join(directory, "lazy/late.py"), `VERSION = "${version}"\n`);
}

function caisson(home: Home, words: readonly string[], path?: string): string {
  const env = path === undefined ? home.env : { ...home.env, PATH: path };
  const { status, stdout, stderr } = spawnSync("caisson", words, { cwd: home.directory, env, encoding: "utf8" });
  expect({ words, status, stderr: status === 0 ? "" : stderr }).toEqual({ words, status: 0, stderr: "" });
  return stdout;
}

function platformOf(home: Home, minor: string): string {
  writeVersion(home.directory, "0");
  const label = /platform (?<label>\S+)$/m.exec(caisson(home, ["init"]))?.groups?.["label"] ?? "";
  return minor === defaultPythonMinor() ? label : `${label.replace(/-py\d+$/, "")}-py${minor.replace(".", "")}`;
}

it("finds at least two minors of CPython here", () => {
  expect(pythons.length).toBeGreaterThanOrEqual(2);
});

describe.each(pythons)("on CPython $minor", ({ minor, path: interpreter }) => {
  it("imports lazily from its own release after a switch", { timeout: 120_000 }, async () => {
    const home = newHome();
    const platform = platformOf(home, minor);
    // The agent runs on this interpreter too.
    const path = [join(home.directory, ".bin"), dirname(interpreter), process.env["PATH"] ?? ""].join(delimiter);
    const release = (version: string): void => {
      writeVersion(home.directory, version);
      writeFileSync(join(home.directory, "caisson.toml"), `[workspace]\nname = "lazy"\nplatforms = ["${platform}"]\n\n[packages.lazy]\npath = "."\n`);
      caisson(home, ["build"]);
      caisson(home, ["deploy", "--to", "local:app"], path);
    };
    release("1");
    const running = spawn(join(home.directory, "app/versions/current/bin/lazy"), [], { env: home.env, stdio: ["pipe", "pipe", "inherit"] });
    const lines = createInterface({ input: running.stdout })[Symbol.asyncIterator]();
    expect(await lines.next()).toEqual({ done: false, value: "ready" });
    release("2");
    running.stdin.end("go on\n");
    expect(await lines.next()).toEqual({ done: false, value: "1" });
    const after = spawnSync(join(home.directory, "app/versions/current/bin/lazy"), { env: home.env, input: "go on\n", encoding: "utf8" });
    expect(after.stdout).toBe("ready\n2\n");
  });
});
