import type { JournalEntry } from "../../index.ts";
import { jsonOption, type Command } from "../command.ts";
import { alignColumns, findTarget, noteMissed, printLines, toOption } from "../host-lines.ts";

export const history: Command = {
  name: "history",
  summary: "what was done to a target's hosts, by whom, and how it ended",
  options: [toOption, { flag: "--last <number>", summary: "so many lines of each host; 20 where absent" }, jsonOption],
  examples: [["caisson history --to production --last 5", "the last five lines of each host's journal, together, newest last"]],
  run: async (cli, input) => {
    const { library } = cli;
    const { target } = await findTarget(cli, input);
    const word = input.value("last") ?? "20";
    if (!/^[1-9]\d{0,5}$/.test(word)) library.fail({ code: "usage", message: `\`${word}\` is not a number of lines`, hint: "--last 5" });
    const hosts = await library.readHistory(cli.context, target, Number(word));
    const exit = hosts.some(({ problem }) => problem !== undefined) ? 5 : 0;
    if (cli.json) {
      cli.emit({ target: target.name, hosts, status: exit });
      return exit;
    }
    noteMissed(cli, hosts);
    printLines(cli, alignColumns(library.mergeHistories(hosts).map(({ host, entry }) => cellsOf(host, entry))));
    return exit;
  },
};

function cellsOf(host: string, { time, event, from, to, by, detail }: JournalEntry): readonly string[] {
  const release = from === null ? (to ?? "") : `${from} -> ${to ?? "none"}`;
  return [host, new Date(time * 1000).toISOString().replace(".000", ""), event, release, by ?? "", detail ?? ""];
}
