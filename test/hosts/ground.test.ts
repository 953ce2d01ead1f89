import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runToEnd } from "../support/host.ts";
import { lacking, startHosts } from "../support/hosts.ts";

describe("hosts that are an sshd each", { timeout: 30_000 }, () => {
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
