import type { HostVerification } from "../../index.ts";
import { jsonOption, yesOption, type Cli, type Command, type ExitStatus, type Input } from "../command.ts";
import { alignColumns, eventContext, findTarget, foldRows, isAgreed, planOption, printLines, showPlan, toOption } from "../host-lines.ts";

export const verify: Command = {
  name: "verify",
  summary: "read every deployed file again and hold it against what was deployed",
  options: [
    toOption,
    { flag: "--repair", summary: "make what is damaged there as new; what somebody has written there is kept in lost/ of the target's root" },
    { ...planOption, summary: "with --repair: say what would be done, and do nothing" },
    yesOption,
    { ...jsonOption, summary: "print one JSON document; with --repair events and the result, one per line" },
  ],
  examples: [
    ["caisson verify --to production", "exit 1 where a file was changed, added or removed, or has another mode or owner"],
    ["caisson verify --to production --repair", "fetch what is wrong, and verify again"],
  ],
  run: async (cli, input) => {
    const { library } = cli;
    if (input.has("repair")) return await repair(cli, input);
    if (input.has("plan")) library.fail({ code: "usage", message: "`--plan` says what --repair would do", hint: "caisson verify --to TARGET --repair --plan" });
    const { target } = await findTarget(cli, input);
    const hosts = await library.verifyHosts(cli.context, target);
    const status = hosts.some(({ problem }) => problem !== undefined) ? 5 : hosts.some(isDamaged) ? 1 : 0;
    if (cli.json) {
      cli.emit({ target: target.name, hosts, status });
      return status;
    }
    show(cli, hosts);
    if (hosts.some(isDamaged)) cli.note(`hint: caisson verify --to ${target.name} --repair`);
    return status;
  },
};

async function repair(cli: Cli, input: Input): Promise<ExitStatus> {
  const { target } = await findTarget(cli, input);
  await using change = await cli.library.prepareRepair(eventContext(cli), await cli.openStore(), target);
  const lacking = [...change.problems.values()].flat();
  if (input.has("plan")) {
    if (!cli.json) noteLacking(cli, lacking);
    showPlan(cli, change);
    return 0;
  }
  if (!(await isAgreed(cli, input, change))) return 1;
  const hosts = await change.mend();
  const status = cli.library.exitStatus(hosts.map(({ outcome }) => outcome));
  if (cli.json) {
    cli.emitEvent({ type: "result", action: "repair", target: target.name, hosts, status });
    return status;
  }
  show(cli, hosts);
  for (const { host, restart } of hosts) if (restart.length > 0) cli.note(`${host}: ${restart.join(", ")} ${restart.length === 1 ? "was" : "were"} started before that; a restart is wise`);
  noteLacking(cli, lacking);
  for (const hint of new Set(hosts.flatMap(({ problem }) => problem?.hint ?? []))) cli.note(`hint: ${hint}`);
  return status;
}

function noteLacking(cli: Cli, problems: readonly { readonly message: string; readonly hint?: string }[]): void {
  for (const { message } of problems) cli.note(message);
  for (const hint of new Set(problems.flatMap((problem) => problem.hint ?? []))) cli.note(`hint: ${hint}`);
}

function isDamaged({ found }: HostVerification): boolean {
  return (found?.problems.length ?? 0) > 0;
}

function show(cli: Cli, hosts: readonly HostVerification[]): void {
  for (const { host, found, problem } of hosts) {
    if (problem !== undefined) cli.note(`${host}: ${problem.message}`);
    const problems = found?.problems ?? [];
    for (const { path, problem: what, detail } of problems.slice(0, LISTED)) cli.note(`${host}: \`${path}\` ${WORDS[what]}${detail === undefined ? "" : ` ${detail}`}`);
    if (problems.length > LISTED) cli.note(`${host}: and ${problems.length - LISTED} more, which --json names`);
  }
  printLines(cli, alignColumns(foldRows(cli, hosts.map(cellsOf))));
}

/** Lines for one host; whoever has lost a disk has read enough then. */
const LISTED = 20;

const WORDS = { bad: "is bad", missing: "is missing", strange: "is strange", mode: "has the mode", owner: "belongs to" } as const;

function cellsOf({ host, found }: HostVerification): readonly string[] {
  if (found === undefined) return [host, "unknown"];
  if (found.files === 0 && found.problems.length === 0) return [host, "none"];
  const files = `${found.files} ${found.files === 1 ? "file" : "files"}`;
  return [host, files, found.problems.length === 0 ? "all as deployed" : `${found.problems.length} not as deployed`];
}
