import type { HostStatus } from "../../index.ts";
import { jsonOption, type Command } from "../command.ts";
import { alignColumns, foldRows, findTarget, noteMissed, printLines, toOption } from "../host-lines.ts";

export const status: Command = {
  name: "status",
  summary: "what a target's hosts run, and how that is",
  options: [toOption, jsonOption],
  examples: [["caisson status --to production", "a line for each host; exit 4 where hosts differ, 5 where one is out of reach"]],
  run: async (cli, input) => {
    const { library } = cli;
    const { target } = await findTarget(cli, input);
    const hosts = await library.readStatus(cli.context, await cli.openStore(), target);
    const exit = library.statusExit(hosts);
    if (cli.json) {
      cli.emit({ target: target.name, hosts, status: exit });
      return exit;
    }
    noteMissed(cli, hosts);
    printLines(cli, alignColumns(foldRows(cli, hosts.map(cellsOf))));
    return exit;
  },
};

function cellsOf({ host, current, previous, health, undid, drift = [], problem }: HostStatus): readonly string[] {
  if (problem !== undefined) return [host, "unknown"];
  const mixed = drift.length === 0 ? [] : [`drift: ${drift.join(", ")}`];
  const release = current === undefined ? ["none"] : [`${current.name}@${current.label}`, current.state, health, ...mixed];
  if (undid !== undefined) return [host, ...release, `(undid ${undid.label}: ${shorten(undid.detail)})`];
  return [host, ...release, ...(previous === null ? [] : [`previous ${previous}`])];
}

/** A line each; `history` has the whole story. */
function shorten(detail: string): string {
  return detail.length > 80 ? `${detail.slice(0, 79)}…` : detail;
}
