import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readFilesPackage } from "../../src/build/payload/files.ts";
import type { Content } from "../../src/build/payload/payload.ts";
import type { Package, PackageName } from "../../src/model/index.ts";
import { temporaryDirectory } from "../../src/system/index.ts";
import { temporaryStore } from "../support/temporary-store.ts";

const pkg: Package = { name: "shop-config" as PackageName, written: "shop-config", kind: "files", source: { path: "config" }, needs: [], extras: [], prefix: "etc/shop", link: "auto", processes: [], start: [], hooks: [] };

async function read(fill: (directory: string) => Promise<void>): Promise<Extract<Content, { kind: "files" }>> {
  await using scratch = await temporaryDirectory("caisson-files");
  await using home = await temporaryStore();
  await fill(scratch.path);
  return await readFilesPackage(home.store, pkg, scratch.path);
}

const fill = (mode: number, more: boolean) => async (directory: string): Promise<void> => {
  await writeFile(join(directory, "a"), "a", { mode });
  if (more) await mkdir(join(directory, "b"));
};

describe("a files package", () => {
  it("puts every file below its prefix, with its x bit and nothing else of its mode", async () => {
    const { tree } = await read(async (directory) => {
      await mkdir(join(directory, "conf.d/empty"), { recursive: true });
      await writeFile(join(directory, "shop.ini"), "[shop]\n", { mode: 0o600 });
      await writeFile(join(directory, "conf.d/reload"), "#!/bin/sh\n");
      await chmod(join(directory, "conf.d/reload"), 0o775);
      await symlink("conf.d/reload", join(directory, "reload"));
    });
    expect(tree.entries.map((entry) => [entry.kind, entry.path, entry.kind === "file" ? entry.mode.toString(8) : entry.kind === "link" ? entry.target : ""].join(" "))).toEqual([
      "file root/etc/shop/conf.d/reload 755",
      "link root/etc/shop/reload conf.d/reload",
      "file root/etc/shop/shop.ini 644",
    ]);
  });

  it("law 1: is the same tree with another umask, other times and an empty directory more", async () => {
    expect((await read(fill(0o644, false))).tree.id).toBe((await read(fill(0o600, true))).tree.id);
  });

  it("leaves git's own files out", async () => {
    const { tree } = await read(async (directory) => {
      await mkdir(join(directory, ".git"));
      await writeFile(join(directory, ".git/config"), "");
      await mkdir(join(directory, "sub"));
      await writeFile(join(directory, "sub/.git"), "gitdir: elsewhere\n");
      await writeFile(join(directory, ".gitignore"), "x\n");
    });
    expect(tree.entries.map(({ path }) => path)).toEqual(["root/etc/shop/.gitignore"]);
  });

  it.each(["/etc/passwd", "../../elsewhere", "a/../../b"])("refuses a link to %s", async (target) => {
    await expect(read((directory) => symlink(target, join(directory, "link")))).rejects.toMatchObject({ code: "build-failed", message: `the link \`link\` of \`shop-config\` leaves its directory: \`${target}\`` });
  });
});
