import { access, readdir } from "node:fs/promises";
import { join } from "node:path";
import { fail, printStackRef, type HostPlan, type Payload, type Step, type Target } from "../../model/index.ts";
import type { Store } from "../../store/index.ts";
import { runInForeground, temporaryDirectory, type Context } from "../../system/index.ts";
import { applyPlan } from "../apply/apply.ts";
import { chooseProcesses } from "../plan/choose-processes.ts";
import { prepareDeploy } from "../deploy.ts";
import { readPayloads } from "../plan/payloads.ts";
import type { Wanted } from "../wanted.ts";

/** What is started of a stack, and with which further words. */
export interface RunRequest {
  /** A process, or a program of the release's `bin/`; what would be started on a host where absent. */
  readonly process?: string;
  readonly words: readonly string[];
}

/**
 * Start what a host would start, here and from the same bytes: the release is made in a directory of its own, which is removed at the end, and nothing is switched or installed.
 * The program has our standard streams. Its exit status.
 * @throws CaissonError `usage` where it is not clear what to start · whatever a plan may say
 */
export async function runHere(ctx: Context, store: Store, wanted: Wanted, request: RunRequest): Promise<number> {
  await using directory = await temporaryDirectory("caisson-run-");
  const target = targetAt(directory.path);
  const payloads = await stage(ctx, store, wanted, target);
  const release = join(directory.path, "versions", wanted.stack.label);
  const argv = await findProgram(release, payloads, request.process, ctx.env, printStackRef(wanted.stack));
  const env = { PYTHONUNBUFFERED: "1", CAISSON_STATE: join(directory.path, "shared"), ...ctx.env };
  return await runInForeground([...argv, ...request.words], { cwd: release, env, signal: ctx.signal });
}

function targetAt(root: string): Target {
  return { name: "run", hosts: [{ name: "local", via: "local", address: "", root }], roles: {}, service: { kind: "none" }, policy: { canary: 0, maxParallel: 1, maxFailed: 0, minHealthy: 0, healthyDeadline: 1 }, keep: 0 };
}

/** Everything of a deploy that comes before the switch. */
async function stage(ctx: Context, store: Store, wanted: Wanted, target: Target): Promise<readonly Payload[]> {
  await using change = await prepareDeploy(ctx, store, wanted, target, { starts: true });
  const payloads = (await readPayloads(store, wanted.stack, target, change.hosts)).map(({ payload }) => payload);
  const plan = { ...change.plan, hosts: change.plan.hosts.map((host): HostPlan => ({ ...host, steps: host.steps.filter(({ step }) => MAKING.has(step)) })) };
  const [result] = await applyPlan(ctx, store, plan, change.open);
  if (result?.outcome !== "done") fail(result?.problem ?? { code: "process-failed", message: `\`${printStackRef(wanted.stack)}\` could not be laid out here` });
  return payloads;
}

const MAKING: ReadonlySet<Step["step"]> = new Set(["receive", "tree", "stage"]);

async function findProgram(release: string, payloads: readonly Payload[], name: string | undefined, env: Readonly<Record<string, string>>, what: string): Promise<readonly string[]> {
  const launchers = payloads.flatMap((payload) => (name === undefined ? chooseProcesses(payload, env) : payload.processes.filter((process) => process.name === name)).map((process) => join(release, payload.package, "processes", process.name)));
  const programs = (await readdir(join(release, "bin")).catch(() => [])).filter((program) => !/^python[0-9.]*$/.test(program)).toSorted();
  const [launcher, ...others] = launchers;
  if (launcher !== undefined && others.length === 0) {
    await access(launcher).catch((error: unknown) => fail({ code: "process-failed", message: `nothing in \`${what}\` starts \`${launcher.split("/").at(-1) ?? ""}\`; an older Caisson built it`, hint: "build it again" }, error));
    return ["/bin/sh", launcher];
  }
  const program = name === undefined && launchers.length === 0 && programs.length === 1 ? programs[0] : programs.find((each) => each === name);
  if (program !== undefined) return [join(release, "bin", program)];
  const known = [...new Set([...payloads.flatMap(({ processes }) => processes.map((process) => process.name)), ...programs])];
  const message = name === undefined ? `\`${what}\` has ${known.length === 0 ? "nothing to start" : "several things to start"}` : `\`${what}\` has no process and no program \`${name}\``;
  return fail({ code: "usage", message, hint: known.length === 0 ? "give the package a process" : `caisson run ${what}:NAME, one of ${known.join(", ")}` });
}
