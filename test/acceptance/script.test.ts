import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { makeHome, type Home } from "../support/machine.ts";
import { packagingPython } from "../support/python-oracle.ts";

let home: Home;
let place: string;
beforeEach(() => {
  home = makeHome();
  place = join(home.directory, "my tools");
  mkdirSync(join(place, "tools"), { recursive: true });
});
afterEach(() => home.remove());

/** uv, and everything else. */
const PATH = (env: Readonly<Record<string, string>>): string => `${dirname(packagingPython())}${delimiter}${env["PATH"] ?? ""}`;

function sh(script: string): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  const { status, stdout, stderr } = spawnSync("sh", ["-ec", script], { cwd: place, env: { ...home.env, PATH: PATH(home.env) }, encoding: "utf8" });
  return { status, stdout, stderr: stderr.split("\n").filter((line) => !line.startsWith("  ")).join("\n") };
}

const body = `import sys, importlib.metadata as m
import click, markupsafe
print(*sorted(d.name.lower() + " " + d.version for d in m.distributions() if d.name != "pip"), sep="\\n")
print(sys.argv[1:])
`;
const report = (dependencies: readonly string[], python = ">=3.6"): string => `#!/usr/bin/env -S uv run --script\n# /// script\n# requires-python = "${python}"\n# dependencies = ${JSON.stringify(dependencies)}\n# ///\n${body}`;

it("row P1: a single-file script is a package: what its header asks for is locked and bundled, and it runs as uv runs it, with the same versions", () => {
  writeFileSync(join(place, "tools/Übersicht & co.py"), report(["click<9", "markupsafe"]));
  writeFileSync(join(place, "caisson.toml"), '[packages.Report]\nscript = "tools/Übersicht & co.py"\n');
  sh("git init -q && git add -A && git commit -qm one && git tag 1.2");
  expect(sh("caisson build --format dir")).toMatchObject({ status: 0, stdout: expect.stringMatching(/^dist\/Report-1\.2-\S+\n$/) as string });
  expect(sh("rm dist/*.sha256 && mv dist/Report-* bundle && ./bundle/install.sh '../an env'")).toMatchObject({ status: 0 });
  const ours = sh("cd / && \"$HOME/an env/bin/Report\" 'a b' c");
  expect(ours).toMatchObject({ status: 0, stderr: "" });
  expect(ours.stdout).toMatch(/^click \S+\nmarkupsafe \S+\n\['a b', 'c'\]\n$/);
  expect(sh("uv run --quiet --no-project --script 'tools/Übersicht & co.py' 'a b' c")).toMatchObject({ status: 0, stdout: ours.stdout });

  // Its content is what counts, not what lies beside it.
  writeFileSync(join(place, "tools/other.py"), "x = 1\n");
  expect(sh("caisson build --format dir")).toMatchObject({ status: 0, stderr: expect.stringMatching(/^nothing to build; sha256 \w+\n$/) as string });
  writeFileSync(join(place, "tools/Übersicht & co.py"), `${report(["click<9", "markupsafe"])}# more\n`);
  expect(sh("caisson build --format dir").stderr).toContain("note: uncommitted changes of `report` are not in it");
});

it("reads the lock beside it: uv's own, or one of Caisson's that is called after it", () => {
  writeFileSync(join(place, "tools/report.py"), report(["click<8.1", "markupsafe"]));
  writeFileSync(join(place, "caisson.toml"), '[packages.report]\nscript = "tools/report.py"\n');
  const versions = (): string => {
    expect(sh("rm -rf dist && caisson build --format dir && rm dist/*.sha256 && mv dist/* dist/bundle")).toMatchObject({ status: 0, stderr: expect.not.stringContaining("chose") as string });
    const { distributions } = JSON.parse(readFileSync(join(place, "dist/bundle/data/payload.json"), "utf8")) as { readonly distributions: readonly { readonly name: string; readonly version: string }[] };
    return distributions.map(({ name, version }) => `${name} ${version}`).join(", ");
  };
  expect(sh("uv lock --quiet --script tools/report.py")).toMatchObject({ status: 0 });
  const locked = /name = "click"\nversion = "([^"]+)"/.exec(readFileSync(join(place, "tools/report.py.lock"), "utf8"))?.[1] ?? "";
  expect(versions()).toMatch(new RegExp(`^click ${locked}, markupsafe `));
  writeFileSync(join(place, "tools/report.py"), report(["click>=8.1", "markupsafe"]));
  expect(sh("caisson build")).toMatchObject({ status: 1, stderr: expect.stringMatching(/^error: tools\/report\.py\.lock: `tools\/report\.py\.lock` is older than the dependencies of `report`: .*\nhint: uv lock --script tools\/report\.py\n$/) as string });
  const written = sh("caisson lock");
  expect(written).toMatchObject({ status: 0, stdout: expect.stringMatching(/^tools\/pylock\.report-[a-z0-9-]+\.toml {2}2 distributions\n$/) as string });
  expect(versions()).toMatch(/^click (?:8\.[1-9]|9)/);
});

it("refuses a bad header, and a Python that does not fit, in one sentence with file and line", () => {
  writeFileSync(join(place, "caisson.toml"), '[workspace]\nplatforms = ["debian-12"]\n[packages.report]\nscript = "tools/report.py"\n');
  const refusal = (text: string): string => {
    writeFileSync(join(place, "tools/report.py"), text);
    const { status, stderr } = sh("caisson build");
    expect(status).toBe(1);
    return stderr;
  };
  expect(refusal("# /// script\n# dependencies = [\n# ///\n")).toMatch(/^error: tools\/report\.py:2: the header of `tools\/report\.py` is not TOML: .*\n$/);
  expect(refusal("# /// script\n# ///\n\n# /// script\n# ///\n")).toBe("error: tools/report.py:4: `tools/report.py` has two headers: the other begins in line 1\nhint: keep one of them\n");
  expect(refusal(report(["click"], ">=3.13"))).toBe("error: tools/report.py:3: `report` needs Python >=3.13, and debian-12 has 3.11.2\nhint: name another platform or Python in caisson.toml, or widen `requires-python`\n");
  expect(refusal(report(["click", "not a name"]))).toMatch(/^error: tools\/report\.py:4: `report` asks for `not a name`, which is no requirement\nhint: /);
  writeFileSync(join(place, "caisson.toml"), '[packages.report]\nscript = "tools/nothing.py"\n[packages.other]\nscript = "tools/report.py"\npath = "tools"\nextras = ["x"]\n');
  expect(sh("caisson build")).toMatchObject({ status: 1, stderr: "error: caisson.toml:2: there is no file `tools/nothing.py`; a file as seen from the directory of caisson.toml\nerror: caisson.toml:5: `path` means nothing for a script\nerror: caisson.toml:6: `extras` means nothing for a script\n" });
});
