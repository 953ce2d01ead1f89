import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createConnection, createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { openAgent, openWays } from "../../src/transport/index.ts";
import { lacking, startHosts, type Hosts } from "../support/hosts.ts";
import { findPythons, has } from "../support/machine.ts";
import { configure, contextOf, open, refusal } from "./over-ssh.ts";

/** Let every command of h1 go through this one, in which `"$SSH_ORIGINAL_COMMAND"` is what was asked for. */
async function force(hosts: Hosts, command: string, more: readonly string[] = []): Promise<void> {
  const script = join(hosts.files.directory, "forced");
  writeFileSync(script, `#!/bin/sh\n${command}\n`, { mode: 0o755 });
  await hosts.get("h1").restart({ sshd: [`ForceCommand "${script}"`, ...more] });
}

describe.skipIf(lacking() !== undefined)("the agent over ssh (needs sshd)", () => {
  it("fault 31: answers over one connection, and leaves nothing on a host that it only looks at", async () => {
    await using hosts = await startHosts();
    const host = hosts.get("h1");
    await using agent = await open(hosts);
    expect(await agent.observe()).toMatchObject({ host: "h1", generation: 0, current: null });
    expect(await agent.observe({ journal: 3 })).toMatchObject({ journal: [] });
    expect(host.connections()).toBe(1);
    expect(host.log().split("\n").filter((line) => line.startsWith("Starting session"))).toHaveLength(1);
    expect(await host.run(`ls -A '${host.root("")}'`)).toMatchObject({ stdout: "" });
  });

  it("keeps nothing running when it is closed, and says that the host is lost when its line is cut", async () => {
    await using hosts = await startHosts();
    const closed = await open(hosts);
    await closed[Symbol.asyncDispose]();
    await using agent = await open(hosts);
    await hosts.get("h1").kill();
    await expect(agent.verify()).rejects.toMatchObject({ code: "unknown-state", message: expect.stringMatching(/^lost the agent on `h1` \(.+\)$/) as string });
    await expect.poll(() => runningWith(hosts.get("h1").root("shop")), { timeout: 120_000 }).toEqual([]);
  });

  it("fault 28: believes a host certificate", async () => {
    await using hosts = await startHosts();
    const { directory, knownHosts } = hosts.files;
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(directory, "authority")]);
    execFileSync("ssh-keygen", ["-q", "-s", join(directory, "authority"), "-I", "h1", "-h", "-n", "h1", join(directory, "h1.hostkey.pub")]);
    writeFileSync(knownHosts, `@cert-authority * ${readFileSync(join(directory, "authority.pub"), "utf8")}`);
    await hosts.get("h1").restart({ sshd: [`HostCertificate ${join(directory, "h1.hostkey-cert.pub")}`] });
    await using agent = await open(hosts);
    expect(await agent.observe()).toMatchObject({ generation: 0 });
  });

  it("fault 30: needs one session, and neither forwarding nor a terminal", async () => {
    await using hosts = await startHosts({ sshd: ["MaxSessions 1", "AllowTcpForwarding no", "AllowStreamLocalForwarding no", "DisableForwarding yes", "PermitTTY no"] });
    await using agent = await open(hosts);
    expect(await agent.verify()).toEqual({ files: 0, problems: [] });
  });

  it("fault 30: says what a host does that runs a command of its own", async () => {
    await using hosts = await startHosts();
    await force(hosts, "echo only backups here; echo you wanted: $SSH_ORIGINAL_COMMAND; exit 3");
    const error = await refusal(open(hosts));
    expect(error).toMatchObject({ code: "host-unfit", message: "`h1` lets us in, but does not run what we ask for (only backups here)" });
    expect(error.hint).toMatch(/no ForceCommand: `ssh \S+@h1 echo here` must say `here`/);
    expect(String(error.cause)).toMatch(/^only backups here\nyou wanted: exec sh -c/);
  });

  it("fault 32: cares for no connection that the user's own configuration speaks of and that does not stand", async () => {
    await using hosts = await startHosts();
    const stale = join(hosts.files.directory, "stale");
    const server = createServer().listen(stale);
    await new Promise((closed) => server.once("listening", closed));
    for (const path of [stale, `/tmp/${"x".repeat(120)}`, "/nowhere/at/all"]) {
      configure(hosts, ["Host h1", "  ControlMaster auto", "  ControlPersist 60", `  ControlPath ${path}`]);
      if (path === stale) await new Promise((closed) => server.close(closed));
      await using agent = await open(hosts);
      expect(await agent.observe()).toMatchObject({ generation: 0 });
    }
  });

  it("fault 32: goes through a connection of the user's own that stands, and leaves it standing", async () => {
    await using hosts = await startHosts();
    const socket = join("/tmp", `caisson-test-${process.pid}`);
    configure(hosts, ["Host h1", `  ControlPath ${socket}`]);
    const master = spawn(join(hosts.files.bin, "ssh"), ["-M", "-N", "-T", hosts.get("h1").address], { env: hosts.env, stdio: "ignore" });
    try {
      while ((await hosts.get("h1").run("true")).status !== 0 || hosts.get("h1").connections() === 0) await sleep(20);
      const before = hosts.get("h1").connections();
      await using agent = await open(hosts);
      expect(await agent.observe()).toMatchObject({ generation: 0 });
      expect(hosts.get("h1").connections()).toBe(before);
      expect(master.exitCode).toBe(null);
    } finally {
      master.kill();
    }
  });

  const shells = [["fish", "fish -c"], ["csh", "csh -fc"], ["tcsh", "tcsh -c"], ["dash", "dash -c"], ["busybox", "busybox sh -c"], ["zsh", "zsh -c"], ["bash", "bash -xlc"]] as const;

  it.each(shells.filter(([shell]) => has(shell)))("fault 33: starts behind %s as login shell", async (_, call) => {
    await using hosts = await startHosts();
    await force(hosts, `exec ${call} "$SSH_ORIGINAL_COMMAND"`);
    await using agent = await open(hosts);
    expect(await agent.observe()).toMatchObject({ generation: 0 });
  });

  it("fault 33: hears through whatever a login shell prints, and gets no terminal", async () => {
    await using hosts = await startHosts();
    configure(hosts, ["Host h1", "  RequestTTY force", "  RemoteCommand top", "  SendEnv LANG LC_*"]);
    await force(hosts, 'echo "you are on record: $SSH_ORIGINAL_COMMAND"; head -c 300000 /dev/urandom; printf "no newline"; stty -a; [ -t 0 ] && exit 9; eval "$SSH_ORIGINAL_COMMAND"');
    await using agent = await open(hosts, undefined, { env: { LANG: "xx_YY.KOI8", LC_ALL: "tlh" } });
    expect(await agent.observe()).toMatchObject({ generation: 0 });
  });

  it("fault 33: runs its command whatever the user's own configuration does with sessions", async () => {
    await using hosts = await startHosts();
    for (const line of ["RemoteCommand top", "SessionType none", "StdinNull yes", "ForkAfterAuthentication yes", "LogLevel QUIET", "LocalForward 127.0.0.1:1 127.0.0.1:2"]) {
      configure(hosts, ["Host h1", `  ${line}`]);
      await using agent = await open(hosts);
      expect(await agent.observe(), line).toMatchObject({ generation: 0 });
    }
  });

  it("fault 33: says of an account that runs nothing what that prints", async () => {
    await using hosts = await startHosts();
    await force(hosts, "echo This account is currently not available.; exit 1");
    expect(await refusal(open(hosts))).toMatchObject({ code: "host-unfit", cause: expect.stringMatching(/^This account is currently not available\./) as string });
  });

  it("fault 34: finds a Python under any name, and not one that only looks like it", async () => {
    await using hosts = await startHosts();
    const bin = tools(hosts, { python3: "#!/bin/sh\necho pyenv: no version >&2; exit 127\n", "python3.9": "#!/bin/sh\nexit 2\n" });
    const [oldest] = findPythons();
    symlinkSync(oldest?.path ?? "", join(bin, `python3.6`));
    await force(hosts, `PATH="${bin}"; export PATH; exec sh -c "$SSH_ORIGINAL_COMMAND"`);
    await using agent = await open(hosts);
    expect((await agent.observe()).facts.python).toMatch(new RegExp(`^${oldest?.minor ?? ""}\\.`));
  });

  it("fault 34: runs on the interpreter that a release has brought, where the host has none", async () => {
    await using hosts = await startHosts();
    const root = join(hosts.get("h1").root("shop"));
    const place = hosts.get("h1").outside(join(root, "versions/1/web/bin"));
    mkdirSync(place, { recursive: true });
    symlinkSync("1", join(place, "../../../current"));
    symlinkSync(findPythons().at(-1)?.path ?? "", join(place, "python"));
    await force(hosts, `PATH="${tools(hosts, {})}"; export PATH; exec sh -c "$SSH_ORIGINAL_COMMAND"`);
    await using agent = await open(hosts);
    expect(await agent.observe()).toMatchObject({ current: "1" });
  });

  it("fault 34: says what a host without a Python needs, in the words of its system", async () => {
    await using hosts = await startHosts();
    await force(hosts, `PATH="${tools(hosts, { python3: "#!/bin/sh\necho 2.7; exit 2\n" })}"; export PATH; exec sh -c "$SSH_ORIGINAL_COMMAND"`, []);
    const error = await refusal(open(hosts));
    expect(error).toMatchObject({ code: "host-unfit", message: "`h1` has no Python 3.6 or newer" });
    expect(error.hint).toMatch(/python3?|Python 3\.6/);
  });

  it.each(findPythons().map(({ minor, path }) => [minor, path] as const))("fault 34: starts on CPython %s", async (minor, path) => {
    await using hosts = await startHosts();
    const bin = tools(hosts, {});
    symlinkSync(path, join(bin, "python3"));
    await force(hosts, `PATH="${bin}"; export PATH; exec sh -c "$SSH_ORIGINAL_COMMAND"`);
    await using agent = await open(hosts);
    expect((await agent.observe()).facts.python).toMatch(new RegExp(`^${minor.replace(".", "\\.")}\\.`));
    expect(await agent.verify()).toEqual({ files: 0, problems: [] });
  });

  it("fault 47: nothing reaches ssh that could be read as more than a host, or a shell as more than a directory", async () => {
    await using hosts = await startHosts();
    for (const address of ["-oProxyCommand=touch /tmp/x", "h1;id", "h1\nh2", "$(id)@h1"]) expect(await refusal(open(hosts, { name: "h1", address }))).toMatchObject({ code: "name-invalid" });
    for (const root of ["/srv/$(id)", "/srv/a'b", "srv", "/srv/a\nb"]) expect(await refusal(open(hosts, undefined, { root }))).toMatchObject({ code: "name-invalid" });
    expect(hosts.get("h1").connections()).toBe(0);
  });

  it("says how ssh is installed where it is missing", async () => {
    await using hosts = await startHosts();
    expect(await refusal(open(hosts, undefined, { env: { PATH: "/nowhere" } }))).toMatchObject({ code: "tool-missing", hint: expect.stringContaining("openssh-client") as string });
  });

  it("fault 29: tries again where it is dropped among many", async () => {
    await using hosts = await startHosts();
    const port = Number(/Host h1\n[^]*?Port (\d+)/.exec(readFileSync(hosts.files.config, "utf8"))?.[1]);
    let dropped = 0;
    const crowded = createServer((socket) => {
      socket.on("error", () => undefined);
      if (dropped++ < 2) {
        socket.destroy();
        return;
      }
      const behind = createConnection(port, "127.0.0.1");
      behind.on("error", () => undefined);
      socket.pipe(behind).pipe(socket);
    }).listen(0, "127.0.0.1");
    await new Promise((listening) => crowded.once("listening", listening));
    configure(hosts, ["Host h1", `  Port ${(crowded.address() as AddressInfo).port}`]);
    await using agent = await open(hosts);
    expect(await agent.observe()).toMatchObject({ generation: 0 });
    expect(dropped).toBe(3);
    crowded.close();
  });

  it("fault 29: many hosts behind a jump host take one connection to it", async () => {
    const count = 24;
    await using hosts = await startHosts({ count: 2 });
    await hosts.get("h1").restart({ sshd: ["MaxStartups 10:30:100", "MaxSessions 1"] });
    await hosts.get("h2").restart({ sshd: ["MaxStartups 300"] });
    const port = /Host h2\n[^]*?Port (\d+)/.exec(readFileSync(hosts.files.config, "utf8"))?.[1] ?? "";
    configure(hosts, ["Host t*", "  HostName 127.0.0.1", `  Port ${port}`, "  HostKeyAlias h2", `  ProxyJump ${hosts.get("h1").address}`]);
    const ctx = contextOf(hosts);
    const far = Array.from({ length: count }, (__, at) => ({ name: `t${at}`, via: "ssh" as const, address: `t${at}`, root: hosts.get("h2").root(`r${at}`) }));
    await using ways = await openWays(ctx, far);
    const agents = await Promise.all(far.map((host) => openAgent(ctx, host, { by: "tester", transport: ways.to(host) })));
    for (const agent of agents) expect(await agent.observe()).toMatchObject({ generation: 0 });
    expect({ jump: hosts.get("h1").connections(), hosts: hosts.get("h2").connections() }).toEqual({ jump: 1, hosts: count });
    // It dies, and everything behind it is of unknown state; then it refuses, once for all.
    await hosts.get("h1").kill();
    const ends = await Promise.allSettled(agents.map((agent) => agent.verify()));
    expect(ends.every((end) => end.status === "rejected" && (end.reason as { readonly code?: string }).code === "unknown-state")).toBe(true);
    await Promise.all(agents.map((agent) => agent[Symbol.asyncDispose]()));
    const again = await Promise.all(far.slice(0, 3).map((host) => refusal(openAgent(ctx, host, { by: "tester", transport: ways.to(host) }))));
    for (const error of again) expect(error).toMatchObject({ code: "host-unreachable", message: expect.stringMatching(/^the jump host: `\S+` takes no ssh connection$/) as string });
    await hosts.get("h1").restart({ sshd: ["MaxSessions 1"] });
    await sleep(3200);
    await using back = await openAgent(ctx, far[0] as (typeof far)[number], { by: "tester", transport: ways.to(far[0] as (typeof far)[number]) });
    expect(await back.observe()).toMatchObject({ generation: 0 });
  });
});

/** Processes of this machine that have this among their words. */
function runningWith(word: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(word);
    } catch {
      return false;
    }
  });
}

/** A directory with sh, what sh needs, and these programs. */
function tools(hosts: Hosts, programs: Readonly<Record<string, string>>): string {
  const bin = join(hosts.files.directory, "tools");
  mkdirSync(bin);
  symlinkSync("/bin/sh", join(bin, "sh"));
  for (const [name, text] of Object.entries(programs)) writeFileSync(join(bin, name), text, { mode: 0o755 });
  return bin;
}
