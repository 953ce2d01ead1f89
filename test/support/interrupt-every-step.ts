import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Change } from "../../src/deploy/change.ts";
import type { HostResult } from "../../src/deploy/apply/outcome.ts";
import type { HostOutcome, HostPlan, Step, Target } from "../../src/model/index.ts";
import { mapConcurrently, removeTree } from "../../src/system/index.ts";
import { openAgent } from "../../src/transport/index.ts";
import type { Workbench } from "./hand-made.ts";

/** A change of a host that may be cut short anywhere. */
export interface Interruptible {
  readonly action: "deploy" | "rollback";
  /** `hello@1.1` */
  readonly stack: string;
  /** A root as it is before the change; each interruption happens to a copy of it. */
  readonly template: string;
  readonly from: string;
  readonly to: string;
  /** It has run an irreversible hook: whatever ends it behind its switch leaves the new release. */
  readonly keeps?: true;
  /** What else is not as it must be where a release is current and nothing is under way. */
  look?(root: string, current: string): readonly string[];
  target(root: string): Target;
  prepare(target: Target, env: Readonly<Record<string, string>>): Promise<Change>;
}

/** How often a change was cut short, and everything that was not as it must be after it. */
export interface Swept {
  readonly interruptions: number;
  readonly faults: readonly string[];
}

/** Kinds of steps in which more than one thing becomes durable. */
const HAVE_MIDDLE: ReadonlySet<string> = new Set(["receive", "tree", "stage", "activate", "confirm", "prune", "environment", "hook"]);

/** `kill -9` of the agent before, in the middle of and after each kind of step of a change; then the same change again. */
export async function killAgentAtEveryStep(bench: Workbench, change: Interruptible): Promise<Swept> {
  const steps = (await stepsOf(bench, change)).map(({ step }) => step);
  const points = [...new Set(steps)].flatMap((step) => ["before", "middle", "after"].flatMap((moment) => (moment === "middle" && !HAVE_MIDDLE.has(step) ? [] : [{ step, moment }])));
  return await sweep(points, async ({ step, moment }) => await onCopy(bench, change, async (root) => {
    const [result] = await carryOut(change, root, { CAISSON_FAULT: `${step}:${moment}` });
    const wanted = outcomeOf(change, step, moment, steps);
    const said = result?.outcome === wanted ? [] : [`said ${result?.outcome}, not ${wanted}`];
    return [...said, ...(await findUntruth(bench, change, root, result)), ...(await findDivergence(bench, change, root))].map((fault) => `agent killed ${moment} ${step}: ${fault}`);
  }));
}

/** `kill -9` of the command before and after it asks for each step of a change; then the same change again. */
export async function killCommandAtEveryStep(bench: Workbench, change: Interruptible): Promise<Swept> {
  const points = (await stepsOf(bench, change)).flatMap(({ step }, at) => ["before", "after"].map((moment) => ({ step, at, moment })));
  return await sweep(points, async ({ step, at, moment }) => await onCopy(bench, change, async (root) => {
    const words = { store: bench.store.directory, root, action: change.action, stack: change.stack, at, moment, target: change.target(root) };
    const ran = await bench.ctx.run([process.execPath, join(import.meta.dirname, "deploy-and-die.mjs"), JSON.stringify(words)], { cwd: root, env: bench.ctx.env });
    const died = ran.status === 137 ? [] : [`the command did not die: ${ran.stderr}`];
    await untilUnlocked(bench, root);
    return [...died, ...(await findUntruth(bench, change, root)), ...(await findDivergence(bench, change, root))].map((fault) => `command killed ${moment} ${step} (step ${at}): ${fault}`);
  }));
}

/** Everything that is not as it must be after a change of a copy was cut short, and after the same change once more. */
export async function judgeInterrupted(bench: Workbench, change: Interruptible, root: string, result?: HostResult): Promise<readonly string[]> {
  await untilUnlocked(bench, root);
  return [...(await findUntruth(bench, change, root, result)), ...(await findDivergence(bench, change, root))];
}

async function sweep<Point>(points: readonly Point[], interrupt: (point: Point) => Promise<readonly string[]>): Promise<Swept> {
  return { interruptions: points.length, faults: (await mapConcurrently(points, 2, interrupt)).flat() };
}

