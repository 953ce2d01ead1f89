import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { applyPlan } from "../../src/deploy/apply/apply.ts";
import { prepareDeploy } from "../../src/deploy/deploy.ts";
import type { Step, Target } from "../../src/model/index.ts";
import { openAgent } from "../../src/transport/index.ts";
import { makeStack, openWorkbench, type HandMade, type Workbench } from "../support/hand-made.ts";

const root = join(import.meta.dirname, "../..");

function sources(...rooms: readonly string[]): readonly string[] {
  return rooms.flatMap((room) => readdirSync(join(root, "src", room), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts")).map((name) => join("src", room, name)));
}

it("law 3: formats, transport and what plans and applies read payloads, never packages or workspaces", () => {
  const planning = sources("deploy").filter((file) => /\/(?:plan|apply|rollback|prune|fit|check|status)[^/]*$/.test(file));
  const wrong = [...sources("formats", "transport"), ...planning].filter((file) => /\b(?:Package|Workspace)\b[^"`]*\} from "[./]*model\/index\.ts"/.test(readFileSync(join(root, file), "utf8")));
  expect(planning.length).toBeGreaterThan(5);
  expect(wrong).toEqual([]);
});

it("law 6: every function of the library that waits for something says on what it acts: a context, a store, an agent, blobs", () => {
  const names = [...readFileSync(join(root, "src/index.ts"), "utf8").matchAll(/export \{(?<names>[^}]+)\}/g)].flatMap((found) => (found.groups?.["names"] ?? "").split(",").map((name) => name.trim()).filter((name) => !name.startsWith("type ")));
  const declarations = readdirSync(join(root, "dist"), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".d.ts")).map((name) => readFileSync(join(root, "dist", name), "utf8")).join("\n");
  const functions = [...declarations.matchAll(/export declare function (?<name>\w+)(?:<[^(]*>)?\((?<parameters>[^;]*)\): (?<result>[^;]+);/g)].map((found) => ({ name: "", parameters: "", result: "", ...found.groups }));
  const waiting = functions.filter(({ name, result }) => names.includes(name) && /Promise|AsyncIterable/.test(result));
  expect(waiting.length).toBeGreaterThan(20);
  expect(waiting.filter(({ parameters }) => !/\b(?:Context|Store|Agent|BlobReader|BlobWriter)\b/.test(parameters)).map(({ name }) => name)).toEqual([]);
});

/** A program whose health check ends with a status. */
function hello(version: string, status: number): HandMade {
  return { version, files: { "bin/hello": `#!/bin/sh\nexit ${status}\n`, "etc/version": version }, health: { argv: ["hello"] } };
}

describe("law 4: what is applied is what was planned", () => {
  let bench: Workbench;
  beforeEach(async () => {
    bench = await openWorkbench();
  });
  afterEach(async () => {
    await bench[Symbol.asyncDispose]();
  });

  /** Deploy, and give the plan's steps beside those that reached the agent. */
  async function deploy(made: HandMade): Promise<{ readonly planned: readonly Step[]; readonly back: readonly Step[]; readonly asked: readonly Step[]; readonly outcome: string | undefined }> {
    const target: Target = { name: "local:app", roles: {}, service: { kind: "none" }, keep: 5, hosts: [{ name: "local", via: "local", address: "", root: join(bench.directory, "app") }], policy: { canary: 1, maxParallel: 1, maxFailed: 0, minHealthy: 0, healthyDeadline: 1 } };
    const wanted = await makeStack(bench.store, made);
    const asked: Step[] = [];
    await using change = await prepareDeploy(bench.ctx, bench.store, wanted, target);
    const results = await applyPlan(bench.ctx, bench.store, change.plan, async (host) => {
      const agent = await openAgent(bench.ctx, host, { by: "test" });
      const ask = agent.ask.bind(agent);
      agent.ask = (step, bytes) => (asked.push(step), ask(step, bytes));
      const askInTurn = agent.askInTurn.bind(agent);
      agent.askInTurn = (steps) => (asked.push(...steps), askInTurn(steps));
      return agent;
    });
    return { planned: change.plan.hosts[0]?.steps ?? [], back: change.plan.hosts[0]?.back ?? [], asked, outcome: results[0]?.outcome };
  }

  it("sends each step of the plan, in its order, and no other", async () => {
    const { planned, asked, outcome } = await deploy(hello("1", 0));
    expect(outcome).toBe("done");
    expect(asked).toEqual(planned);
  });

  it("adds nothing but the undo of what it activated, when a step fails, and looks back as planned", async () => {
    await deploy(hello("1", 0));
    const { planned, back, asked, outcome } = await deploy(hello("2", 1));
    expect(outcome).toBe("undone");
    expect(planned.map(({ step }) => step)).toContain("confirm");
    const undo = asked.findIndex(({ step }) => step === "undo");
    // The confirmation was asked with all others, and left undone by the host.
    expect(asked.slice(0, undo)).toEqual(planned);
    expect(asked[undo]).toMatchObject({ step: "undo", release: "2" });
    expect(asked.slice(undo + 1)).toEqual(back);
    expect(back).toMatchObject([{ step: "check", release: "1" }]);
  });
});
