import type { Change, HostResult } from "../../index.ts";
import { eventsOption, yesOption, type Command } from "../command.ts";
import { alignColumns, carryOut, eventContext, findTarget, planOption, printLines, toOption } from "../host-lines.ts";

export const prune: Command = {
  name: "prune",
  summary: "remove old releases from a target's hosts",
  options: [toOption, { flag: "--keep <number>", summary: "releases kept besides the current and the previous one; the target's own number where absent" }, planOption, yesOption, eventsOption],
  examples: [["caisson prune --to production --keep 2", "keep the current, the previous and two more"]],
  run: async (cli, input) => {
    const { library } = cli;
    const { target } = await findTarget(cli, input);
    const word = input.value("keep");
    if (word !== undefined && !/^\d{1,6}$/.test(word)) library.fail({ code: "usage", message: `\`${word}\` is not a number of releases`, hint: "--keep 2" });
    await using change = await library.preparePrune(eventContext(cli), await cli.openStore(), target, word === undefined ? target.keep : Number(word));
    return await carryOut(cli, input, change, (results) => printLines(cli, alignColumns(results.map((result) => cellsOf(result, change)))));
  },
};

function cellsOf(result: HostResult, change: Change): readonly string[] {
  if (result.outcome !== "done") return [result.host, result.outcome];
  const state = change.hosts.find(({ host }) => host.name === result.host)?.state;
  const removed = result.removed ?? [];
  // The host knows better than the plan which processes still run from where.
  const running = (change.plan.hosts.find(({ host }) => host.name === result.host)?.removes ?? []).filter((label) => !removed.includes(label));
  const staying = [
    `current ${state?.current ?? "none"}`,
    ...(state?.previous === null || state === undefined ? [] : [`previous ${state.previous} kept`]),
    ...(running.length === 0 ? [] : [`${running.join(", ")} still ${running.length === 1 ? "runs" : "run"}`]),
  ];
  return [result.host, `removed ${removed.length === 0 ? "nothing" : removed.join(", ")} (${staying.join(", ")})`];
}
