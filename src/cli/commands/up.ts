import { relative } from "node:path";
import type { Running } from "../../index.ts";
import { eventsOption, type Cli, type Command, type ExitStatus } from "../command.ts";
import { eventContext, noteHints, noteProblems, printLines, resultLines } from "../host-lines.ts";

export const up: Command = {
  name: "up",
  summary: "build what is here, deploy it to a directory of this machine, and run it",
  options: [
    { flag: "--root <dir>", summary: "where it runs; .caisson/up where absent" },
    { flag: "--once", summary: "end when it has shown that it is well, for scripts" },
    eventsOption,
  ],
  examples: [
    ["caisson up", "run the files as they are on disk, committed or not; Ctrl-C ends it"],
    ["caisson up --once", "build, start, check, stop: does this workspace run?"],
  ],
  run: async (cli, input) => {
    const { library, context } = cli;
    const workspace = await library.readWorkspace(context, context.cwd);
    await using running = await library.up(eventContext(cli), await cli.openStore(), workspace, input.value("root"));
    const status = library.exitStatus([running.result.outcome]);
    say(cli, running, status, input.has("once"));
    if (status !== 0 || running.processes.length === 0 || input.has("once")) return status;
    const problem = await running.supervise();
    if (problem === undefined) return 0;
    if (cli.json) cli.emitEvent({ type: "ended", problem });
    else cli.note(problem.message);
    return 1;
  },
};

function say(cli: Cli, running: Running, status: ExitStatus, once: boolean): void {
  const { library, context } = cli;
  const { ref, result, sendBytes, keptBytes, processes, addresses } = running;
  const root = relative(context.cwd, running.root) || ".";
  if (cli.json) {
    cli.emitEvent({ type: "result", ref: library.printStackRef(ref), root: running.root, result, sendBytes, keptBytes, processes, addresses, status });
    return;
  }
  noteProblems(cli, [result]);
  printLines(cli, resultLines(cli, [result]));
  noteHints(cli, [result], { target: `local:${root}`, action: "deploy", ref, hosts: [] });
  if (status !== 0) return;
  cli.print(`release  ${root}/versions/${ref.label}`);
  cli.print(`new      ${library.printSize(sendBytes)} sent, ${library.printSize(keptBytes)} kept`);
  const ran = processes.length === 0 ? "nothing: no package has a process" : [processes.join(", "), ...addresses].join("  ");
  cli.print(once ? `ran      ${ran}` : `running  ${ran}`);
  const next = processes.length === 0 || once ? [`ls ${root}/versions/current/bin`] : ["Ctrl-C ends it", `caisson status --to local:${root}`];
  const back = result.from === null || result.from === result.to ? [] : [`caisson rollback --to local:${root}`];
  cli.print(`next     ${[...next, ...back].join("; ")}`);
}
