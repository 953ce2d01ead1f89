import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { makeHome, type Home } from "../support/machine.ts";
import { startHq, type Hq, type TurretMessage } from "../support/oct-hq.ts";
import { vUser } from "./ground.ts";

let home: Home;
let work: string;
let hq: Hq;
beforeEach(async () => {
  home = makeHome();
  work = join(home.directory, "work");
  hq = await startHq();
  mkdirSync(join(work, "loadtest/test_scripts"), { recursive: true });
  writeFileSync(join(work, "loadtest/test_scripts/v_user.py"), vUser);
  // What a target's owner may write: the old one is ended, and the new one outlives the shell.
  const restart = `[ ! -e "$CAISSON_STATE/pid" ] || kill "$(cat "$CAISSON_STATE/pid")"; setsid "$CAISSON_RELEASE/navigation/processes/turret" >"$CAISSON_STATE/log" 2>&1 </dev/null & echo $! >"$CAISSON_STATE/pid"`;
  writeFileSync(join(work, "caisson.toml"), `[workspace]\nname = "loadtest"\n\n[packages.navigation]\nkind = "turret"\npath = "loadtest"\n\n[targets.workers]\nhosts = ["local:one", "local:two"]\nservice = "command"\nrestart = ${JSON.stringify(restart)}\nrollout = { min_healthy = "0s" }\n`);
});
afterEach(async () => {
  await hq[Symbol.asyncDispose]();
  home.remove();
});

function configure(version: string, cannons: number): void {
  const { hq_address, hq_publisher: publish_port, hq_rc: rc_port } = hq.config;
  writeFileSync(join(work, "loadtest/VERSION"), `${version}\n`);
  writeFileSync(join(work, "loadtest/config.json"), JSON.stringify({ run_time: 30, results_ts_interval: 10, testing: false, progress_bar: false, hq_address, publish_port, rc_port, turrets: [{ name: "navigation", cannons, rampup: 0, script: "test_scripts/v_user.py" }] }));
}

function caisson(...words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync("caisson", words, { cwd: work, env: home.env, encoding: "utf8" });
  expect({ words, status, stderr: status === 0 ? "" : stderr }).toEqual({ words, status: 0, stderr: "" });
  return stdout;
}

/** Wait until so many turrets have reported that are so; by their identifiers. */
async function turrets(count: number, wanted: (message: TurretMessage) => boolean, ended?: Promise<unknown>): Promise<readonly string[]> {
  const found = (): readonly string[] => [...new Set(hq.messages.filter(wanted).map(({ uuid = "" }) => uuid))];
  await hq.until(() => found().length === count, ended === undefined ? {} : { ended });
  return found();
}

/** Processes that run the turret program out of a directory. */
function running(directory: string): readonly string[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, "utf8").includes(`CAISSON_RELEASE=${directory}`);
    } catch {
      return false;
    }
  });
}

async function untilGone(directory: string): Promise<void> {
  while (running(directory).length > 0) await sleep(50);
}

it("row O7: a stack with a turret, deployed to two places, starts a turret in each, which their HQ sees; the next release and the way back replace them", { timeout: 180_000 }, async () => {
  configure("1.0", 1);
  caisson("build", "--on-disk", "--to-stack", "1", "--create");
  expect(caisson("deploy", "1", "--to", "workers")).toContain("active  (was: none)");
  const first = await turrets(2, ({ status, cannons }) => status === "ready" && cannons === 1);
  configure("1.1", 3);
  caisson("build", "--on-disk", "--to-stack", "2", "--create");
  caisson("deploy", "2", "--to", "workers");
  const second = await turrets(2, ({ status, cannons }) => status === "ready" && cannons === 3);
  expect(second.some((uuid) => first.includes(uuid))).toBe(false);
  await untilGone(join(work, "one/versions/1"));
  hq.publish("start");
  await turrets(2, ({ status }) => status === "Running");
  expect(await hq.until(({ scriptrun_time: time }) => time !== undefined)).toMatchObject({ error: "" });
  caisson("rollback", "--to", "workers");
  await turrets(4, ({ status, cannons }) => status === "ready" && cannons === 1);
  hq.publish("kill");
  await turrets(2, ({ status }) => status === "Killed");
  for (const place of ["one", "two"]) {
    await untilGone(join(work, place));
    expect(readFileSync(join(work, place, "shared/log"), "utf8")).toMatch(/^\[[\d:, -]+ INFO \| oct_turrets\.turret\] starting turret\n$/);
  }
});

it("row O7: caisson up runs a workspace of turrets, and ends them with itself", { timeout: 180_000 }, async () => {
  configure("1.0", 1);
  const up = spawn("caisson", ["up"], { cwd: work, env: home.env });
  const ended = once(up, "close");
  const output: string[] = [];
  for (const stream of [up.stdout, up.stderr]) stream.setEncoding("utf8").on("data", (text: string) => output.push(text));
  await turrets(1, ({ status }) => status === "ready", ended.then((how) => [how, output]));
  up.kill("SIGINT");
  expect((await ended)[0]).toBe(0);
  expect(output.join("")).toMatch(/turret \| \[[\d:, -]+ INFO \| oct_turrets\.turret\] starting turret\n/);
  await untilGone(join(work, ".caisson"));
});
