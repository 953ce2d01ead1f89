import { execFileSync, type SpawnSyncReturns } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { zipSync } from "fflate";
import { afterAll, describe, expect, it } from "vitest";
import { printCanonicalJson, type Payload } from "../../src/model/index.ts";
import { defaultPythonMinor, findPythons, has } from "../support/machine.ts";
import { platform } from "./host.ts";
import { installWith, makeInstallGround } from "./install-ground.ts";

const minor = defaultPythonMinor();
const ground = makeInstallGround();
const { directory, makeBundle } = ground;
afterAll(ground.remove);

const shells: readonly (readonly [string, readonly string[], boolean])[] = [["its own shell", [], true], ["dash", ["dash"], has("dash")], ["busybox sh", ["busybox", "sh"], has("busybox")]];

describe.each(shells)("install.sh under %s", (shell, words, available) => {
  const sh = (...rest: Parameters<typeof installWith> extends readonly [unknown, ...infer Rest] ? Rest : never): SpawnSyncReturns<string> => installWith(words, ...rest);
  const bundle = makeBundle(`bundle ${shell}`);

  it.skipIf(!available)(`row P5: makes an environment at a place with spaces, which may be moved (needs ${shell})`, () => {
    const target = join(directory, `${shell} a b`, "env");
    expect(sh(bundle, [target])).toMatchObject({ status: 0, stdout: "Setting up virtualenv\nInstalling hello-1.0\nVerifying install\nDone.\n", stderr: "" });
    expect(execFileSync(join(target, "bin/hello"), { encoding: "utf8" })).toBe(`hello ${target}\n`);
    const moved = join(directory, `${shell} moved`);
    renameSync(dirname(target), moved);
    expect(execFileSync(join(moved, "env/bin/hello"), { encoding: "utf8" })).toBe(`hello ${join(moved, "env")}\n`);
    expect(execFileSync(join(moved, "env/bin/python"), ["-c", "import hello; print(hello.__name__)"], { encoding: "utf8" })).toBe("hello\n");
    expect(readdirSync(moved)).toEqual(["env"]);
    rmSync(moved, { recursive: true });
  });

  it.skipIf(!available)(`row P5: knows its options (needs ${shell})`, () => {
    for (const options of [["-p", `python${minor}`], ["--python", "python3"], ["--python=python3"], ["--"]]) {
      const target = join(directory, `${shell} options`);
      expect(sh(bundle, [...options, target])).toMatchObject({ status: 0, stderr: "" });
      rmSync(target, { recursive: true });
    }
    expect(sh(bundle, ["--help"])).toMatchObject({ status: 0, stderr: "", stdout: expect.stringMatching(/^Usage: \.\/install\.sh \[OPTIONS\] DST\n/) as string });
  });

  it.skipIf(!available)(`row P5: prints wrong usage to stderr and ends with 1 (needs ${shell})`, () => {
    const usage = "Usage: ./install.sh [OPTIONS] DST\n\nError: ";
    expect(sh(bundle, ["--nope", "x"])).toMatchObject({ status: 1, stdout: "", stderr: `${usage}no such option: --nope\n` });
    expect(sh(bundle, [])).toMatchObject({ status: 1, stdout: "", stderr: `${usage}DST is missing\n` });
    expect(sh(bundle, ["a", "b"])).toMatchObject({ status: 1, stdout: "", stderr: `${usage}unexpected argument: b\n` });
    expect(sh(bundle, ["--python"])).toMatchObject({ status: 1, stdout: "", stderr: `${usage}option --python needs a value\n` });
  });
});

const other = findPythons().find((python) => python.minor !== minor);

it.skipIf(other === undefined)("row P6: refuses a Python of another minor before anything is made (needs a second CPython)", () => {
  const bundle = makeBundle("bundle");
  const target = join(directory, "not made");
  const name = `python${other?.minor ?? ""}`;
  expect(installWith([], bundle, ["-p", name, target], { PATH: `${dirname(other?.path ?? "")}${delimiter}${process.env["PATH"] ?? ""}` })).toMatchObject({ status: 1, stdout: "", stderr: `Error: this bundle needs CPython ${minor}, \`${name}\` is ${other?.minor ?? ""}\n` });
  expect(existsSync(target)).toBe(false);
});

