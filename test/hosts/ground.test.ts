import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runToEnd } from "../support/host.ts";
import { lacking, startHosts } from "../support/hosts.ts";
import { findPythons } from "../support/machine.ts";

describe("hosts that are an sshd each", () => {
  it("three answer over ssh, each with a home of its own", async ({ skip }) => {
    skip(lacking() !== undefined, lacking());
    await using hosts = await startHosts({ count: 3 });
    const answers = await Promise.all(hosts.all.map((host) => host.run('cat; printf %s "$HOME"', { input: `to ${host.name} ` })));
    expect(answers.map(({ status, stdout }) => [status, stdout])).toEqual(hosts.all.map((host) => [0, `to ${host.name} ${join(host.root("x"), "../../home")}`]));
    expect(hosts.all.map((host) => host.connections())).toEqual([1, 1, 1]);
  });

  it("is reached by the plain word `ssh` with the given environment", async ({ skip }) => {
    skip(lacking() !== undefined, lacking());
    await using hosts = await startHosts();
    const { status, stdout } = await runToEnd(["ssh", "-T", "-o", "BatchMode=yes", "--", hosts.get("h1").address, "echo here"], { env: hosts.env });
    expect([status, stdout]).toEqual([0, "here\n"]);
  });

  it("a dead host refuses, one that came back answers, one with another key is not believed", async ({ skip }) => {
    skip(lacking() !== undefined, lacking());
    await using hosts = await startHosts();
    const h1 = hosts.get("h1");
    const busy = h1.run("cat > /dev/null; sleep 60");
    while (h1.connections() === 0) await new Promise((passed) => setTimeout(passed, 10));
    await h1.kill();
    expect((await busy).status).toBe(255);
    expect(await h1.run("true")).toMatchObject({ status: 255, stderr: expect.stringContaining("Connection refused") as string });
    await h1.restart();
    expect((await h1.run("true")).status).toBe(0);
    await h1.restart({ newHostKey: true });
    expect(await h1.run("true")).toMatchObject({ status: 255, stderr: expect.stringContaining("REMOTE HOST IDENTIFICATION HAS CHANGED") as string });
  });

  it("lines of sshd_config win over ours", async ({ skip }) => {
    skip(lacking() !== undefined, lacking());
    await using hosts = await startHosts({ sshd: ["ForceCommand echo forced"] });
    expect((await hosts.get("h1").run("echo asked")).stdout).toBe("forced\n");
  });

  it("takes what was started on it along when it goes", async ({ skip }) => {
    skip(lacking() !== undefined, lacking());
    const hosts = await startHosts();
    const h1 = hosts.get("h1");
    const beat = `${h1.root("x")}.beat`;
    await h1.run(`(while :; do date >> '${beat}'; sleep 0.05; done) </dev/null >/dev/null 2>&1 &`);
    while (!existsSync(beat)) await new Promise((passed) => setTimeout(passed, 10));
    await hosts[Symbol.asyncDispose]();
    await new Promise((passed) => setTimeout(passed, 200));
    expect(existsSync(hosts.files.directory)).toBe(false);
    expect(() => writeFileSync(beat, "")).toThrow("ENOENT");
  });
});

