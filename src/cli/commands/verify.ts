import type { HostVerification } from "../../index.ts";
import { jsonOption, type Command } from "../command.ts";
import { alignColumns, foldRows, findTarget, printLines, toOption } from "../host-lines.ts";

export const verify: Command = {
  name: "verify",
  summary: "read every deployed file again and hold it against what was deployed",
  options: [toOption, jsonOption],
  examples: [["caisson verify --to production", "exit 1 where a file was changed, added or removed"]],
  run: async (cli, input) => {
    const { target } = await findTarget(cli, input);
    const hosts = await cli.library.verifyHosts(cli.context, target);
    const status = hosts.some(({ problem }) => problem !== undefined) ? 5 : hosts.some(({ found }) => (found?.problems.length ?? 0) > 0) ? 1 : 0;
    if (cli.json) {
      cli.emit({ target: target.name, hosts, status });
      return status;
    }
    for (const { host, found, problem } of hosts) {
      if (problem !== undefined) cli.note(`${host}: ${problem.message}`);
      for (const { path, problem: what } of found?.problems ?? []) cli.note(`${host}: \`${path}\` is ${what}`);
    }
    printLines(cli, alignColumns(foldRows(cli, hosts.map(cellsOf))));
    return status;
  },
};

function cellsOf({ host, found }: HostVerification): readonly string[] {
  if (found === undefined) return [host, "unknown"];
  if (found.files === 0 && found.problems.length === 0) return [host, "none"];
  const files = `${found.files} ${found.files === 1 ? "file" : "files"}`;
  return [host, files, found.problems.length === 0 ? "all as deployed" : `${found.problems.length} not as deployed`];
}
