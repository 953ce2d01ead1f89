import { spawnSync } from "node:child_process";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { makeHome, project, type Home } from "../support/machine.ts";

let home: Home;
let shop: string;
beforeEach(() => {
  home = makeHome();
  shop = join(home.directory, "shop");
  cpSync(join(project, "examples/shop"), shop, { recursive: true });
  sh("git init -q -b main && git add . && git commit -qm shop && caisson build shop-config");
});
afterEach(() => home.remove());

function sh(script: string): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  const { status, stdout, stderr } = spawnSync("sh", ["-ec", script], { cwd: shop, env: home.env, encoding: "utf8" });
  return { status, stdout, stderr };
}

it("says that nothing would be built, or names the first input that is not what it was, and its files", () => {
  const fileName = /(\S+)\.tar\.gz/.exec(sh("ls dist").stdout)?.[0] ?? "";
  expect(sh("caisson why shop-config")).toEqual({ status: 0, stdout: `${fileName}  nothing to build: every input is what it was\n`, stderr: "" });
  sh("echo 'x = 1' >> config/shop.ini && sed -i 's|^prefix = .*|prefix = \"etc/other\"|' caisson.toml && git commit -qam changed");
  expect(sh("caisson why shop-config")).toEqual({ status: 0, stdout: `${fileName}  source of shop-config changed: shop.ini\n`, stderr: "" });
  expect(sh("caisson why shop-config --all").stdout).toContain(`${fileName}  setting prefix changed: "etc/shop" -> "etc/other"\n`);
  expect(sh("caisson build shop-config && caisson why shop-config").stdout).toContain("nothing to build");
});

it("says what there is where nothing was built", () => {
  expect(sh("caisson why shop-web")).toMatchObject({ status: 1, stderr: expect.stringMatching(/^error: there is no artifact of `shop-web` for \S+\nhint: caisson build shop-web\n$/) as string });
  expect(sh("caisson why nothing")).toMatchObject({ status: 2, stderr: expect.stringContaining("there is no package `nothing`") as string });
});
