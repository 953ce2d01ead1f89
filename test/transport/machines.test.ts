import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { examineHosts } from "../../src/deploy/doctor/examine-hosts.ts";
import type { Target } from "../../src/model/index.ts";
import { openAgent, openWays } from "../../src/transport/index.ts";
import { lacking, startHosts, type Hosts, type Machine } from "../support/hosts.ts";
import { contextOf, open, refusal } from "./over-ssh.ts";

const missing = lacking("namespace");

describe.skipIf(missing !== undefined)(`hosts with a Debian of their own${missing === undefined ? "" : ` (${missing})`}`, () => {
  let hosts: Hosts<Machine>;
  beforeAll(async () => {
    hosts = await startHosts({ kind: "namespace", count: 4, sshd: ["MaxStartups 10:30:100"], hosts: { h2: { python: false }, h3: { behind: "h1" }, h4: { behind: "h1", sshd: ["MaxSessions 1"] } } });
  }, 300_000);
  afterAll(async () => {
    await hosts[Symbol.asyncDispose]();
  });

  it.each(["noisy", "fish", "tcsh", "ash"])("fault 33: starts where the login shell is that of `%s`", async (user) => {
    await using agent = await open(hosts, { name: "h1", address: `${user}@h1` }, { root: "/srv/shop" });
    expect(await agent.observe()).toMatchObject({ generation: 0, facts: { privileges: "user" } });
  });

  it("fault 33: an account without a shell is refused in its own words", async () => {
    expect(await refusal(open(hosts, { name: "h1", address: "nologin@h1" }, { root: "/srv/shop" }))).toMatchObject({ code: "host-unfit", message: "`h1` lets us in, but does not run what we ask for (This account is currently not available.)" });
  });

  it("fault 34: a host without python3 is told the command that brings one", async () => {
    expect(await refusal(open(hosts, { name: "h2", address: "deploy@h2" }, { root: "/srv/shop" }))).toMatchObject({ code: "host-unfit", message: "`h2` has no Python 3.6 or newer", hint: "on h2: apt-get install python3" });
  });

  it("fault 29: hosts behind a bastion are reached through one connection to it", async () => {
    const before = hosts.get("h1").connections();
    const ctx = contextOf(hosts);
    const far = ["h3", "h4"].map((name) => ({ name, via: "ssh" as const, address: `deploy@${name}`, root: "/srv/shop" }));
    await using ways = await openWays(ctx, far);
    const agents = await Promise.all(far.map((host) => openAgent(ctx, host, { by: "tester", transport: ways.to(host) })));
    for (const agent of agents) expect(await agent.observe()).toMatchObject({ generation: 0 });
    await Promise.all(agents.map((agent) => agent[Symbol.asyncDispose]()));
    expect(hosts.get("h1").connections() - before).toBe(1);
  });

  it("fault 24: looks at what a user may do, says what root has to do, and is content after that", async () => {
    const ctx = contextOf(hosts);
    const [first, second] = await examineHosts(ctx, target("/opt/shop", ["h1", "h2"]), undefined, noStore);
    expect(first?.findings.filter(({ well }) => !well)).toEqual([{ what: "root", well: false, says: "`deploy` may not write `/opt`", mend: "as root: install -d -o deploy /opt/shop" }]);
    expect(second?.findings).toEqual([{ what: "agent", well: false, says: expect.stringContaining("`h2` has no Python 3.6 or newer") as string, mend: "on h2: apt-get install python3" }]);
    await hosts.get("h1").enter(["install", "-d", "-o", "deploy", "/opt/shop"]);
    const [now] = await examineHosts(ctx, target("/opt/shop", ["h1"]), undefined, noStore);
    expect(now?.findings.filter(({ well }) => !well)).toEqual([]);
    expect(now?.findings.find(({ what }) => what === "ssh")?.says).toMatch(/^deploy@198\.18\.\d+\.1:22, known in /);
    expect(await hosts.get("h1").enter(["ls", "-A", "/opt/shop"])).toBe("");
  });
});

/** Nothing is looked for in one. */
async function noStore(): Promise<never> {
  throw new Error("no store is needed");
}

/** These hosts, of which nothing is wanted but a directory. */
function target(root: string, names: readonly string[]): Target {
  const policy = { canary: 1, maxParallel: 1, maxFailed: 0, minHealthy: 0, healthyDeadline: 4 };
  return { name: "t", hosts: names.map((name) => ({ name, via: "ssh", address: `deploy@${name}`, root })), roles: {}, service: { kind: "none" }, policy, keep: 1 };
}
