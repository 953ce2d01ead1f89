import { EventEmitter, once } from "node:events";
import { access, readlink, realpath } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CaissonError, fail, type Label, type Payload, type Problem, type Process } from "../../model/index.ts";
import { makeDirectory, type Context, type RunningProcess } from "../../system/index.ts";
import type { Answer } from "../../transport/index.ts";
import type { Starter } from "../apply/starter.ts";
import { chooseProcesses } from "../plan/choose-processes.ts";

/** The processes of a release as our own children. */
export interface Supervisor extends Starter {
  /** Start the processes anew whenever somebody else makes another release current; ends when `signal` is aborted. */
  follow(signal: AbortSignal): Promise<void>;
  /** Names of the processes that run. */
  readonly names: readonly string[];
}

interface Child {
  readonly name: string;
  readonly process: RunningProcess;
  /** We ended it, so its end is no news. */
  stopping: boolean;
}

/** Seconds that a process has between SIGTERM and SIGKILL. */
const PATIENCE = 10;

/** EX_USAGE, by which a launcher tells that a variable is not set. */
const MISUSED = 64;

/** Milliseconds between two looks at `current`. */
const GLANCE = 300;

/** Milliseconds that processes must live before we believe in them, where no package says how health is told. */
const TRIAL = 1000;

/** Start, watch and end the processes of a root's releases. `payloadsOf` tells what a release is made of. */
export function supervise(ctx: Context, root: string, payloadsOf: (release: Label) => Promise<readonly Payload[]>): Supervisor {
  let children: readonly Child[] = [];
  let release: Label | undefined;
  const news = new EventEmitter();
  const failed = once(news, "failed").then(([problem]) => problem as Problem);

  async function startOne(payload: Payload, process: Process, directory: string): Promise<Child> {
    const state = join(root, "shared");
    const env = { PYTHONUNBUFFERED: "1", ...ctx.env, CAISSON_STATE: state };
    const launcher = join(directory, payload.package, "processes", process.name);
    await access(launcher).catch((error: unknown) => fail({ code: "process-failed", message: `release \`${basename(directory)}\` has nothing that starts \`${process.name}\`; an older Caisson built it`, hint: "build it again" }, error));
    await makeDirectory(state);
    let last = "";
    const onLine = (line: string): void => {
      if (line.trim() !== "") last = line.trim();
      ctx.report({ type: "output", what: process.name, line });
    };
    const child: Child = { name: process.name, process: await ctx.start(["/bin/sh", launcher], { cwd: directory, env, onLine }), stopping: false };
    void watch(child, () => last);
    return child;
  }

  async function watch(child: Child, lastLine: () => string): Promise<void> {
    const { status, signal } = await child.process.ended;
    if (child.stopping) return;
    // The launcher's own word about what must be set is all there is to say.
    if (status === MISUSED && lastLine().startsWith("error: set ")) return tell({ code: "process-failed", message: lastLine().slice("error: ".length) });
    const how = signal === null ? `with status ${status}` : `by ${signal}`;
    tell({ code: "process-failed", message: `process \`${child.name}\` ended ${how}${lastLine() === "" ? "" : `; last log: ${lastLine()}`}` });
  }

  function tell(problem: Problem): void {
    news.emit("failed", problem);
  }

  async function stop(): Promise<void> {
    const ending = children;
    children = [];
    for (const child of ending) {
      child.stopping = true;
      child.process.kill("SIGTERM");
    }
    const kill = setTimeout(() => ending.forEach(({ process }) => process.kill("SIGKILL")), PATIENCE * 1000);
    await Promise.all(ending.map(({ process }) => process.ended));
    clearTimeout(kill);
  }

  async function restart(label: Label): Promise<Answer> {
    await stop();
    release = label;
    try {
      const directory = await realpath(join(root, "versions", label));
      const payloads = await payloadsOf(label);
      for (const payload of payloads) for (const process of chooseProcesses(payload, ctx.env)) children = [...children, await startOne(payload, process, directory)];
      if (children.length > 0 && payloads.every(({ health }) => health === undefined)) {
        const problem = await Promise.race([failed, sleep(TRIAL)]);
        if (problem !== undefined) return { done: false, code: problem.code, detail: problem.message };
      }
      return { done: true, changed: true };
    } catch (error) {
      if (!(error instanceof CaissonError)) throw error;
      return { done: false, code: error.code, detail: error.message };
    }
  }

  async function follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(GLANCE, undefined, { signal }).catch(() => undefined);
      const current = basename(await readlink(join(root, "versions/current")).catch(() => release ?? "")) as Label;
      if (signal.aborted || current === release) continue;
      ctx.report({ type: "notice", message: `${current} is current now (was: ${release ?? "none"}); starting it` });
      const answer = await restart(current);
      if (!answer.done) tell({ code: answer.code, message: answer.detail });
    }
  }

  return { restart, stop, failed, follow, get names() { return children.map(({ name }) => name); } };
}
