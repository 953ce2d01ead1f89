import { execFileSync, spawnSync } from "node:child_process";
import { appendFileSync, cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { makeHome, project, type Home } from "../support/machine.ts";

let home: Home;
let shop: string;
beforeEach(() => {
  home = makeHome();
  shop = join(home.directory, "shop #1, 100% of it?");
  cpSync(join(project, "examples/shop"), shop, { recursive: true });
});
afterEach(() => home.remove());

function caisson(...words: readonly string[]): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  const { status, stdout, stderr } = spawnSync("caisson", words, { cwd: shop, env: home.env, encoding: "utf8" });
  return { status, stdout, stderr: stderr.split("\n").filter((line) => !line.startsWith("  ") && !line.startsWith("chose ")).join("\n") };
}

function python(program: string): string {
  return execFileSync(join(shop, ".venv/bin/python"), ["-c", program], { cwd: home.directory, env: home.env, encoding: "utf8" }).trim();
}

it("row W9: makes an environment with siblings from disk, where a change is there at once, and brings it up to date", () => {
  // Of a package from another repository nobody has a file here.
  execFileSync("sh", ["-ec", `mkdir -p "$HOME/greeter/py" && cd "$HOME/greeter" && printf '[project]\nname = "greeter"\nversion = "1.0"\ndescription = "Greets."\n[build-system]\nrequires = ["flit_core>=3.4"]\nbuild-backend = "flit_core.buildapi"\n' > py/pyproject.toml && touch py/greeter.py && git init -q && git add . && git commit -qm greeter`], { env: home.env });
  appendFileSync(join(shop, "caisson.toml"), '\n[packages.greeter]\ngit = "../greeter"\npath = "py"\n');
  const first = caisson("dev");
  expect(first).toMatchObject({ status: 0, stderr: "" });
  expect(python("import greeter; print(greeter.__file__)")).toMatch(/site-packages\/greeter\.py$/);
  expect(first.stdout).toMatch(/^\.venv {2}2 on disk \(shop-util, shop-web\), \d+ from elsewhere\n$/);
  expect(python("import shop_util; print(shop_util.__file__)")).toBe(join(shop, "util/src/shop_util/__init__.py"));
  appendFileSync(join(shop, "util/src/shop_util/__init__.py"), "\nadded = 'at once'\n");
  expect(python("import shop_util; print(shop_util.added)")).toBe("at once");
  expect(execFileSync(join(shop, ".venv/bin/shop-web"), { env: home.env, encoding: "utf8" })).not.toBe("");

  // What nobody asks for goes, and a wheel of other bytes is the right one again; offline, from the store alone.
  const [wheel = ""] = readdirSync(join(shop, ".venv/.wheels"));
  writeFileSync(join(shop, ".venv/.wheels", wheel), "half");
  execFileSync(join(shop, ".venv/bin/python"), ["-c", "import pathlib, sysconfig; p = pathlib.Path(sysconfig.get_path('purelib')); (p / 'stray-1.0.dist-info').mkdir(); (p / 'stray-1.0.dist-info/METADATA').write_text('Name: stray\\nVersion: 1.0\\n'); (p / 'stray-1.0.dist-info/RECORD').write_text('stray-1.0.dist-info/METADATA,,\\nstray-1.0.dist-info/RECORD,,\\n')"]);
  expect(caisson("dev", "--offline")).toMatchObject({ status: 0, stdout: first.stdout });
  expect(readdirSync(join(shop, ".venv/lib", readdirSync(join(shop, ".venv/lib"))[0] ?? "", "site-packages"))).not.toContain("stray-1.0.dist-info");
});

it("writes over nothing but an environment", () => {
  mkdirSync(join(shop, ".venv"));
  writeFileSync(join(shop, ".venv/letters.txt"), "dear");
  expect(caisson("dev")).toEqual({ status: 1, stdout: "", stderr: "error: `.venv` is no virtual environment, and not empty\nhint: choose another place: --output DIR\n" });
  expect(existsSync(join(shop, ".venv/pyvenv.cfg"))).toBe(false);
});
