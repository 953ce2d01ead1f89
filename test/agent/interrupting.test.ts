import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Step } from "../../src/model/index.ts";
import { CaissonError } from "../../src/model/index.ts";
import type { Agent } from "../../src/transport/index.ts";
import { activation, file, install, makeHost, stack, stream, tree, type TestHost, type TestStack } from "./host.ts";

/** Everything that a deploy asks for, and then a prune. */
function everyStep({ label, steps }: TestStack): readonly (readonly [Step, Uint8Array?])[] {
  return [...steps, [activation(label, "1" as never)], [{ step: "confirm", release: label }], [{ step: "prune", keep: 0 }]];
}

async function deploy(agent: Agent, wanted: TestStack): Promise<void> {
  await agent.observe();
  for (const [step, bytes] of everyStep(wanted)) expect(await agent.ask(step, bytes === undefined ? undefined : stream(bytes))).toMatchObject({ done: true });
}

/** What must hold at any moment: `current` is a whole release, old or new, and nothing half-made has a name of its own. */
function expectWhole(host: TestHost, allowed: readonly string[]): void {
  const text = readFileSync(join(host.root, "versions/current/config/release.txt"), "utf8");
  expect(allowed.map((label) => `this is ${label}\n`)).toContain(text);
  for (const label of readdirSync(join(host.root, "versions")).filter((name) => !name.startsWith("."))) expect(existsSync(join(host.root, "versions", label, "config/release.txt"))).toBe(true);
}

const moments = ["receive:middle", ...["tree", "stage", "activate", "confirm", "prune"].flatMap((step) => ["before", "middle", "after"].map((moment) => `${step}:${moment}`))];

it.each(moments)("law 7: killed at %s, the host stands whole, and the same deploy then goes through", async (moment) => {
  await using host = makeHost();
  {
    await using agent = await host.open();
    await install(agent, stack("0"));
  }
  {
    await using agent = await host.open();
    await install(agent, stack("1"));
  }
  {
    await using agent = await host.open({ CAISSON_FAULT: moment });
    await expect(deploy(agent, stack("2"))).rejects.toMatchObject({ code: "unknown-state" });
  }
  expectWhole(host, ["1", "2"]);
  await using agent = await host.open();
  const state = await agent.observe({ journal: 100 });
  expectWhole(host, moment.startsWith("prune") || /confirm:(?:middle|after)/.test(moment) ? ["2"] : ["1"]);
  expect(state.releases.filter(({ label }) => label === state.current)).toMatchObject([{ state: "active" }]);
  const unconfirmed = /activate:(?:middle|after)|confirm:before/.test(moment);
  expect([state.recovered?.from, state.recovered?.to]).toEqual(unconfirmed ? ["1", "2"] : [undefined, undefined]);
  expect(state.journal?.at(-1)?.event === "recovered").toBe(unconfirmed);
  if (state.current === "1") await deploy(agent, stack("2"));
  expect(await agent.observe()).toMatchObject({ current: "2", previous: "1" });
  expect(await agent.verify()).toMatchObject({ problems: [] });
  const left = ["trees", "versions", ""].flatMap((directory) => readdirSync(join(host.root, directory))).filter((name) => name.startsWith("."));
  expect(left.filter((name) => ![".generation", ".incoming", ".lock"].includes(name))).toEqual([]);
});

it("rejects what was asked and what is asked later once the agent is lost", async () => {
  await using host = makeHost();
  await using agent = await host.open({ CAISSON_FAULT: "tree:before" });
  const made = tree(file("root/x", "x"));
  // Its answer is waited for: one that is still under way dies with the agent.
  expect(await agent.ask({ step: "receive", blob: made.document.descriptor }, stream(made.document.bytes))).toMatchObject({ done: true });
  const asked = [agent.ask({ step: "tree", id: made.id, document: made.document.descriptor }), agent.ask({ step: "prune", keep: 1 })];
  for (const outcome of await Promise.allSettled(asked)) expect(outcome).toMatchObject({ status: "rejected", reason: { code: "unknown-state", message: "lost the agent on `h1`" } });
  await expect(agent.observe()).rejects.toMatchObject({ code: "unknown-state" });
});

it("ends the conversation when a blob's bytes cannot be read, and says why", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  const made = tree(file("root/x", "x".repeat(1000)));
  async function* broken(): AsyncIterable<Uint8Array> {
    yield made.document.bytes.subarray(0, 10);
    throw new CaissonError([{ code: "digest-mismatch", message: "rotten" }]);
  }
  await expect(agent.ask({ step: "receive", blob: made.document.descriptor }, broken())).rejects.toMatchObject({ code: "digest-mismatch", message: "rotten" });
  await expect(agent.observe()).rejects.toMatchObject({ message: "rotten" });
});

it("may be closed while it works", async () => {
  await using host = makeHost();
  const agent = await host.open();
  await install(agent, stack("1"));
  const asked = agent.ask({ step: "check", release: "1" as never, package: "config" as never, health: { argv: ["sleep", "3600"] }, minHealthy: 0, deadline: 3600 });
  await Promise.all([expect(asked).rejects.toMatchObject({ code: "unknown-state" }), agent[Symbol.asyncDispose]()]);
});
