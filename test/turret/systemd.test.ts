import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { expect, it } from "vitest";
import { lacking, startHosts } from "../support/hosts.ts";
import { defaultPythonMinor, makeHome } from "../support/machine.ts";
import { startHq, type TurretMessage } from "../support/oct-hq.ts";
import { vUser } from "./ground.ts";

const missing = lacking("systemd") ?? (defaultPythonMinor() === "3.11" ? undefined : "needs a python3 that is 3.11, as on the hosts");

it.skipIf(missing !== undefined)(`row O7: two workers run by systemd each start their turret, which the HQ sees, after a deploy and the way back too; what it stops is ready again for the next test${missing === undefined ? "" : ` (${missing})`}`, { timeout: 300_000 }, async () => {
  await using hosts = await startHosts({ kind: "systemd", count: 2 });
  const [net = ""] = /198\.18\.\d+/.exec(await hosts.get("h1").enter(["ip", "-4", "-o", "addr"])) ?? [];
  await using hq = await startHq(`${net}.254`);
  const home = makeHome();
  try {
    for (const host of hosts.all) await host.enter(["useradd", "--system", "turret"]);
    const work = join(home.directory, "load tests");
    mkdirSync(join(work, "test_scripts"), { recursive: true });
    const { hq_address, hq_publisher: publish_port, hq_rc: rc_port } = hq.config;
    const configure = (version: string, cannons: number): void => {
      writeFileSync(join(work, "VERSION"), `${version}\n`);
      writeFileSync(join(work, "config.json"), JSON.stringify({ run_time: 30, results_ts_interval: 10, testing: false, progress_bar: false, hq_address, publish_port, rc_port, turrets: [{ name: "navigation", cannons, rampup: 0, script: "test_scripts/v_user.py" }] }));
    };
    writeFileSync(join(work, "test_scripts/v_user.py"), vUser);
    writeFileSync(join(work, "caisson.toml"), '[workspace]\nname = "loadtest"\nplatforms = ["debian-12"]\n\n[packages.navigation]\nkind = "turret"\npath = "."\n\n[targets.workers]\nroot = "/srv/loadtest"\nhosts = ["root@h1", "root@h2"]\nservice = "systemd"\nuser = "turret"\nrollout = { min_healthy = "0s" }\n');
    const env = { ...home.env, PATH: `${hosts.files.bin}${delimiter}${home.env["PATH"] ?? ""}` };
    const caisson = (...words: readonly string[]): string => {
      const { status, stdout, stderr } = spawnSync("caisson", words, { cwd: work, env, encoding: "utf8" });
      expect({ words, status, stderr: status === 0 ? "" : stderr }).toEqual({ words, status: 0, stderr: "" });
      return stdout;
    };
    const seen = async (count: number, wanted: (message: TurretMessage) => boolean): Promise<void> => {
      await hq.until(() => new Set(hq.messages.filter(wanted).map(({ uuid }) => uuid)).size >= count);
    };

    configure("1.0", 1);
    caisson("build", "--on-disk", "--to-stack", "1", "--create");
    caisson("deploy", "1", "--to", "workers", "--yes");
    await seen(2, ({ status, cannons }) => status === "ready" && cannons === 1);
    expect(caisson("logs", "--to", "workers")).toMatch(/starting turret/);
    hq.publish("start");
    await seen(2, ({ status }) => status === "Running");
    configure("1.1", 3);
    caisson("build", "--on-disk", "--to-stack", "2", "--create");
    caisson("deploy", "2", "--to", "workers", "--yes");
    await seen(2, ({ status, cannons }) => status === "ready" && cannons === 3);
    caisson("rollback", "--to", "workers", "--yes");
    await seen(4, ({ status, cannons }) => status === "ready" && cannons === 1);
    hq.publish("kill");
    await seen(2, ({ status }) => status === "Killed");
    await seen(6, ({ status, cannons }) => status === "ready" && cannons === 1);
  } finally {
    home.remove();
  }
});
