import { spawnSync } from "node:child_process";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { makeHome, project } from "../support/machine.ts";

const NOBODY = "65534";

it.skipIf(process.geteuid?.() !== 0)("row N12: what root builds in somebody's directory, and in his store, is his (needs root)", () => {
  const home = makeHome();
  try {
    const shop = join(home.directory, "shop");
    cpSync(join(project, "examples/shop"), shop, { recursive: true });
    const sh = (script: string): { readonly status: number | null; readonly stdout: string; readonly stderr: string } => spawnSync("sh", ["-ec", script], { cwd: shop, env: { ...home.env, SUDO_UID: NOBODY, SUDO_GID: NOBODY }, encoding: "utf8" });
    expect(sh(`git init -q -b main && git add . && git commit -qm shop && chown -R ${NOBODY}:${NOBODY} '${home.directory}'`)).toMatchObject({ status: 0 });
    expect(sh("caisson build shop-config --format tar.gz,dir && caisson stack create 1 && mv caisson.toml x && caisson init && mv x caisson.toml")).toMatchObject({ status: 0 });
    expect(sh("caisson lock shop-web")).toMatchObject({ status: 0 });
    const { stdout } = sh(`find '${home.directory}' ! -user ${NOBODY}`);
    expect(stdout.split("\n").filter((path) => path !== "" && !path.includes("/.bin/"))).toEqual([]);
  } finally {
    home.remove();
  }
});
