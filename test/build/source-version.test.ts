import { describe, expect, it } from "vitest";
import { readSourceVersion, versionFromGit } from "../../src/build/source/source-version.ts";
import type { Source } from "../../src/build/source/source.ts";
import type { Package, PackageName, Revision } from "../../src/model/index.ts";
import { compareVersions } from "../../src/python/index.ts";

const pkg: Package = { name: "shop-config" as PackageName, written: "Shop_Config", kind: "files", source: { path: "config" }, needs: [], extras: [], prefix: "", link: "auto", processes: [], start: [], hooks: [] };
const revision: Revision = { id: "1a2b3c4d5e6f70819293a4b5c6d7e8f901234567", time: 1_700_000_000, dirty: false };

const source = (file: string | undefined): Pick<Source, "revision" | "describe" | "readText"> => ({ revision, describe: () => Promise.resolve("v9.9-0-g1a2b3c4"), readText: (name) => Promise.resolve(name === "VERSION" ? file : undefined) });

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
  ])("row G9: git describe %j gives %s", (describe_, version) => {
    expect(versionFromGit(pkg, revision, describe_)).toBe(version);
  });

  it("row G9: sorts after the tag it comes from and before the next one", () => {
    const between = versionFromGit(pkg, revision, "1.2.0-45-g1a2b3c4");
    expect([compareVersions("1.2.0", between) < 0, compareVersions(between, "1.2.1") < 0]).toEqual([true, true]);
  });

  it("names the content where the files are no commit's", () => {
    expect(versionFromGit(pkg, { ...revision, dirty: true }, undefined)).toBe("0.0.0.dev0+1a2b3c4d");
  });
});

describe("readSourceVersion", () => {
  it("takes the first line of a VERSION file before any tag", async () => {
    expect(await readSourceVersion(pkg, source("1.0.1\nwhat follows is for people\n"))).toEqual({ version: "1.0.1", dependsOnCommit: false });
  });

  it("takes the tag where there is no such file, and says that it depends on the commit", async () => {
    expect(await readSourceVersion(pkg, source(undefined))).toEqual({ version: "9.9", dependsOnCommit: true });
  });

  it("refuses a VERSION file whose first line cannot be part of a file name", async () => {
    await expect(readSourceVersion(pkg, source("../../etc\n"))).rejects.toMatchObject({ code: "config-invalid" });
  });
});
