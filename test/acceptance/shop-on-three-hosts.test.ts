import { expect, it } from "vitest";
import { lacking, startHosts } from "../support/hosts.ts";
import { MARK, openShop, READ_PAGE } from "./shop.ts";

const target = `
[targets.production]
root = "/srv/shop"
hosts = ["deploy@h1", "deploy@h2", "deploy@h3"]
service = "command"
restart = 'if kill "$(cat "$CAISSON_STATE/pid")"; then sleep 1; fi 2>/dev/null; "$CAISSON_RELEASE/shop-web/processes/web" --daemon --pid "$CAISSON_STATE/pid" --error-logfile "$CAISSON_STATE/log"'
stop = 'kill "$(cat "$CAISSON_STATE/pid")"'
rollout = { canary = 1, max_parallel = 2, min_healthy = "1s", healthy_deadline = "10s" }
`;

const missing = lacking("namespace");

it.skipIf(missing !== undefined)("rows P9 to P13: examples/shop on three hosts over ssh: first release, change, failing health, rollback, prune (needs root and network namespaces)", { timeout: 400_000 }, async () => {
  await using hosts = await startHosts({ kind: "namespace", count: 3 });
  using shop = openShop(hosts, target);
  const caisson = (...words: readonly string[]) => {
    const { stdout, ...said } = shop.caisson(...words);
    return { ...said, lines: stdout.split("\n").slice(0, -1) };
  };
  const all = ["h1", "h2", "h3"];
  const served = async (): Promise<readonly boolean[]> => await Promise.all(all.map(async (name) => (await hosts.get(name).enter(READ_PAGE)).includes(MARK)));

  shop.build("1");
  const first = caisson("deploy", "1", "--to", "production", "--yes");
  expect(first, first.stderr).toMatchObject({ status: 0, lines: all.map((name) => `${name}  shop@1  active  (was: none)`) });
  expect(await served()).toEqual([false, false, false]);
  expect(caisson("deploy", "1", "--to", "production", "--yes")).toMatchObject({ status: 0, lines: all.map((name) => `${name}  shop@1  unchanged`) });

  shop.change();
  shop.build("2");
  expect(caisson("deploy", "2", "--to", "production", "--yes")).toMatchObject({ status: 0, lines: all.map((name) => `${name}  shop@2  active  (was: 1)`) });
  expect(await served()).toEqual([true, true, true]);

  shop.spoil();
  shop.build("3");
  const failed = caisson("deploy", "3", "--to", "production", "--yes");
  expect(failed, failed.stderr).toMatchObject({ status: 3, lines: [expect.stringMatching(/^h1 {2}shop@3 {2}undone +\(now: 2/) as string, "h2  shop@3  not-done  (now: 2)", "h3  shop@3  not-done  (now: 2)"] });
  expect(await served()).toEqual([true, true, true]);

  expect(caisson("rollback", "--to", "production", "--yes")).toMatchObject({ status: 0, lines: all.map((name) => `${name}  shop@1  active  (was: 2)`) });
  expect(await served()).toEqual([false, false, false]);
  expect(caisson("prune", "--keep", "0", "--to", "production", "--yes")).toMatchObject({ status: 0, lines: all.map((name) => expect.stringMatching(new RegExp(`^${name} {2}removed .*\\(current 1, previous 2 kept\\)$`)) as string) });
  expect(caisson("verify", "--to", "production")).toMatchObject({ status: 0 });
});
