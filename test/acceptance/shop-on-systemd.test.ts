import { spawnSync } from "node:child_process";
import { appendFileSync, cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { lacking, startHosts } from "../support/hosts.ts";
import { makeHome, project } from "../support/machine.ts";

const target = `
[targets.production]
root = "/srv/shop"
hosts = ["root@h1"]
service = "systemd"
user = "shop"
rollout = { min_healthy = "1s", healthy_deadline = "8s" }
`;

const missing = lacking("systemd");

it.skipIf(missing !== undefined)("rows P9 to P12: examples/shop on a host with systemd: first release, change, failing health, rollback, prune; its bytes run here, too (needs root and systemd-nspawn)", { timeout: 400_000 }, async () => {
  await using hosts = await startHosts({ kind: "systemd" });
  const host = hosts.get("h1");
  const home = makeHome();
  try {
    const shop = join(home.directory, "shop");
    cpSync(join(project, "examples/shop"), shop, { recursive: true });
    appendFileSync(join(shop, "caisson.toml"), target);
    const env = { ...home.env, PATH: `${join(home.directory, ".bin")}:${hosts.files.bin}:${home.env["PATH"] ?? ""}` };
    const caisson = (...words: readonly string[]) => {
      const { status, stdout, stderr } = spawnSync("caisson", words, { cwd: shop, env, encoding: "utf8" });
      return { status, stdout, stderr };
    };
    const build = (label: string): void => {
      expect(spawnSync("sh", ["-ec", "test -d .git || git init -q -b main; git add . && git commit -qm shop"], { cwd: shop, env, encoding: "utf8" })).toMatchObject({ status: 0 });
      const built = caisson("build", "--to-stack", label, "--create");
      expect(built.status, built.stderr).toBe(0);
    };
    const served = async (): Promise<string> => await host.enter(["python3", "-c", "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8000/', timeout=5).read().decode())"]);
    await host.enter(["useradd", "--system", "shop"]);

    build("1");
    expect(caisson("deploy", "1", "--to", "production", "--yes")).toMatchObject({ status: 0, stdout: "h1  shop@1  active  (was: none)\n" });
    expect(await host.enter(["systemctl", "is-active", "caisson-shop-shop-web-web.socket", "caisson-shop-shop-web-web.service"])).toBe("active\nactive\n");

    const page = join(shop, "web/src/shop_web/templates/index.html");
    writeFileSync(page, readFileSync(page, "utf8").replace(/<h1>.*<\/h1>|<title>.*<\/title>/, "$&<p>the second one</p>"));
    build("2");
    expect(caisson("deploy", "2", "--to", "production", "--yes")).toMatchObject({ status: 0, stdout: "h1  shop@2  active  (was: 1)\n" });
    expect(await served()).toContain("the second one");

    appendFileSync(join(shop, "web/src/shop_web/__init__.py"), "\nimport foo\n");
    build("3");
    const failed = caisson("deploy", "3", "--to", "production", "--yes");
    expect(failed).toMatchObject({ status: 3, stdout: "h1  shop@3  undone  (now: 2, healthy)\n" });
    expect(failed.stderr).toMatch(/^h1: unhealthy: .*last log: ModuleNotFoundError: No module named 'foo'$/m);
    expect(failed.stderr).toMatch(/^hint: caisson logs --to production web$/m);
    expect(await served()).toContain("the second one");
    expect(caisson("status", "--to", "production")).toMatchObject({ status: 0, stdout: expect.stringMatching(/^h1 {2}shop@2 {2}active {2}healthy {2}\(undid 3: /) as string });
    const logs = caisson("logs", "--to", "production", "web", "--lines", "500");
    expect(logs.stdout).toMatch(/^h1 {2}\S+Z {2}web {2}.*ModuleNotFoundError: No module named 'foo'$/m);

    expect(caisson("rollback", "--to", "production", "--yes")).toMatchObject({ status: 0, stdout: "h1  shop@1  active  (was: 2)\n" });
    expect(await served()).not.toContain("the second one");
    expect(caisson("prune", "--keep", "0", "--to", "production", "--yes")).toMatchObject({ status: 0, stdout: "h1  removed 3 (current 1, previous 2 kept)\n" });

    expect(caisson("run", "2:web", "--", "--check-config")).toMatchObject({ status: 0 });
    const broken = caisson("run", "3:web", "--", "--check-config");
    expect(broken.status).not.toBe(0);
    expect(broken.stderr).toContain("No module named 'foo'");
    expect(caisson("run", "2:nothing")).toMatchObject({ status: 2, stderr: expect.stringContaining("`shop@2` has no process and no program `nothing`") as string });
  } finally {
    home.remove();
  }
});
