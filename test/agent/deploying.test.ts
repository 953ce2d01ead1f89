import { readFileSync, readdirSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { activation, install, makeHost, stage, stack } from "./host.ts";

it("answers for a root that does not exist, and makes nothing", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  expect(await agent.observe()).toMatchObject({ host: "h1", generation: 0, current: null, previous: null, releases: [] });
  expect(readdirSync(host.directory)).toEqual([]);
});

it("stages, activates and confirms a release", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  const state = await install(agent, stack("1.9"));
  expect(state).toMatchObject({ generation: 1, current: "1.9", previous: null, releases: [{ label: "1.9", name: "shop", state: "active" }] });
  expect(readlinkSync(join(host.root, "versions/current"))).toBe("1.9");
  expect(readFileSync(join(host.root, "versions/current/config/release.txt"), "utf8")).toBe("this is 1.9\n");
  expect(readlinkSync(join(host.root, "versions/1.9/bin/run"))).toBe("../config/bin/run");
  expect(statSync(join(host.root, "versions/1.9/config/bin/run")).mode & 0o777).toBe(0o555);
  expect(statSync(join(host.root, "versions/1.9/config/release.txt")).mode & 0o777).toBe(0o444);
});

it("row P9: switches the second and the third time too, and keeps the previous release", async () => {
  await using host = makeHost();
  for (const [label, previous] of [["1", null], ["2", "1"], ["3", "2"], ["2", "3"]] as const) {
    await using agent = await host.open();
    expect(await install(agent, stack(label))).toMatchObject({ current: label, previous });
    expect(readlinkSync(join(host.root, "versions/current"))).toBe(label);
  }
  expect(readdirSync(join(host.root, "versions")).toSorted()).toEqual(["1", "2", "3", "current", "previous"]);
});

it("does what is asked in turn only as far as all goes well", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  await install(agent, stack("1"));
  await stage(agent, stack("2"));
  const check = { step: "check", release: "2" as never, package: "config" as never, health: { argv: ["false"] }, minHealthy: 0, deadline: 0 } as const;
  const answers = await Promise.all(agent.askInTurn([activation("2" as never, "1" as never), check, { step: "confirm", release: "2" as never }]));
  expect(answers).toMatchObject([{ done: true }, { done: false, code: "unhealthy" }, { done: false, code: "cancelled" }]);
  expect(await agent.observe()).toMatchObject({ current: "2", releases: [{ state: "retired" }, { state: "unconfirmed" }] });
  expect(await agent.ask({ step: "undo", release: "2" as never })).toMatchObject({ done: true, changed: true });
  expect(await Promise.all(agent.askInTurn([activation("2" as never, "1" as never), { step: "confirm", release: "2" as never }]))).toMatchObject([{ done: true, changed: true }, { done: true, changed: true }]);
});

it("goes back when asked to", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  await install(agent, stack("1"));
  await stage(agent, stack("2"));
  await agent.ask(activation("2" as never, "1" as never));
  expect(await agent.observe()).toMatchObject({ current: "2", releases: [{ label: "1", state: "retired" }, { label: "2", state: "unconfirmed" }] });
  expect(await agent.ask({ step: "undo", release: "2" as never, detail: "unhealthy" })).toMatchObject({ done: true, changed: true });
  const state = await agent.observe({ journal: 1 });
  expect(state).toMatchObject({ current: "1", previous: null, releases: [{ label: "1", state: "active" }, { label: "2", state: "staged" }] });
  expect(state.journal).toMatchObject([{ event: "undone", from: "1", to: "2", detail: "unhealthy", by: "tester@here" }]);
});

it("undoes an unconfirmed switch when the controller goes away", async () => {
  await using host = makeHost();
  {
    await using agent = await host.open();
    await install(agent, stack("1"));
    await stage(agent, stack("2"));
    await agent.ask(activation("2" as never, "1" as never));
    expect(readlinkSync(join(host.root, "versions/current"))).toBe("2");
  }
  expect(readlinkSync(join(host.root, "versions/current"))).toBe("1");
  await using agent = await host.open();
  expect((await agent.observe({ journal: 1 })).journal).toMatchObject([{ event: "undone", from: "1", to: "2", detail: "controller lost" }]);
});

it("undoes an unconfirmed switch when the controller leaves, and writes down why", async () => {
  await using host = makeHost();
  {
    await using agent = await host.open();
    await install(agent, stack("1"));
    await stage(agent, stack("2"));
    await agent.ask(activation("2" as never, "1" as never));
    await agent.leave("process `web` ended with status 1");
  }
  expect(readlinkSync(join(host.root, "versions/current"))).toBe("1");
  await using agent = await host.open();
  expect((await agent.observe({ journal: 1 })).journal).toMatchObject([{ event: "undone", from: "1", to: "2", detail: "process `web` ended with status 1" }]);
});

it("leaves no temporary file", async () => {
  await using host = makeHost();
  {
    await using agent = await host.open();
    await install(agent, stack("1"));
  }
  expect(readdirSync(host.root).toSorted()).toEqual([".generation", ".lock", "journal.jsonl", "shared", "trees", "versions"]);
  expect(readdirSync(join(host.root, "trees")).filter((name) => name.startsWith("."))).toEqual([]);
});
