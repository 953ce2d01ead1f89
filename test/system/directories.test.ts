import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { makeDirectory } from "../../src/system/index.ts";

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

  it.skipIf(!existsSync("/proc/self"))("is refused, and not tried for ever, where a file system knows no new names (needs /proc)", async () => {
    await expect(makeDirectory("/proc/none/of/these")).rejects.toMatchObject({ code: "permission", message: "cannot make `/proc/none`: the disk takes no new names there" });
  });
});
