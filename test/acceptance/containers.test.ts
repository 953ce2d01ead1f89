import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { flit, makeWorkshop, type TestWorkshop } from "../build/workshop.ts";
import { installedFiles } from "../support/installed-files.ts";
import { defaultPythonMinor, has } from "../support/machine.ts";

/** Programs that people unpack with, each with a format: `$1` is the archive. */
const unpackers: readonly (readonly [format: string, program: string, script: string])[] = [
  ["tar.gz", "tar", 'tar -xzf "$1"'],
  ["tar.bz2", "bzip2", 'bzip2 -dc "$1" | tar -xf -'],
  ["tar", "busybox", 'busybox tar -xf "$1"'],
  ["zip", "unzip", 'unzip -q "$1"'],
  ["dir", "cp", 'cp -R "$1" .'],
];

describe("the five containers of one bundle", () => {
  let workshop: TestWorkshop;
  let paths: ReadonlyMap<string, string>;
  beforeAll(async () => {
    workshop = await makeWorkshop({
      "caisson.toml": '[packages.hello]\npath = "."\npost-build = "post.sh"\n',
      "post.sh": 'mkdir "$DATA_DIR/a b" && echo "echo tool" > "$DATA_DIR/a b/tool" && chmod +x "$DATA_DIR/a b/tool" && echo \'"$DATA_DIR/a b/tool" > "$VIRTUAL_ENV/said"\' >> "$INSTALL_SCRIPT"\n',
      "pyproject.toml": flit("hello", "1.0", '[project.scripts]\nhello = "hello:main"'),
      "hello.py": '"""Says hello."""\ndef main():\n    print("hello")\n',
    });
    workshop.commit("first");
    const [result] = await workshop.build({ formats: ["tar.gz", "tar.bz2", "tar", "zip", "dir"] });
    paths = new Map(result?.artifacts.map(({ artifact, path }) => [artifact.format, path]));
  }, 120_000);
  afterAll(() => workshop.remove());

  function unpack(format: string, program: string, script: string): string {
    const place = join(workshop.directory, `${format} by ${program}`);
    mkdirSync(place);
    execFileSync("sh", ["-ec", `umask 022; ${script}`, "sh", paths.get(format) ?? ""], { cwd: place });
    return join(place, readdirSync(place)[0] ?? "");
  }

  it.for(unpackers)("row P4: %s, unpacked by %s, has every file with its mode, and install.sh works from it", ([format, program, script], { skip }) => {
    skip(!has(program), `needs ${program}`);
    const top = unpack(format, program, script);
    const [got, wanted] = [installedFiles(top, () => false), installedFiles(paths.get("dir") ?? "", () => false)];
    expect([...got.keys()]).toEqual([...wanted.keys()]);
    for (const [path, file] of wanted) expect({ path, mode: got.get(path)?.mode, same: got.get(path)?.bytes.equals(file.bytes) }).toEqual({ path, mode: file.mode, same: true });
    const target = join(workshop.directory, `made from ${format} by ${program}`, "env");
    // Where that can be had, with no network at all, not even a loopback.
    const alone = process.getuid?.() === 0 && has("unshare") ? ["unshare", "--net"] : ["env"];
    const { status, stdout, stderr } = spawnSync(alone[0] ?? "", [...alone.slice(1), join(top, "install.sh"), "--python", `python${defaultPythonMinor()}`, target], { encoding: "utf8" });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "Setting up virtualenv\nInstalling hello-1.0\nVerifying install\nRunning install lines\nDone.\n", stderr: "" });
    expect(execFileSync(join(target, "bin/hello"), { encoding: "utf8" })).toBe("hello\n");
    expect(execFileSync("cat", [join(target, "said")], { encoding: "utf8" })).toBe("tool\n");
  });

  it("row P4: sha256sum finds each as the file beside it says, the directory file by file", () => {
    for (const path of paths.values()) expect(spawnSync("sha256sum", ["--quiet", "-c", `${path}.sha256`], { cwd: join(path, ".."), encoding: "utf8" })).toMatchObject({ status: 0, stdout: "" });
  });
});
