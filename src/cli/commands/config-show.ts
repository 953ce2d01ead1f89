import type { Setting } from "../../index.ts";
import { jsonOption, type Cli, type Command } from "../command.ts";

export const configShow: Command = {
  name: "config show",
  summary: "show every setting, and where it comes from",
  options: [{ flag: "--order", summary: "only the packages' names, in the order in which they are built" }, jsonOption],
  examples: [
    ["caisson config show", "every value with its file and line, or that it is the default"],
    ["caisson config show --order", "the packages' names on one line, what is needed first"],
  ],
  run: async (cli, input) => {
    const { library, context } = cli;
    if (input.has("order")) return await showOrder(cli);
    const settings = await library.showConfig(context, context.cwd);
    if (cli.json) cli.emit({ settings });
    else for (const line of printColumns(settings)) cli.print(line);
    return 0;
  },
};

async function showOrder(cli: Cli): Promise<0> {
  const { library, context } = cli;
  const { packages } = await library.readWorkspace(context, context.cwd);
  const ordered = library.orderPackages(packages);
  if ("cycle" in ordered) return library.fail({ code: "config-invalid", message: `packages need each other in a circle: ${[...ordered.cycle, ordered.cycle[0]].map((name) => `\`${name ?? ""}\``).join(" -> ")}` });
  const names = ordered.order.map(({ name }) => name);
  if (cli.json) cli.emit({ order: names });
  else cli.print(names.join(" "));
  return 0;
}

function printColumns(settings: readonly Setting[]): readonly string[] {
  const rows = settings.map(({ key, value, origin, line }) => [key, value === null ? "-" : JSON.stringify(value), line === undefined ? origin : `${origin}:${line}`] as const);
  const width = (column: 0 | 1): number => Math.min(48, Math.max(0, ...rows.map((row) => row[column].length)));
  return rows.map(([key, value, origin]) => `${key.padEnd(width(0))}  ${value.padEnd(width(1))}  ${origin}`);
}