/** What a killed agent leaves: nothing before the switch, the old release after it, the new one only where its confirmation was durable already. */
function outcomeOf({ keeps }: Interruptible, step: Step["step"], moment: string, steps: readonly Step["step"][]): HostOutcome {
  if (step === "confirm" && moment !== "before") return "done";
  if (keeps === true && (steps.indexOf(step) > steps.indexOf("activate") || (step === "activate" && moment === "after"))) return "partly-done";
  return steps.indexOf(step) < steps.indexOf("activate") ? "not-done" : "undone";
}

async function stepsOf(bench: Workbench, change: Interruptible): Promise<HostPlan["steps"]> {
  return await onCopy(bench, change, async (root) => {
    await using prepared = await change.prepare(change.target(root), {});
    return prepared.plan.hosts[0]?.steps ?? [];
  });
}

let copies = 0;

export async function onCopy<Result>(bench: Workbench, change: Interruptible, work: (root: string) => Promise<Result>): Promise<Result> {
  const root = join(bench.directory, `copy-${copies++}`);
  await cp(change.template, root, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  try {
    return await work(root);
  } finally {
    await removeTree(root);
  }
}

async function carryOut(change: Interruptible, root: string, env: Readonly<Record<string, string>>): Promise<readonly HostResult[]> {
  await using prepared = await change.prepare(change.target(root), env);
  return await prepared.apply();
}

/** The agent of a dead command goes back by itself; until it has, it holds the host. */
export async function untilUnlocked(bench: Workbench, root: string): Promise<void> {
  const take = ["flock", "--nonblock", join(root, ".lock"), "true"];
  // A busy machine may take its time; the test's own limit is the end of it.
  while ((await bench.ctx.run(take, { cwd: root, env: bench.ctx.env })).status !== 0) await sleep(50);
}

/** I1 and I4 of the fault matrix: current is one whole release whose files hash right, and nobody said otherwise. */
async function findUntruth(bench: Workbench, change: Interruptible, root: string, result?: HostResult): Promise<readonly string[]> {
  const current = readlinkSync(join(root, "versions/current"));
  const said = await bench.ctx.run([join(root, "versions/current/bin/hello")], { cwd: root, env: bench.ctx.env });
  await using agent = await openAgent(bench.ctx, { name: "local", via: "local", address: "", root }, { by: "tester" });
  const state = await agent.observe();
  const { problems } = await agent.verify();
  const wanted = result === undefined ? state.current : ["done", "partly-done"].includes(result.outcome) ? change.to : change.from;
  return [
    ...([change.from, change.to].includes(current) ? [] : [`current is ${current}`]),
    ...(Buffer.from(said.stdout).toString() === `hello ${current}\n` ? [] : [`the program of ${current} fails: ${said.stderr}`]),
    ...([change.from, change.to].some((label) => label === state.current) ? [] : [`current is ${state.current} after settling`]),
    ...(state.current === wanted && (result?.now === undefined || result.now === state.current) ? [] : [`said ${result?.outcome} (now: ${result?.now}), and current is ${state.current}`]),
    ...state.releases.filter((release) => release.state === "unconfirmed").map(({ label }) => `${label} is unconfirmed`),
    ...problems.map(({ path, problem }) => `${path} is ${problem}`),
    ...(change.look?.(root, state.current ?? "") ?? []),
  ];
}

/** I3: the same once more does it, and nothing of the accident is left. */
async function findDivergence(bench: Workbench, change: Interruptible, root: string): Promise<readonly string[]> {
  const [result] = await carryOut(change, root, {});
  const current = readlinkSync(join(root, "versions/current"));
  await using agent = await openAgent(bench.ctx, { name: "local", via: "local", address: "", root }, { by: "tester" });
  const { problems } = await agent.verify();
  const rubbish = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) => /(?:^|\/)\.(?:new|trash|tmp|current|part|env-next)-?/.test(path));
  const incoming = existsSync(join(root, ".incoming")) ? readdirSync(join(root, ".incoming")) : [];
  return [
    ...(result !== undefined && ["done", "unchanged"].includes(result.outcome) ? [] : [`again: ${result?.outcome}, ${result?.problem?.message}`]),
    ...(current === change.to ? [] : [`again: current is ${current}`]),
    ...problems.map(({ path, problem }) => `again: ${path} is ${problem}`),
    ...(change.look?.(root, current) ?? []).map((fault) => `again: ${fault}`),
    ...[...rubbish, ...incoming].map((path) => `again: ${path} is left`),
  ];
}
