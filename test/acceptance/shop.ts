import { spawnSync } from "node:child_process";
import { appendFileSync, cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { Hosts } from "../support/hosts.ts";
import { makeHome, project } from "../support/machine.ts";

/** What the command came to. */
export interface Said {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A copy of examples/shop with a target on real hosts, and a home to deploy it from. */
export interface Shop extends Disposable {
  readonly caisson: (...words: readonly string[]) => Said;
  /** Commit what is there, and build it into a stack of this label. */
  readonly build: (label: string) => void;
  /** From now on its page says `MARK`. */
  readonly change: () => void;
  /** From now on its web process dies at start: `No module named 'foo'`. */
  readonly spoil: () => void;
}

export const MARK = "the second one";

/** As Python: what the shop's page says, to whoever is on its host. */
export const READ_PAGE: readonly string[] = ["python3", "-c", "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8000/', timeout=5).read().decode())"];

export function openShop(hosts: Hosts, target: string): Shop {
  const home = makeHome();
  const shop = join(home.directory, "shop");
  cpSync(join(project, "examples/shop"), shop, { recursive: true });
  appendFileSync(join(shop, "caisson.toml"), target);
  const env = { ...home.env, PATH: `${join(home.directory, ".bin")}:${hosts.files.bin}:${home.env["PATH"] ?? ""}` };
  const caisson = (...words: readonly string[]): Said => {
    const { status, stdout, stderr } = spawnSync("caisson", words, { cwd: shop, env, encoding: "utf8" });
    return { status, stdout, stderr };
  };
  return {
    caisson,
    build: (label) => {
      expect(spawnSync("sh", ["-ec", "test -d .git || git init -q -b main; git add . && git commit -qm shop"], { cwd: shop, env, encoding: "utf8" })).toMatchObject({ status: 0 });
      const built = caisson("build", "--to-stack", label, "--create");
      expect(built.status, built.stderr).toBe(0);
    },
    change: () => {
      const page = join(shop, "web/src/shop_web/templates/index.html");
      writeFileSync(page, readFileSync(page, "utf8").replace(/<h1>.*<\/h1>|<title>.*<\/title>/, `$&<p>${MARK}</p>`));
    },
    spoil: () => appendFileSync(join(shop, "web/src/shop_web/__init__.py"), "\nimport foo\n"),
    [Symbol.dispose]: () => home.remove(),
  };
}
