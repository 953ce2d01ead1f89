import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { once } from "node:events";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { isRunning, processWord } from "../../scripts/hosts/processes.mjs";
import { sweep } from "../../scripts/hosts/place.mjs";
import { lacking, startHosts } from "../support/hosts.ts";
import { project } from "../support/machine.ts";

describe("hosts whose test was killed", { timeout: 300_000 }, () => {
  it("are gone at the next start, when they were an sshd each", async ({ skip }) => {
    skip(lacking() !== undefined, lacking());
    const killed = spawn("sleep", ["0"]);
    await once(killed, "exit");
    const left = join(tmpdir(), `caisson-hosts-${userInfo().uid}`, `${killed.pid ?? 0}-1-left`);
    mkdirSync(left, { recursive: true });
    const remains = spawn("sleep", ["600"], { env: { ...process.env, CAISSON_TEST_HOSTS: left }, stdio: "ignore" });
    const word = processWord(remains.pid);
    const ended = once(remains, "exit");
    await using hosts = await startHosts();
    expect((await hosts.get("h1").run("true")).status).toBe(0);
    await ended;
    expect([existsSync(left), isRunning(word)]).toEqual([false, false]);
  });

  it("are gone at the next start, with processes, mounts, links and control groups, when they had a Debian of their own", async ({ skip }) => {
    skip(lacking("systemd") !== undefined, lacking("systemd"));
    const program = `import { openGroup } from ${JSON.stringify(pathToFileURL(join(project, "scripts/hosts/group.mjs")).href)};
      import { processWord } from ${JSON.stringify(pathToFileURL(join(project, "scripts/hosts/processes.mjs")).href)};
      const { number, hosts } = await openGroup({ kind: "systemd", names: ["h1", "h2"], owner: processWord(), wire: {} });
      console.log(JSON.stringify({ number, leaders: hosts.map((host) => processWord(host.leader())) }));
      setTimeout(() => undefined, 600_000);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: ["ignore", "pipe", "inherit"] });
    const [answer] = await once(child.stdout, "data") as [Buffer];
    const { number, leaders } = JSON.parse(answer.toString()) as { readonly number: number; readonly leaders: readonly string[] };
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(leaders.map(isRunning)).toEqual([true, true]);
    const key = (): string => readFileSync(`/var/tmp/caisson-hosts/${number}/ssh/key.pub`, "utf8");
    const before = key();
    await sweep();
    expect(leaders.map(isRunning)).toEqual([false, false]);
    // Somebody else may have taken the number already.
    const isTaken = existsSync(`/var/tmp/caisson-hosts/${number}/owner`) && key() !== before;
    const left = [
      ...readFileSync("/proc/self/mountinfo", "utf8").split("\n").filter((line) => line.includes(`/var/tmp/caisson-hosts/${number}/`)),
      ...readdirSync("/sys/class/net").filter((name) => new RegExp(`^c[si]${number}(?:-|$)`).test(name)),
      ...["/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"].map((path) => join(path, `caisson-${number}`)).filter((path) => existsSync(path)),
    ];
    expect(isTaken ? [] : left).toEqual([]);
  });

  it("do not stand in each other's way: several groups at a time", async ({ skip }) => {
    skip(lacking("namespace") !== undefined, lacking("namespace"));
    const groups = await Promise.all([startHosts({ kind: "namespace", count: 2 }), startHosts({ kind: "namespace" }), startHosts({ count: 2 }), startHosts()]);
    const answers = await Promise.all(groups.flatMap(({ all }) => all).map((host) => host.run("hostname")));
    expect(answers.map(({ status }) => status)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(new Set(groups.map(({ files }) => files.directory)).size).toBe(4);
    await Promise.all(groups.map((group) => group[Symbol.asyncDispose]()));
    expect(groups.map(({ files }) => existsSync(files.directory))).toEqual([false, false, false, false]);
  });
});
