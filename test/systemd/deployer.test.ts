import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { printHostSetup } from "../../src/deploy/observe/host-setup.ts";
import { readLogs } from "../../src/deploy/observe/logs.ts";
import { makeStack } from "../support/hand-made.ts";
import { lacking } from "../support/hosts.ts";
import { useGround, versionsOf, web, type Ground } from "./ground.ts";

const missing = lacking("systemd");

describe.skipIf(missing !== undefined)(`a deploy user who is not root${missing === undefined ? "" : ` (${missing})`}`, () => {
  let ground: Ground;
  useGround((opened) => (ground = opened));

  it("fault 35: is told what root has to run, needs no more than that, and gains nothing by it", async () => {
    const { bench, host } = ground;
    const target = ground.target("s", { as: "deploy", patience: { healthyDeadline: 8 } });
    const made = versionsOf({ stack: "s", port: 8401 });
    const refused = await ground.deploy(ground.target("s", { as: "deploy" }), made("0"));
    expect(refused).toMatchObject({ outcome: "not-done", now: null });

    const script = await printHostSetup(bench.ctx, bench.store, await makeStack(bench.store, made("0.1")), { target });
    expect(spawnSync("shellcheck", ["--shell=sh", "-"], { input: script, encoding: "utf8" }).stdout ?? "").toBe("");
    for (const _ of ["once", "twice"]) await host.enter(["/bin/sh", "-s"], { input: script });

    expect(await ground.deploy(target, made("1"))).toMatchObject({ outcome: "done", now: "1" });
    expect(await ground.served(8401)).toBe("1");
    expect(await ground.sh("ps -o user= -p $(systemctl show -p MainPID --value caisson-s-s-web.service); stat -c %U /srv/s/versions/1/s/serve.py /srv/s/shared")).toBe("app\ndeploy\napp");
    expect(await ground.deploy(target, made("2"))).toMatchObject({ outcome: "done", now: "2" });
    expect(await ground.deploy(target, made("3", { body: "echo 'ValueError: three' >&2; exit 1" }))).toMatchObject({ outcome: "undone", now: "2", health: "healthy", problem: { message: expect.stringContaining("last log: ValueError: three") as string } });
    expect(await ground.rollback(target)).toMatchObject({ outcome: "done", now: "1" });
    expect(await ground.served(8401)).toBe("1");
    expect(await ground.status(target)).toMatchObject({ current: { label: "1" }, health: "healthy", running: [{ process: "web", state: "active", release: "1" }] });
    const said: string[] = [];
    expect(await readLogs(bench.ctx, target, { lines: 50 }, (_, { text }) => void said.push(text))).toEqual([]);
    expect(said.some((line) => line.startsWith("serving 1"))).toBe(true);

    // A process that root does not know is refused before anything is switched.
    expect(await ground.deploy(target, made("4", { others: [{ name: "more", argv: ["sleep", "1"], environment: {}, requires: [] }] }))).toMatchObject({ outcome: "not-done", now: "1", problem: { code: "host-unfit", message: expect.stringContaining("may not install units") as string } });
    const tries = ["systemctl restart sshd.service", "systemctl link /srv/s/x.service", "systemctl daemon-reload", "systemctl stop caisson-s.target --root=/", "journalctl", "sh", "systemctl edit caisson-s-s-web.service"];
    for (const words of tries) expect((await host.run(`sudo -n ${words}`)).status).not.toBe(0);
    expect((await host.run("test -w /etc/systemd/system/caisson-s-s-web.service || test -w /etc/sudoers.d/caisson-s")).status).not.toBe(0);
  }, 120_000);

  it("is told who answers when sudo asks for a password", async () => {
    const target = ground.target("s", { as: "deploy", patience: { healthyDeadline: 8 } });
    // No rule at all, and a later one that asks.
    for (const [version, spoil, mend] of [["5", "mv /etc/sudoers.d/caisson-s /root/kept", "mv /root/kept /etc/sudoers.d/caisson-s"], ["6", "echo 'deploy ALL=(ALL) ALL' > /etc/sudoers.d/later", "rm /etc/sudoers.d/later"]] as const) {
      await ground.sh(spoil);
      expect(await ground.deploy(target, web({ stack: "s", port: 8401, version }))).toMatchObject({ outcome: "not-done", problem: { code: "host-unfit", message: expect.stringMatching(/^`deploy` may not run `\S*(systemctl|journalctl) .*` with sudo and without a password; `caisson units` prints/) as string } });
      await ground.sh(mend);
    }
  }, 120_000);

  it("may have his own systemd start processes, which outlive his logging out", async () => {
    const { user: _, ...target } = ground.target("u", { as: "deploy", patience: { healthyDeadline: 8 }, service: { kind: "systemd", scope: "user" } });
    const made = versionsOf({ stack: "u", port: 8402 });
    expect(await ground.deploy(target, made("1"))).toMatchObject({ outcome: "done", now: "1" });
    expect(await ground.deploy(target, made("2"))).toMatchObject({ outcome: "done", now: "2" });
    expect(await ground.deploy(target, made("3", { body: "exit 1" }))).toMatchObject({ outcome: "undone", now: "2", health: "healthy" });
    expect(await ground.served(8402)).toBe("2");
    expect(await ground.status(target)).toMatchObject({ health: "healthy", running: [{ process: "web", release: "2" }] });
    expect(await ground.sh("ls /home/deploy/.config/systemd/user/; ls /etc/systemd/system | grep -c caisson-u || true")).toBe("caisson-u-u-web.service\ncaisson-u.target\ndefault.target.wants\n0");
    await ground.sh("loginctl disable-linger deploy");
    expect(await ground.deploy(target, made("4"))).toMatchObject({ outcome: "not-done", problem: { message: "what `deploy` starts would end when `deploy` logs out; as root: loginctl enable-linger deploy" } });
    await ground.sh("loginctl enable-linger deploy");
  }, 120_000);
});
