import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { applyPlan } from "../../src/deploy/apply/apply.ts";
import { prepareDeploy } from "../../src/deploy/deploy.ts";
import { openAgent } from "../../src/transport/index.ts";
import { makeStack } from "../support/hand-made.ts";
import { lacking } from "../support/hosts.ts";
import { useGround, versionsOf, web, type Ground } from "./ground.ts";

const missing = lacking("systemd");

describe.skipIf(missing !== undefined)(`faults of processes under systemd${missing === undefined ? "" : ` (${missing})`}`, () => {
  let ground: Ground;
  useGround((opened) => (ground = opened));

  const serve = "python3 \"${0%/bin/*}/serve.py\"";

  it.concurrent.each([
    { what: "fails at once", body: "echo \"ModuleNotFoundError: No module named 'foo'\" >&2; echo bye; exit 1", says: /^http:\/\/127\.0\.0\.1:\d+\/ refused for 8 s; last log: ModuleNotFoundError: No module named 'foo'$/ },
    { what: "fails a while after it was well", body: `${serve} & sleep 2; echo 'OSError: gone' >&2; kill $!; exit 4`, says: /(?:refused|had not answered well|ended with status 4|started again).*; last log: OSError: gone$/ },
    { what: "flaps", body: `${serve} & sleep 0.7; kill -9 $!; kill -9 $$`, says: /(?:refused|had not answered well|was ended by SIGKILL|started again|did not answer|failed)/ },
    { what: "hangs while it starts", body: "echo waiting; sleep 1000", process: { notify: true }, says: /^process `web` was not up 8 s after it was to start; last log: waiting$/ },
    { what: "ignores SIGTERM and is never well", body: "trap '' TERM; echo deaf; while :; do sleep 0.2; done", says: /refused for 8 s; last log: deaf$/ },
    { what: "lacks a variable", body: "true", process: { requires: ["SECRET_KEY"] }, says: /^process `web` ended with status 64, and systemd does not start it again; last log: error: set SECRET_KEY \(process `web` needs SECRET_KEY\)$/ },
  ])("fault 39: a process that $what is undone by itself, with its last words", async ({ what, body, process = {}, says }) => {
    const stack = `fault-${what.length}`;
    const port = 8200 + what.length;
    const target = ground.target(stack, { patience: { minHealthy: 3, healthyDeadline: 8 } });
    expect(await ground.deploy(ground.target(stack), web({ stack, port, version: "1" }))).toMatchObject({ outcome: "done" });
    // A shorter wait than ours, as an administrator may want it.
    await ground.sh(`mkdir /etc/systemd/system/caisson-${stack}-${stack}-web.service.d && printf '[Service]\\nTimeoutStopSec=2\\n' > /etc/systemd/system/caisson-${stack}-${stack}-web.service.d/stop.conf && systemctl daemon-reload`);
    const result = await ground.deploy(target, web({ stack, port, version: "2", body, process }));
    expect(result).toMatchObject({ outcome: "undone", from: "1", now: "1", health: "healthy", problem: { code: "unhealthy", message: expect.stringMatching(says) as string } });
    expect(await ground.served(port)).toBe("1");
    expect(await ground.sh(`readlink /srv/${stack}/versions/current; systemctl show -p ActiveState --value caisson-${stack}-${stack}-web.service`)).toBe("1\nactive");
  }, 120_000);

  it("fault 40: an answer by a process of the release before is none", async () => {
    const target = ground.target("stale", { patience: { healthyDeadline: 4 } });
    expect(await ground.deploy(ground.target("stale"), web({ stack: "stale", port: 8301, version: "1" }))).toMatchObject({ outcome: "done" });
    // One that got away from its service, and keeps the port.
    await ground.sh("systemctl stop caisson-stale-stale-web.service; systemd-run --quiet --unit=stray python3 /srv/stale/versions/1/stale/serve.py");
    while ((await ground.served(8301)) !== "1") await sleep(200);
    expect(await ground.deploy(target, web({ stack: "stale", port: 8301, version: "2", body: "exec sleep 1000" }))).toMatchObject({ outcome: "undone", problem: { code: "unhealthy", message: expect.stringMatching(/^http:\/\/127\.0\.0\.1:8301\/ is answered by a process of release `1`, which still runs/) as string } });
    await ground.sh("systemctl stop stray");
  }, 120_000);

  it("fault 41: a release to go back to that is broken as well is told, and what is left can be looked at", async () => {
    const target = ground.target("both", { patience: { healthyDeadline: 6 } });
    const body = `test ! -e "$CAISSON_STATE/broken" || exit 9\nexec ${serve}`;
    expect(await ground.deploy(target, web({ stack: "both", port: 8302, version: "1", body }))).toMatchObject({ outcome: "done" });
    await ground.sh("touch /srv/both/shared/broken");
    expect(await ground.deploy(target, web({ stack: "both", port: 8302, version: "2", body }))).toMatchObject({ outcome: "undone", now: "1", health: "unhealthy", problem: { message: expect.stringContaining("1 is unhealthy as well") as string } });
    expect(await ground.status(target)).toMatchObject({ current: { label: "1" }, wanted: "2", health: "unhealthy", undid: { label: "2" } });
    await ground.sh("rm /srv/both/shared/broken");
  }, 120_000);

  it("fault 41: a limit of starts that the new release has hit does not keep the old one from being started", async () => {
    const target = ground.target("limit", { patience: { healthyDeadline: 20 } });
    expect(await ground.deploy(target, web({ stack: "limit", port: 8303, version: "1" }))).toMatchObject({ outcome: "done" });
    await ground.sh("mkdir /etc/systemd/system/caisson-limit-limit-web.service.d && printf '[Unit]\\nStartLimitBurst=3\\n[Service]\\nRestartSec=50ms\\n' > /etc/systemd/system/caisson-limit-limit-web.service.d/x.conf && systemctl daemon-reload");
    expect(await ground.deploy(target, web({ stack: "limit", port: 8303, version: "2", body: "echo again; exit 7" }))).toMatchObject({ outcome: "undone", health: "healthy", problem: { message: "process `web` ended with status 7, and systemd does not start it again; last log: again" } });
    expect(await ground.served(8303)).toBe("1");
  }, 120_000);

  it("fault 44: a release from which a process still runs is kept, and reported", async () => {
    const target = ground.target("busy");
    const made = versionsOf({ stack: "busy", port: 8304 });
    for (const version of ["1", "2", "3", "4"]) {
      expect(await ground.deploy(target, made(version))).toMatchObject({ outcome: "done" });
      if (version === "1") await ground.sh("cd /srv/busy/versions/1/busy && systemd-run --quiet --unit=reader --working-directory=/srv/busy/versions/1/busy sleep 1000");
    }
    expect(await ground.prune(target, 0)).toMatchObject({ removed: ["2"] });
    expect(await ground.sh("ls /srv/busy/versions")).toBe("1\n3\n4\ncurrent\nprevious");
    await ground.sh("systemctl stop reader");
    expect(await ground.prune(target, 0)).toMatchObject({ removed: ["1"] });
  }, 120_000);

  it("faults 1 to 13: an agent that is killed before or after any step of a switch leaves the old processes or the new, and the next contact settles which", async () => {
    const target = ground.target("kill", { patience: { healthyDeadline: 30 } });
    const worker = { name: "worker", argv: ["sleep", "1000"], environment: {}, requires: [] };
    const made = (version: string) => web({ stack: "kill", port: 8306, version, ...(Number(version) % 2 === 1 ? { others: [worker] } : {}) });
    expect(await ground.deploy(target, made("0"))).toMatchObject({ outcome: "done" });
    const points = ["units:before", "activate:before", "activate:after", "restart:before", "restart:middle", "restart:after", "confirm:before", "confirm:after"];
    for (const [at, point] of points.entries()) {
      const [from, to] = at === 0 ? ["0", "1"] : [String(at), String(at + 1)];
      await ground.sh(`echo CAISSON_FAULT DEFAULT=${point} > /root/.pam_environment`);
      const result = await ground.deploy(target, made(to));
      await ground.sh("rm /root/.pam_environment");
      const confirmed = point === "confirm:after";
      const status = await ground.status(target);
      // What came before the switch may be told as not done, too.
      const told = { point, outcome: result.outcome === "not-done" && at < 2 ? "undone" : result.outcome, current: status.current?.label, state: status.current?.state, health: status.health, drift: status.drift, running: status.running?.filter(({ process }) => process === "web").map(({ release }) => release), served: await ground.served(8306) };
      const now = confirmed ? to : from;
      // There every contact is killed that goes back, until the fault is taken away.
      const outcome = confirmed ? "done" : point === "restart:middle" ? "unknown" : "undone";
      expect(told).toEqual({ point, outcome, current: now, state: "active", health: "healthy", drift: undefined, running: [now], served: now });
      const again = confirmed ? result : await ground.again(target, to);
      expect(again).toMatchObject({ outcome: "done", now: to });
      expect(await ground.served(8306)).toBe(to);
    }
  }, 240_000);

  it("fault 14: a host that loses the command between the switch and its confirmation brings back link, units and processes by itself", async () => {
    const { bench } = ground;
    const target = ground.target("alone");
    const worker = { name: "worker", argv: ["sleep", "1000"], environment: {}, requires: [] };
    expect(await ground.deploy(target, web({ stack: "alone", port: 8307, process: { notify: true }, version: "1", others: [worker] }))).toMatchObject({ outcome: "done" });
    const wanted = await makeStack(bench.store, web({ stack: "alone", port: 8307, process: { notify: true }, version: "2" }));
    await using change = await prepareDeploy(bench.ctx, bench.store, wanted, target);
    const [plan] = change.plan.hosts;
    const activate = plan!.steps.findIndex(({ step }) => step === "activate");
    expect(await applyPlan(bench.ctx, bench.store, { ...change.plan, hosts: [{ ...plan!, steps: plan!.steps.slice(0, activate) }] }, change.open)).toMatchObject([{ outcome: "done" }]);
    const agent = await openAgent(bench.ctx, plan!.host, { by: "tester@here" });
    for (const step of plan!.steps.slice(activate, activate + 2)) expect(await agent.ask(step)).toMatchObject({ done: true });
    expect(await ground.sh("systemctl is-active caisson-alone-alone-worker.service || true")).toBe("inactive");
    await agent[Symbol.asyncDispose]();
    expect(await ground.sh("readlink /srv/alone/versions/current; systemctl is-active caisson-alone-alone-worker.service; tail -n 1 /srv/alone/journal.jsonl | grep -c 'controller lost'")).toBe("1\nactive\n1");
    expect(await ground.served(8307)).toBe("1");
  }, 120_000);

  it("fault 46: a host that starts again before the release was confirmed goes back at the next contact, its processes and its units with it", async () => {
    const { bench, host } = ground;
    const target = ground.target("power");
    const worker = { name: "worker", argv: ["sleep", "1000"], environment: {}, requires: [] };
    expect(await ground.deploy(target, web({ stack: "power", port: 8305, process: { notify: true }, version: "1" }))).toMatchObject({ outcome: "done" });
    const wanted = await makeStack(bench.store, web({ stack: "power", port: 8305, process: { notify: true }, version: "2", others: [worker] }));
    await using change = await prepareDeploy(bench.ctx, bench.store, wanted, target);
    const [plan] = change.plan.hosts;
    const steps = plan!.steps;
    const activate = steps.findIndex(({ step }) => step === "activate");
    expect(await applyPlan(bench.ctx, bench.store, { ...change.plan, hosts: [{ ...plan!, steps: steps.slice(0, activate) }] }, change.open)).toMatchObject([{ outcome: "done" }]);
    const agent = await openAgent(bench.ctx, plan!.host, { by: "tester@here" });
    for (const step of steps.slice(activate, activate + 2)) expect(await agent.ask(step)).toMatchObject({ done: true, changed: true });
    expect(await ground.served(8305)).toBe("2");
    await host.halt();
    await agent[Symbol.asyncDispose]();
    await host.boot();
    expect(await ground.sh("readlink /srv/power/versions/current; tail -n 1 /srv/power/journal.jsonl | grep -c activated")).toBe("2\n1");
    const status = await ground.status(target);
    expect(status).toMatchObject({ current: { label: "1", state: "active" }, wanted: "2", health: "healthy", undid: { label: "2", detail: "the run that switched it ended before it was confirmed" } });
    expect(await ground.served(8305)).toBe("1");
    expect(await ground.sh("ls /etc/systemd/system | grep caisson-power | tr '\\n' ' '; systemctl is-active caisson-power-power-worker.service || true")).toBe("caisson-power-power-web.service caisson-power.target inactive");
  }, 120_000);
});
