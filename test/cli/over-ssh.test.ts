import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lacking, startHosts, type Host, type Hosts } from "../support/hosts.ts";
import { has, makeHome, type Home } from "../support/machine.ts";

const main = join(import.meta.dirname, "../../dist/bin/caisson.js");

interface Said {
  readonly status: number | null;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
}

describe.skipIf(lacking() !== undefined)("caisson over ssh (needs sshd)", () => {
  let home: Home;
  let work: string;
  let hosts: Hosts;
  beforeEach(() => {
    home = makeHome();
    work = join(home.directory, "work");
    mkdirSync(join(work, "config"), { recursive: true });
  });
  afterEach(async () => {
    home.remove();
    await hosts[Symbol.asyncDispose]();
  });

  /** Hosts, and a workspace of one package with a target for all of them, rooted below each host's own disk. */
  async function begin(count: number, more = ""): Promise<readonly Host[]> {
    hosts = await startHosts({ count });
    const all = Array.from({ length: count }, (_, at) => hosts.get(`h${at + 1}`));
    const words = all.map((host) => `${host.address}:${host.root("app")}`);
    writeFileSync(join(work, "caisson.toml"), `[workspace]\nname = "app"\n[packages.app]\nkind = "files"\npath = "config"\nhealth = { command = "grep -q good state" }\n[targets.production]\nhosts = ${JSON.stringify(words)}\nrollout = { min_healthy = "0s", healthy_deadline = "3s", max_parallel = 3 }\n${more}`);
    return all;
  }

  function caisson(...words: readonly string[]): Said {
    const env = { ...home.env, PATH: `${hosts.files.bin}:${home.env["PATH"] ?? ""}` };
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...words], { cwd: work, env, encoding: "utf8" });
    return { status, stdout: lines(stdout), stderr: lines(stderr) };
  }

  /** The same at a terminal, where somebody types this. */
  function typed(words: string, input: string): Said {
    const env = { ...home.env, PATH: `${hosts.files.bin}:${home.env["PATH"] ?? ""}` };
    const { status, stdout } = spawnSync("script", ["-qefc", `'${process.execPath}' '${main}' ${words}`, "/dev/null"], { cwd: work, env, input, encoding: "utf8" });
    return { status, stdout: stdout.replaceAll("\r", "").split("\n"), stderr: [] };
  }

  function build(version: string, state = "good"): void {
    writeFileSync(join(work, "config/VERSION"), `${version}\n`);
    writeFileSync(join(work, "config/state"), `${state} ${version}\n`);
    expect(caisson("build")).toMatchObject({ status: 0 });
  }

  it.each([1, 3])("rows P9, P10, P11: deploys to %i, deploys again, goes back, and says how it is; fault 31: over one connection each", async (count) => {
    const all = await begin(count);
    const each = (line: (name: string) => string): readonly string[] => all.map(({ name }) => line(name));
    build("1");
    expect(caisson("deploy", "--to", "production", "--yes")).toMatchObject({ status: 0, stdout: each((name) => `${name}  app@1  active  (was: none)`) });
    expect(all.map((host) => host.connections())).toEqual(all.map(() => 1));
    expect(caisson("deploy", "--to", "production", "--yes")).toMatchObject({ status: 0, stdout: each((name) => `${name}  app@1  unchanged`) });
    build("2");
    expect(caisson("deploy", "--to", "production", "--yes")).toMatchObject({ status: 0, stdout: each((name) => `${name}  app@2  active  (was: 1)`) });
    expect(caisson("status", "--to", "production")).toMatchObject({ status: 0, stdout: each((name) => `${name}  app@2  active  healthy  previous 1`) });
    expect(caisson("rollback", "--to", "production", "--yes")).toMatchObject({ status: 0, stdout: each((name) => `${name}  app@1  active  (was: 2)`) });
    expect(all.map(current)).toEqual(all.map(() => "1"));
    build("3", "bad");
    expect(caisson("deploy", "--to", "production", "--yes")).toMatchObject({ status: 3 });
    expect(all.map(current)).toEqual(all.map(() => "1"));
    const { name, trees, file } = damage(all.at(-1));
    expect(caisson("verify", "--to", "production")).toMatchObject({ status: 1, stderr: [`${name}: \`trees/${file}\` has the mode 0666 instead of 0444`, "hint: caisson verify --to production --repair"] });
    expect(caisson("verify", "--to", "production", "--repair", "--yes")).toMatchObject({ status: 0, stdout: all.map((host) => expect.stringMatching(new RegExp(`^${host.name}  \\d+ files  all as deployed$`)) as string) });
    expect(statSync(join(trees, file)).mode.toString(8)).toBe("100444");
    // To read its files once more after a repair is a visit of its own.
    expect(all.map((host) => host.connections())).toEqual(all.map((host) => (host.name === name ? 9 : 8)));
    expect(readdirSync(all[0]?.outside(all[0].root("")) ?? "")).toEqual(["app"]);
  });

  it("changes nothing on another machine unless it is told to with --yes", async () => {
    const [h1] = await begin(1);
    build("1");
    const said = caisson("deploy", "--to", "production");
    expect(said).toMatchObject({ status: 1, stderr: ["hint: add --yes"] });
    expect(said.stdout[0]).toBe("plan app@1 -> production, 1 host");
    expect(existsSync(h1?.outside(h1.root("app")) ?? "")).toBe(false);
    expect(caisson("deploy", "--to", `${h1?.address ?? ""}:${h1?.root("by hand") ?? ""}`, "--yes")).toMatchObject({ status: 0, stdout: ["h1  app@1  active  (was: none)"] });
    expect(caisson("rollback", "--to", "production").status).toBe(1);
  });

  it.skipIf(!has("script"))("asks who sits at a terminal (needs script of bsdutils)", async () => {
    const [h1] = await begin(1);
    build("1");
    const refused = typed("deploy --to production", "n\n");
    expect(refused).toMatchObject({ status: 1 });
    expect(refused.stdout.join("\n")).toMatch(/plan app@1 -> production, 1 host\n[^]*deploy on 1 host\? \[y\/N\][^]*hint: add --yes/);
    expect(existsSync(h1?.outside(h1.root("app")) ?? "")).toBe(false);
    expect(typed("deploy --to production", "yes\n")).toMatchObject({ status: 0 });
    expect(typed("deploy --to production", "")).toMatchObject({ status: 0 });
    expect(h1 === undefined ? "" : current(h1)).toBe("1");
  });

  it("says of each host that is out of reach why that is, and what to type", async () => {
    const [h1, h2, h3] = await begin(3);
    build("1");
    await h2?.kill();
    await h3?.restart({ newHostKey: true });
    const said = caisson("deploy", "--to", "production", "--yes");
    expect(said.status).toBe(1);
    expect(said.stderr).toEqual(expect.arrayContaining([expect.stringContaining("`h2` takes no ssh connection") as string, expect.stringContaining("the host key of `h3` is not the one that is known") as string, expect.stringMatching(/^hint: .*ssh-keygen -R h3/) as string]));
    expect(caisson("status", "--to", "production")).toMatchObject({ status: 5, stdout: ["h1  none", "h2  unknown", "h3  unknown"].map((line) => expect.stringContaining(line) as string) });
    expect(h1?.connections()).toBe(2);
  });

  it("fault 47: a plan in a file cannot bring an address to ssh that is more than a host", async () => {
    await begin(1);
    build("1");
    expect(caisson("deploy", "--to", "production", "--plan-out", "plan.json")).toMatchObject({ status: 0 });
    const plan = readFileSync(join(work, "plan.json"), "utf8");
    for (const address of ["-oProxyCommand=touch${IFS}here", "h1;touch here"]) {
      writeFileSync(join(work, "bad.json"), plan.replace(`"${hosts.get("h1").address}"`, JSON.stringify(address)));
      expect(caisson("deploy", "bad.json", "--yes").status).toBe(1);
    }
    writeFileSync(join(work, "bad.json"), plan.replaceAll("/srv/app", "/srv/$(touch here)"));
    expect(caisson("deploy", "bad.json", "--yes").status).toBe(1);
    expect(existsSync(join(work, "here"))).toBe(false);
    expect(caisson("deploy", "plan.json", "--yes")).toMatchObject({ status: 0 });
  });

  it("fault 14: leaves no ssh behind when it is killed, not even the one to a jump host", async () => {
    const all = await begin(3);
    for (const host of all.slice(1)) await host.restart({ sshd: ["ForceCommand exec cat"] });
    writeFileSync(hosts.files.config, `Host h2 h3\n  ProxyJump ${all[0]?.address ?? ""}\n${readFileSync(hosts.files.config, "utf8")}`);
    const running = (): readonly string[] => sshOf(hosts.files.config);
    const child = spawn(process.execPath, [main, "status", "--to", "production"], { cwd: work, env: { ...home.env, PATH: `${hosts.files.bin}:${home.env["PATH"] ?? ""}` }, stdio: "ignore" });
    await expect.poll(() => all.slice(1).map((host) => host.log().includes("Starting session")), { timeout: 120_000 }).toEqual([true, true]);
    expect(running().some((words) => words.includes("\0-M\0"))).toBe(true);
    child.kill("SIGKILL");
    await expect.poll(running, { timeout: 120_000 }).toEqual([]);
  });

  it("looks at hosts for what they need, a line for each thing", async () => {
    await begin(2);
    await hosts.get("h2").kill();
    const said = caisson("doctor", "--to", "production");
    expect(said.status).toBe(1);
    expect(said.stdout.map((line) => line.split(/ {2,}/).slice(0, 3).join(" "))).toEqual([...["ssh", "python", "root", "links", "room", "platform", "service", "clock", "lock", "umask", "selinux"].map((what) => `h1 ${what} well`), "h2 ssh mend", expect.stringContaining("is sshd running there") as string]);
    const { hosts: found, status } = JSON.parse(caisson("doctor", "--to", "production", "--json").stdout[0] ?? "") as { readonly hosts: readonly { readonly host: string; readonly findings: readonly { readonly what: string; readonly well: boolean; readonly mend?: string }[] }[]; readonly status: number };
    expect({ status, names: found.map(({ host }) => host), mend: found[1]?.findings[0] }).toMatchObject({ status: 1, names: ["h1", "h2"], mend: { what: "ssh", well: false, mend: expect.stringContaining("sshd") as string } });
    expect(readdirSync(hosts.get("h1").outside(hosts.get("h1").root("")))).toEqual([]);
  });
});

/** Without progress, which depends on how fast a machine is. */
function lines(text: string): readonly string[] {
  return text.split("\n").filter((line) => line !== "" && !/^ {2}\S/.test(line));
}

/** The words of every ssh that runs on this configuration. */
function sshOf(config: string): readonly string[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      return words.includes(config) && words.split("\0")[0]?.endsWith("ssh") === true ? [words] : [];
    } catch {
      return [];
    }
  });
}

/** A file of a tree that everybody may write to, on one host. */
function damage(host: Host | undefined): { readonly name: string; readonly trees: string; readonly file: string } {
  const trees = join(host?.outside(host.root("app")) ?? "", "trees");
  const file = readdirSync(trees, { recursive: true, encoding: "utf8" }).find((path) => path.endsWith("/state")) ?? "";
  chmodSync(join(trees, file), 0o666);
  return { name: host?.name ?? "", trees, file };
}

/** The release that a host's link leads to. */
function current(host: Host): string {
  return readlinkSync(join(host.outside(host.root("app")), "versions/current"));
}