describe("hosts with a Debian of their own", { timeout: 300_000 }, () => {
  it("three answer at addresses of their own, and one of them runs a deploy user without rights", async ({ skip }) => {
    skip(lacking("namespace") !== undefined, lacking("namespace"));
    await using hosts = await startHosts({ kind: "namespace", count: 3 });
    const answers = await Promise.all(hosts.all.map((host) => host.run("hostname; id -un; ps -e | grep -c 'perl$'")));
    expect(answers.map(({ status, stdout }) => [status, stdout])).toEqual(hosts.all.map(({ name }) => [0, `${name}\ndeploy\n1\n`]));
    const h1 = hosts.get("h1");
    expect((await h1.run("sudo -n true")).stderr).toContain("a password is required");
    expect((await h1.run("id -u", { user: "root" })).stdout).toBe("0\n");
    await h1.run(`mkdir '${h1.root("shop")}' && echo there > '${h1.root("shop")}/file'; echo too > /tmp/file`);
    expect([readFileSync(h1.outside("/srv/shop/file"), "utf8"), readFileSync(h1.outside("/tmp/file"), "utf8")]).toEqual(["there\n", "too\n"]);
  });

  it("one is reachable only through its bastion, one has no python", async ({ skip }) => {
    skip(lacking("namespace") !== undefined, lacking("namespace"));
    await using hosts = await startHosts({ kind: "namespace", count: 2, hosts: { h2: { behind: "h1", python: false } } });
    const { status, stdout } = await hosts.get("h2").run("hostname; command -v python3 || echo no python");
    expect([status, stdout]).toEqual([0, "h2\nno python\n"]);
    expect(hosts.get("h1").connections()).toBe(1);
    expect((await runToEnd(["ssh", "-o", "BatchMode=yes", "-o", "ProxyJump=none", "deploy@h2", "true"], { env: hosts.env })).stderr).toContain("No route to host");
  });

  it("one has an old Python, and no other", async ({ skip }) => {
    skip(lacking("namespace") !== undefined, lacking("namespace"));
    const old = findPythons().find(({ path }) => !path.startsWith("/usr/bin/"));
    skip(old === undefined, "needs a Python besides Debian's");
    await using hosts = await startHosts({ kind: "namespace", hosts: { h1: { python: join(old?.path ?? "", "../..") } } });
    const { stdout, stderr } = await hosts.get("h1").run("python3 -c 'import sys; print(\"%d.%d\" % sys.version_info[:2])'; ls /usr/bin/python3");
    expect([stdout, stderr]).toEqual([`${old?.minor ?? ""}\n`, expect.stringContaining("No such file")]);
  });

  it("one has a clock that is wrong, and jumps", async ({ skip }) => {
    skip(lacking("namespace") !== undefined, lacking("namespace"));
    const faketime = ["LD_PRELOAD=/usr/$LIB/faketime/libfaketime.so.1", "FAKETIME_TIMESTAMP_FILE=/etc/faketimerc", "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"];
    await using hosts = await startHosts({ kind: "namespace", sshd: [`SetEnv ${faketime.join(" ")}`] });
    const h1 = hosts.get("h1");
    writeFileSync(h1.outside("/etc/faketimerc"), "+10y\n");
    const years = h1.run("date +%Y; touch /srv/said; until test -e /srv/now; do sleep 0.05; done; date +%Y; python3 -c 'import time; print(time.gmtime().tm_year)'");
    while (!existsSync(h1.outside("/srv/said"))) await new Promise((passed) => setTimeout(passed, 20));
    writeFileSync(h1.outside("/etc/faketimerc"), "-10y\n");
    writeFileSync(h1.outside("/srv/now"), "");
    const now = new Date().getUTCFullYear();
    expect((await years).stdout).toBe(`${now + 10}\n${now - 10}\n${now - 10}\n`);
  });

  it("root mounts there what a test needs: a /tmp that is full and runs nothing", async ({ skip }) => {
    skip(lacking("namespace") !== undefined, lacking("namespace"));
    await using hosts = await startHosts({ kind: "namespace" });
    const h1 = hosts.get("h1");
    await h1.enter(["mount", "-t", "tmpfs", "-o", "noexec,size=4k,mode=1777", "none", "/tmp"]);
    expect((await h1.run("head -c 9000 /dev/zero > /tmp/file")).stderr).toContain("No space left on device");
    expect((await h1.run("echo > /tmp/file; chmod 755 /tmp/file; /tmp/file")).stderr).toContain("Permission denied");
  });

  it("login shells of all kinds, each with its noise", async ({ skip }) => {
    skip(lacking("namespace") !== undefined, lacking("namespace"));
    await using hosts = await startHosts({ kind: "namespace" });
    const says = async (user: string): Promise<string> => (await hosts.get("h1").run("echo $0", { user })).stdout;
    expect(await Promise.all(["noisy", "tcsh", "ash", "nologin"].map(says))).toEqual(["Welcome to h1\nbash\n", "Welcome to tcsh\ntcsh\n", "ash\n", "This account is currently not available.\n"]);
    expect((await hosts.get("h1").run("echo {$USER}", { user: "fish" })).stdout).toBe("Welcome, fish\nfish\n");
  });

  it("one whose power fails says nothing, and comes back with its disk and without its processes", async ({ skip }) => {
    skip(lacking("namespace") !== undefined, lacking("namespace"));
    await using hosts = await startHosts({ kind: "namespace" });
    const h1 = hosts.get("h1");
    await h1.run("echo kept > /srv/file; sleep 600 >/dev/null 2>&1 </dev/null &");
    await h1.halt();
    expect((await runToEnd(["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=1", h1.address, "true"], { env: hosts.env })).stderr).toMatch(/timed out|No route to host/);
    await h1.boot();
    expect((await h1.run("cat /srv/file; ps -e | grep -c sleep")).stdout).toBe("kept\n0\n");
  });
});

describe("hosts with a real systemd", { timeout: 300_000 }, () => {
  it("run a unit of the system's and one of the user's, and sudo what they may", async ({ skip }) => {
    skip(lacking("systemd") !== undefined, lacking("systemd"));
    await using hosts = await startHosts({ kind: "systemd" });
    const h1 = hosts.get("h1");
    const unit = "[Service]\nExecStart=/bin/sh -c 'echo started > /srv/$0; exec sleep 600' %N\n";
    writeFileSync(h1.outside("/etc/systemd/system/one.service"), unit);
    writeFileSync(h1.outside("/etc/sudoers.d/caisson"), "deploy ALL=(root) NOPASSWD: /usr/bin/systemctl start one.service\n", { mode: 0o440 });
    expect(await h1.run("sudo -n systemctl start one.service && systemctl is-active one.service")).toMatchObject({ status: 0, stdout: "active\n" });
    expect((await h1.run("sudo -n systemctl stop one.service")).stderr).toContain("a password is required");
    const user = await h1.run("mkdir -p ~/.config/systemd/user && cat > ~/.config/systemd/user/two.service && systemctl --user start two.service && systemctl --user is-active two.service && cat /srv/two", { input: unit });
    expect(user).toMatchObject({ status: 0, stdout: "active\nstarted\n" });
  });

  it("two at once, each with its own units; one that boots again starts what is enabled", async ({ skip }) => {
    skip(lacking("systemd") !== undefined, lacking("systemd"));
    await using hosts = await startHosts({ kind: "systemd", count: 2 });
    const h1 = hosts.get("h1");
    writeFileSync(h1.outside("/etc/systemd/system/one.service"), "[Service]\nExecStart=/bin/sleep 600\n[Install]\nWantedBy=multi-user.target\n");
    await h1.enter(["systemctl", "enable", "one.service"]);
    await h1.halt();
    await h1.boot();
    const states = await Promise.all(hosts.all.map((host) => host.run("systemctl is-active one.service")));
    expect(states.map(({ stdout }) => stdout)).toEqual(["active\n", "inactive\n"]);
  });
});
