import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readSourceVersion, versionFromGit } from "../../src/build/source-version.ts";
import type { Package, PackageName, Revision } from "../../src/model/index.ts";
import { compareVersions } from "../../src/python/index.ts";
import { temporaryDirectory } from "../../src/system/index.ts";

const pkg: Package = { name: "shop-config" as PackageName, written: "Shop_Config", kind: "files", source: { path: "config" }, needs: [], extras: [], prefix: "", link: "auto", processes: [], start: [], hooks: [] };
const revision: Revision = { id: "1a2b3c4d5e6f70819293a4b5c6d7e8f901234567", time: 1_700_000_000, dirty: false };

describe("versionFromGit", () => {
  it.each([
    ["v1.2.0-0-g1a2b3c4", "1.2.0"],
    ["1.2.0-45-g1a2b3c4", "1.2.1.dev45+g1a2b3c4d"],
    ["1.2.0rc1-3-g1a2b3c4", "1.2.0.dev3+g1a2b3c4d"],
    ["1.0-rc1-0-g1a2b3c4", "1.0rc1"],
    ["shop-config-2.0-0-g1a2b3c4", "2.0"],
    ["shop-config/v2.0-0-g1a2b3c4", "2.0"],
    ["shop-web-9.9-0-g1a2b3c4", "0.0.0.dev0+g1a2b3c4d"],
    ["release-of-may-7-g1a2b3c4", "0.0.0.dev7+g1a2b3c4d"],
    ["12", "0.0.0.dev12+g1a2b3c4d"],
    [undefined, "0.0.0.dev0+g1a2b3c4d"],
  ])("row G9: git describe %j gives %s", (describe_, version) => {
    expect(versionFromGit(pkg, revision, describe_)).toBe(version);
  });

  it("row G9: sorts after the tag it comes from and before the next one", () => {
    const between = versionFromGit(pkg, revision, "1.2.0-45-g1a2b3c4");
    expect([compareVersions("1.2.0", between) < 0, compareVersions(between, "1.2.1") < 0]).toEqual([true, true]);
  });

  it("names the content where a directory is built as it lies on disk", () => {
    expect(versionFromGit(pkg, { ...revision, dirty: true }, "v1.2.0-0-g1a2b3c4")).toBe("0.0.0.dev0+1a2b3c4d");
  });
});

describe("readSourceVersion", () => {
  it("takes the first line of a VERSION file before any tag", async () => {
    await using scratch = await temporaryDirectory("caisson-version");
    await writeFile(join(scratch.path, "VERSION"), "1.0.1\nwhat follows is for people\n");
    expect(await readSourceVersion(pkg, scratch.path, revision, "v9.9-0-g1a2b3c4")).toBe("1.0.1");
  });

  it("refuses a VERSION file whose first line cannot be part of a file name", async () => {
    await using scratch = await temporaryDirectory("caisson-version");
    await writeFile(join(scratch.path, "VERSION"), "../../etc\n");
    await expect(readSourceVersion(pkg, scratch.path, revision, undefined)).rejects.toMatchObject({ code: "config-invalid" });
  });

  it("does not take a directory of that name for the file", async () => {
    await using scratch = await temporaryDirectory("caisson-version");
    await mkdir(join(scratch.path, "VERSION"));
    expect(await readSourceVersion(pkg, scratch.path, revision, "v3.1-0-g1a2b3c4")).toBe("3.1");
  });
});
