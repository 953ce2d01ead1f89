import type { Examination } from "../../index.ts";
import { jsonOption, type Cli, type Command, type Input } from "../command.ts";
import { alignColumns, findTarget, printLines, toOption } from "../host-lines.ts";

export const doctor: Command = {
  name: "doctor",
  summary: "what this machine or a target's hosts need, each with what mends it",
  options: [{ ...toOption, summary: "look at its hosts: a target of caisson.toml, user@host:/root, or local:DIR" }, jsonOption],
  examples: [
    ["caisson doctor", "git, python3, ssh, uv and the store here"],
    ["caisson doctor --to production", "everything that a deploy needs of each host; exit 1 where something is to be mended"],
  ],
  run: async (cli, input) => {
    const examined = await examine(cli, input);
    const status = examined.every(({ findings }) => findings.every(({ well }) => well)) ? 0 : 1;
    if (cli.json) cli.emit({ hosts: examined, status });
    else printLines(cli, linesOf(examined));
    return status;
  },
};

async function examine(cli: Cli, input: Input): Promise<readonly Examination[]> {
  const { library, context } = cli;
  if (input.value("to") !== undefined) {
    const { target, workspace } = await findTarget(cli, input);
    return await library.examineHosts(context, target, workspace, () => cli.openStore());
  }
  const workspace = await library.readWorkspace(context, context.cwd).catch((error: unknown) => {
    if (error instanceof library.CaissonError) return undefined;
    throw error;
  });
  return [await library.examineHere(context, workspace?.index ?? { findLinks: [] }, () => cli.openStore())];
}

/** A line for each thing; below those that are not well, what mends them. */
function linesOf(examined: readonly Examination[]): readonly string[] {
  const findings = examined.flatMap(({ host, findings: all }) => all.map((finding) => ({ host, ...finding })));
  const lines = alignColumns(findings.map(({ host, what, well, says }) => [host, what, well ? "well" : "mend", says]));
  return findings.flatMap(({ mend }, at) => [lines[at] ?? "", ...(mend === undefined ? [] : mend.split("\n").map((line) => `    ${line}`))]);
}
