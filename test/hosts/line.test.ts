import { existsSync } from "node:fs";
import { expect, it } from "vitest";
import type { CaissonError } from "../../src/model/index.ts";
import { planFrameCut, type FrameCut } from "../support/frame-cut.ts";
import { lacking, startHosts } from "../support/hosts.ts";
import { runToEnd } from "../support/host.ts";
import { openLine } from "../support/line.ts";
import { open } from "../transport/over-ssh.ts";

it("is as long as it is told to be, and counts what it carries", async ({ skip }) => {
  skip(lacking() !== undefined, lacking());
  await using hosts = await startHosts();
  const h1 = hosts.get("h1");
  const timed = async (): Promise<number> => {
    const start = performance.now();
    expect((await h1.run("true")).status).toBe(0);
    return performance.now() - start;
  };
  await using line = await openLine(hosts, "h1", { roundTrip: 100 });
  const long = await timed();
  const { connections, turns, toHost, fromHost } = await line.traffic();
  expect(connections).toBe(1);
  expect(turns).toBeGreaterThan(5);
  expect(long).toBeGreaterThan((turns - 2) * 100);
  expect([toHost > 1000, fromHost > 1000]).toEqual([true, true]);
});

it("is as narrow as it is told to be", async ({ skip }) => {
  skip(lacking() !== undefined, lacking());
  await using hosts = await startHosts();
  await using line = await openLine(hosts, "h1");
  await line.set({ rate: 200_000 });
  const start = performance.now();
  expect((await hosts.get("h1").run("wc -c", { input: Buffer.alloc(200_000) })).stdout.trim()).toBe("200000");
  expect(performance.now() - start).toBeGreaterThan(900);
});

it("cuts: at once, after the n-th byte, and passes the next connection", async ({ skip }) => {
  skip(lacking() !== undefined, lacking());
  await using hosts = await startHosts();
  const h1 = hosts.get("h1");
  await using line = await openLine(hosts, "h1");
  const busy = h1.run("echo begun; cat >/dev/null; sleep 20");
  while ((await line.traffic()).fromHost < 2000) await new Promise((passed) => setTimeout(passed, 20));
  await line.cut();
  expect((await busy).status).toBe(255);
  const before = (await line.traffic()).toHost;
  await line.set({ cutAfter: { direction: "toHost", bytes: 100_000 } });
  expect(await h1.run("cat >/dev/null", { input: Buffer.alloc(1_000_000) })).toMatchObject({ status: 255, stderr: expect.stringMatching(/reset|closed|Broken pipe/) as string });
  expect((await line.traffic()).toHost - before).toBe(100_000);
  expect((await h1.run("true")).status).toBe(0);
});

it("goes silent and comes back, and nothing is lost", async ({ skip }) => {
  skip(lacking() !== undefined, lacking());
  await using hosts = await startHosts();
  await using line = await openLine(hosts, "h1");
  const busy = hosts.get("h1").run("sleep 0.3; echo still here");
  while (hosts.get("h1").connections() === 0) await new Promise((passed) => setTimeout(passed, 10));
  await line.silence();
  const { fromHost } = await line.traffic();
  await new Promise((passed) => setTimeout(passed, 800));
  expect((await line.traffic()).fromHost).toBe(fromHost);
  await line.mend();
  expect(await busy).toMatchObject({ status: 0, stdout: "still here\n" });
});

it("inverts one bit, which ssh notices", async ({ skip }) => {
  skip(lacking() !== undefined, lacking());
  await using hosts = await startHosts();
  await using line = await openLine(hosts, "h1");
  await line.set({ flipAt: { direction: "toHost", byte: 20_000 } });
  const { status } = await hosts.get("h1").run("cat >/dev/null", { input: Buffer.alloc(100_000) });
  expect(status).toBe(255);
  expect(hosts.get("h1").log()).toMatch(/[Cc]orrupted MAC|message authentication code incorrect/);
});

it("breaks at a frame of a conversation with the agent: the planned one arrives, and nothing after it", async ({ skip }) => {
  skip(lacking() !== undefined, lacking());
  await using hosts = await startHosts();
  await using line = await openLine(hosts, "h1");
  const converse = async (cut: FrameCut): Promise<string> => {
    try {
      await using agent = await open(hosts, hosts.get("h1"), { env: cut.env });
      await agent.observe({ journal: 3 });
      await agent.verify();
      return "to its end";
    } catch (problem) {
      return (problem as CaissonError).code;
    }
  };
  const counted = planFrameCut(hosts, "h1", line);
  expect(await converse(counted)).toBe("to its end");
  expect(counted.seen()).toMatchObject({ broken: false, kinds: { toHost: expect.arrayContaining(["observe", "verify"]) as string[], fromHost: expect.arrayContaining(["answer"]) as string[] } });
  const { toHost, fromHost } = counted.seen();
  const places = [...Array.from({ length: toHost }, (_, at) => ({ direction: "toHost", frame: at + 1 }) as const), ...Array.from({ length: fromHost - 1 }, (_, at) => ({ direction: "fromHost", frame: at + 1 }) as const)];
  for (const place of places) {
    const cut = planFrameCut(hosts, "h1", line, { ...place, half: true });
    expect([place, await converse(cut)]).not.toEqual([place, "to its end"]);
    expect(cut.seen()).toMatchObject({ broken: true, [place.direction]: place.frame });
  }
});

it("lies before a bastion as well: what is behind it is then out of reach, and back when it is", { timeout: 300_000 }, async ({ skip }) => {
  skip(lacking("namespace") !== undefined, lacking("namespace"));
  await using hosts = await startHosts({ kind: "namespace", count: 2, hosts: { h2: { behind: "h1" } } });
  await using line = await openLine(hosts, "h1", { roundTrip: 20 });
  const h2 = hosts.get("h2");
  expect((await h2.run("hostname")).stdout).toBe("h2\n");
  expect((await line.traffic()).connections).toBe(1);
  const busy = h2.run("echo begun > /srv/begun; sleep 30");
  while (!existsSync(h2.outside("/srv/begun"))) await new Promise((passed) => setTimeout(passed, 20));
  await line.cut();
  expect((await busy).status).toBe(255);
  expect((await h2.run("hostname")).stdout).toBe("h2\n");
});

it("as a wire: TCP itself meets its length, and what travels is counted in packets", { timeout: 300_000 }, async ({ skip }) => {
  skip(lacking("wire") !== undefined, lacking("wire"));
  await using hosts = await startHosts({ kind: "namespace", count: 2, wire: { roundTrip: 100 } });
  const h1 = hosts.get("h1");
  const start = performance.now();
  expect((await h1.run("true")).status).toBe(0);
  const took = performance.now() - start;
  const { turns, toHost, fromHost, connections } = await hosts.wire!.count("h1");
  expect(connections).toBe(1);
  expect(turns).toBeGreaterThan(7);
  expect(took).toBeGreaterThan((turns - 2) * 100);
  expect([toHost > 3000, fromHost > 3000]).toEqual([true, true]);
  await hosts.wire!.set({ roundTrip: 0, silent: true }, "h2");
  expect((await runToEnd(["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=1", "deploy@h2", "true"], { env: hosts.env })).stderr).toContain("timed out");
  await hosts.wire!.set({ silent: false, loss: 0.05 }, "h2");
  expect((await hosts.get("h2").run("wc -c", { input: Buffer.alloc(300_000) })).stdout).toBe("300000\n");
  expect((await hosts.wire!.count("h2")).dropped).toBeGreaterThan(0);
});