it("row P6: refuses another ABI, libc or machine before anything is made", () => {
  const target = join(directory, "not made");
  const cases: readonly (readonly [Partial<Payload>, RegExp])[] = [
    [{ interpreter: { from: "host", version: minor, soabi: "cpython-99" } }, /^Error: this bundle needs CPython \S+ with the ABI cpython-99, and that of `python3[.0-9]*` is /],
    [{ platform: { ...platform, libc: { family: "glibc", version: "9.99" }, python: { implementation: "cpython", version: minor as `${number}.${number}` } } }, /^Error: this bundle is for here \(glibc 9\.99 or newer\), and this machine has /],
    [{ platform: { ...platform, arch: "riscv" as "x86_64" } }, /^Error: this bundle is for riscv, and this machine is /],
  ];
  for (const [over, message] of cases) {
    rmSync(join(directory, "bad"), { recursive: true, force: true });
    expect(installWith([], makeBundle("bad", over), [target])).toMatchObject({ status: 1, stdout: "", stderr: expect.stringMatching(message) as string });
  }
  expect(existsSync(target)).toBe(false);
});

it("row P6: names the step that failed and leaves nothing", () => {
  const place = join(directory, "empty");
  mkdirSync(place);
  const bundle = makeBundle("broken");
  const wheel = join(bundle, "data/wheels/hello-1.0-py3-none-any.whl");
  writeFileSync(wheel, zipSync({ "hello.py": Buffer.from("altered") }));
  expect(installWith([], bundle, [join(place, "env")])).toMatchObject({ status: 1, stdout: "Setting up virtualenv\nInstalling hello-1.0\n", stderr: "Error: Installing hello-1.0 failed: `site/hello.py` is not what its tree's document says\n" });
  unlinkSync(wheel);
  expect(installWith([], bundle, [join(place, "env")])).toMatchObject({ status: 1, stderr: expect.stringMatching(/^Error: Installing hello-1\.0 failed: the blob `sha256:\w+` is not here\n$/) as string });
  expect(readdirSync(place)).toEqual([]);
});

it("row P7: refuses an environment in which a distribution is missing", () => {
  const bundle = makeBundle("incomplete");
  const path = join(bundle, "data/payload.json");
  const whole = JSON.parse(readFileSync(path, "utf8")) as Payload;
  writeFileSync(path, printCanonicalJson({ ...whole, links: whole.links.filter((link) => !link.path.endsWith("dist-info")) }));
  expect(installWith([], bundle, [join(directory, "incomplete env")])).toMatchObject({ status: 1, stderr: "Error: Verifying install failed: the environment does not find `hello`\n" });
  expect(existsSync(join(directory, "incomplete env"))).toBe(false);
});

it("refuses a DST that is not empty, takes one that is, and has modes that anybody may remove", () => {
  const bundle = makeBundle("modes");
  const target = join(directory, "target");
  mkdirSync(target);
  writeFileSync(join(target, "mine"), "mine");
  expect(installWith([], bundle, [target])).toMatchObject({ status: 1, stdout: "", stderr: `Error: \`${target}\` is there already and not an empty directory\n` });
  expect(readdirSync(target)).toEqual(["mine"]);
  unlinkSync(join(target, "mine"));
  expect(installWith(["sh", "-c", 'umask 077; exec "$@"', "sh"], bundle, ["target"], {}, directory)).toMatchObject({ status: 0 });
  for (const entry of readdirSync(target, { recursive: true, withFileTypes: true })) {
    expect(entry.isDirectory() ? statSync(join(entry.parentPath, entry.name)).mode & 0o777 : 0o755).toBe(0o755);
  }
  expect(statSync(join(target, "bin/hello")).mode & 0o777).toBe(0o555);
});

it("says what to do where there is no fitting Python at all", () => {
  const bundle = makeBundle("no python");
  const bin = join(directory, "bin without python");
  mkdirSync(bin);
  for (const program of ["sh", "sed", "grep", "dirname"]) writeFileSync(join(bin, program), `#!/bin/sh\nexec /usr/bin/env -S PATH=/usr/bin:/bin ${program} "$@"\n`, { mode: 0o755 });
  expect(installWith(["/bin/sh"], bundle, [join(directory, "x")], { PATH: bin })).toMatchObject({ status: 1, stdout: "", stderr: `Error: this bundle needs CPython ${minor}, and there is none on PATH; name one with --python PY\n` });
});
