import { describe, expect, it } from "vitest";
import { createContext } from "../../src/system/index.ts";
import { openAgent, type Agent } from "../../src/transport/index.ts";
import { lacking, startHosts, type Host, type Hosts } from "../support/hosts.ts";

async function open(hosts: Hosts, host: Host, root: string = "shop"): Promise<Agent> {
  const ctx = createContext({ cwd: "/", env: hosts.env, report: () => undefined, signal: new AbortController().signal });
  return await openAgent(ctx, { name: host.name, via: "ssh", address: host.address, root: host.root(root) }, { by: "tester@here" });
}

describe.skipIf(lacking("sshd") !== undefined)("the agent over ssh (needs an sshd)", () => {
  it("answers over one connection, and leaves nothing on a host that it only looks at", async () => {
    await using hosts = await startHosts();
    const host = hosts.get("h1");
    await using agent = await open(hosts, host);
    expect(await agent.observe()).toMatchObject({ host: "h1", generation: 0, current: null });
    expect(await agent.observe({ journal: 3 })).toMatchObject({ journal: [] });
    expect(host.connections()).toBe(1);
    expect(await host.run(`ls -A ${host.root("")}`)).toMatchObject({ stdout: "" });
  });
});
