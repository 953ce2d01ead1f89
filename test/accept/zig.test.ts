import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { defaultPythonMinor, makeHome, type Home } from "../support/machine.ts";
import { sdist } from "./application.ts";

/** Sdists with C or C++ of the public index, and what shows that the compiled part is at work. */
const sources: readonly { readonly pinned: string; readonly works: string }[] = [
  { pinned: "markupsafe==3.0.2", works: "import markupsafe._speedups as it; print(it.__file__.endswith('.so'))" },
  { pinned: "psutil==6.1.1", works: "import psutil; print(psutil.Process().num_threads() >= 1)" },
  // C++, with exceptions.
  { pinned: "greenlet==3.1.1", works: "import greenlet; print(greenlet.greenlet(lambda: True).switch())" },
  // C++ beside C.
  { pinned: "ujson==5.10.0", works: "import ujson; print(ujson.dumps(1.5) == '1.5')" },
];

describe("sdists of the public index, compiled by zig for glibc 2.17", () => {
  let home: Home;
  beforeAll(() => {
    home = makeHome();
  });
  afterAll(() => home.remove());

  it.each(process.env["ACCEPT"] === "all" ? sources : [])("$pinned is under the tag that its symbols prove, and works", ({ pinned, works }) => {
    const [name = ""] = pinned.split("==");
    const work = join(home.directory, name);
    const label = `centos-7${defaultPythonMinor() === "3.8" ? "" : `-py${defaultPythonMinor().replace(".", "")}`}`;
    mkdirSync(work);
    writeFileSync(join(work, "requirements.txt"), `${sdist(pinned)}\n`);
    writeFileSync(join(work, "VERSION"), "1.0\n");
    writeFileSync(join(work, "caisson.toml"), `[workspace]\nplatforms = ["${label}"]\ncompiler = "zig"\n\n[packages.needs-${name}]\npath = "."\n\n[platforms.${label}]\ninterpreter = "host"\n`);
    const built = spawnSync("caisson", ["build", "--format", "dir"], { cwd: work, env: home.env, encoding: "utf8" });
    expect({ status: built.status, stderr: built.stderr }).toMatchObject({ status: 0 });
    const wheels = join(work, "dist", readdirSync(join(work, "dist")).find((entry) => !entry.endsWith(".sha256")) ?? "", "data/wheels");
    const [wheel = ""] = readdirSync(wheels).filter((file) => file.startsWith(name));
    expect(wheel).toMatch(/-manylinux_2_17_(?:x86_64|aarch64)\.manylinux2014_(?:x86_64|aarch64)\.whl$/);
    execFileSync("python3", ["-m", "zipfile", "-e", join(wheels, wheel), join(work, "unpacked")]);
    expect(execFileSync("python3", ["-c", works], { cwd: join(work, "unpacked"), encoding: "utf8" })).toBe("True\n");
  }, 600_000);

  it("are at least four, which `npm run accept` compiles", () => {
    expect(sources.length).toBeGreaterThanOrEqual(4);
  });
});
