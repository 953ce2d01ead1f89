import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { cache, has, makeHome, project } from "../support/machine.ts";

const NOBODY = "65534";

it.skipIf(process.geteuid?.() !== 0 || !has("setpriv"))("row N12: after root has built a Python project in somebody's directory, with his cache, he builds it himself, and his .venv is his too (needs root and setpriv)", () => {
  const home = makeHome();
  try {
    const work = join(home.directory, "work");
    mkdirSync(work);
    writeFileSync(join(work, "pyproject.toml"), '[build-system]\nrequires = ["flit_core>=3.9,<4"]\nbuild-backend = "flit_core.buildapi"\n\n[project]\nname = "app"\nversion = "1.0"\ndescription = "x"\ndependencies = ["idna==3.10"]\n');
    writeFileSync(join(work, "app.py"), '"""App."""\n');
    // uv itself is not to be fetched once more.
    const tools = join(cache, "xdg/caisson/tools");
    if (existsSync(tools)) cpSync(tools, join(home.directory, ".cache/caisson/tools"), { recursive: true });
    chmodSync(home.directory, 0o755);
    const { XDG_CACHE_HOME: _, ...env } = home.env;
    const sh = (script: string, as = ""): { readonly status: number | null; readonly stdout: string; readonly stderr: string } => {
      const { status, stdout, stderr } = spawnSync("sh", ["-ec", `${as} ${script}`], { cwd: work, env, encoding: "utf8" });
      return { status, stdout, stderr };
    };
    expect(sh(`chown -R ${NOBODY}:${NOBODY} '${home.directory}' && caisson build && caisson dev && echo more = 1 >> app.py`)).toMatchObject({ status: 0 });
    expect(sh(`find '${home.directory}' -user root`).stdout).toBe("");
    // Where this checkout lies in a place that others may not see, there is nobody to try it.
    expect(sh(`sh -c 'caisson --version >&2 || exit 0; caisson build'`, `setpriv --reuid ${NOBODY} --regid ${NOBODY} --clear-groups`)).toMatchObject({ status: 0 });
  } finally {
    home.remove();
  }
});

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
