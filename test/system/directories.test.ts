import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { explainFileError, makeDirectory, ownedDirectory, processSpace, temporaryBeside } from "../../src/system/index.ts";

const ground = mkdtempSync(join(tmpdir(), "caisson directories "));
afterAll(() => rmSync(ground, { recursive: true }));

describe("a directory", () => {
  it("is made with those above it, and tells the uppermost that is new", async () => {
    expect(await makeDirectory(join(ground, "a/b/c"))).toBe(join(ground, "a"));
    expect(await makeDirectory(join(ground, "a/b/d"))).toBe(join(ground, "a/b/d"));
    expect(await makeDirectory(join(ground, "a/b/c"))).toBeUndefined();
    expect(await makeDirectory("/")).toBeUndefined();
  });

  it("is made by many at the same time", async () => {
    await Promise.all(Array.from({ length: 20 }, () => makeDirectory(join(ground, "x/y/z"))));
    expect(statSync(join(ground, "x/y/z")).isDirectory()).toBe(true);
  });

  it("is refused in our words where something else has its name", async () => {
    writeFileSync(join(ground, "file"), "");
    for (const path of ["file", "file/below", "file/far/below"]) await expect(makeDirectory(join(ground, path))).rejects.toMatchObject({ code: "permission", hint: "move it away, or choose another place" });
  });

  it("is told with a place that is still there, where a temporary one was full", () => {
    const full = Object.assign(new Error("full"), { code: "ENOSPC" });
    const around = [join(temporaryBeside("/cache/tools/uv"), "made/uv.whl"), `/cache/tools/.made-${processSpace()}-${process.pid}-aB3dE6/python/bin/python3`, "/cache/tools/uv"];
    for (const path of around) expect(explainFileError(full, path)).toMatchObject({ code: "disk-full", message: expect.stringContaining(path) as string, hint: expect.stringContaining("(df /cache/tools)") as string });
  });

  it.skipIf(!existsSync("/proc/self"))("is refused, and not tried for ever, where a file system knows no new names (needs /proc)", async () => {
    await expect(makeDirectory("/proc/none/of/these")).rejects.toMatchObject({ code: "permission", message: "cannot make `/proc/none`: the disk takes no new names there" });
  });
});

describe("a directory of a process's own", () => {
  it("is removed by the next one who wants such a directory, where its owner was killed; those of the living, and of other names, are not", async () => {
    const parent = join(ground, "temporary");
    const script = `import { ownedDirectory } from ${JSON.stringify(join(import.meta.dirname, "../../dist/system/owned-directory.js"))};
      const { path } = await ownedDirectory("ours", ${JSON.stringify(parent)});
      console.log(path);
      process.kill(process.pid, "SIGKILL");`;
    const killed = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
    expect([killed.signal, readdirSync(parent).length, existsSync(killed.stdout.trim())]).toEqual(["SIGKILL", 1, true]);
    const dead = Number(execFileSync("sh", ["-c", "echo $$"], { encoding: "utf8" }));
    const space = /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? "";
    const strangers = [`others-${space}-${dead}-abcdef`, `ours-1-${dead}-abcdef`, `ours-${space}-1-abcdef`, "ours-abcdef"];
    for (const name of strangers) mkdirSync(join(parent, name));
    await using mine = await ownedDirectory("ours", parent);
    await using more = await ownedDirectory("ours", parent);
    expect(readdirSync(parent).toSorted()).toEqual([...strangers, ...[mine, more].map(({ path }) => path.slice(parent.length + 1))].toSorted());
  });
});
