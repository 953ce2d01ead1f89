import { expect, it } from "vitest";
import { lacking, startHosts } from "../support/hosts.ts";
import { MARK, openShop, READ_PAGE } from "./shop.ts";

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
  using shop = openShop(hosts, target);
  const { caisson } = shop;
  const served = async (): Promise<string> => await host.enter(READ_PAGE);
  await host.enter(["useradd", "--system", "shop"]);

  shop.build("1");
  expect(caisson("deploy", "1", "--to", "production", "--yes")).toMatchObject({ status: 0, stdout: "h1  shop@1  active  (was: none)\n" });
  expect(await host.enter(["systemctl", "is-active", "caisson-shop-shop-web-web.socket", "caisson-shop-shop-web-web.service"])).toBe("active\nactive\n");

  shop.change();
  shop.build("2");
  expect(caisson("deploy", "2", "--to", "production", "--yes")).toMatchObject({ status: 0, stdout: "h1  shop@2  active  (was: 1)\n" });
  expect(await served()).toContain(MARK);

  shop.spoil();
  shop.build("3");
  const failed = caisson("deploy", "3", "--to", "production", "--yes");
  expect(failed).toMatchObject({ status: 3, stdout: "h1  shop@3  undone  (now: 2, healthy)\n" });
  expect(failed.stderr).toMatch(/^h1: unhealthy: .*last log: ModuleNotFoundError: No module named 'foo'$/m);
  expect(failed.stderr).toMatch(/^hint: caisson logs --to production web$/m);
  expect(await served()).toContain(MARK);
  expect(caisson("status", "--to", "production")).toMatchObject({ status: 0, stdout: expect.stringMatching(/^h1 {2}shop@2 {2}active {2}healthy {2}\(undid 3: /) as string });
  const logs = caisson("logs", "--to", "production", "web", "--lines", "500");
  expect(logs.stdout).toMatch(/^h1 {2}\S+Z {2}web {2}.*ModuleNotFoundError: No module named 'foo'$/m);

  expect(caisson("rollback", "--to", "production", "--yes")).toMatchObject({ status: 0, stdout: "h1  shop@1  active  (was: 2)\n" });
  expect(await served()).not.toContain(MARK);
  expect(caisson("prune", "--keep", "0", "--to", "production", "--yes")).toMatchObject({ status: 0, stdout: "h1  removed 3 (current 1, previous 2 kept)\n" });

  expect(caisson("run", "2:web", "--", "--check-config")).toMatchObject({ status: 0 });
  const broken = caisson("run", "3:web", "--", "--check-config");
  expect(broken.status).not.toBe(0);
  expect(broken.stderr).toContain("No module named 'foo'");
  expect(caisson("run", "2:nothing")).toMatchObject({ status: 2, stderr: expect.stringContaining("`shop@2` has no process and no program `nothing`") as string });
});
