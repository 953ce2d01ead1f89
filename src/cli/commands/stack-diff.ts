import { jsonOption, type Command } from "../command.ts";
import { alignColumns } from "../host-lines.ts";
import { describeDifference, readStackName } from "../stack-words.ts";

export const stackDiff: Command = {
  name: "stack diff",
  summary: "tell how two stacks differ, package by package",
  arguments: [
    { name: "FROM", summary: "a stack", required: true },
    { name: "TO", summary: "another stack", required: true },
  ],
  options: [jsonOption],
  examples: [["caisson stack diff 123 124", "what changes for a host that goes from 123 to 124"]],
  run: async (cli, input) => {
    const { library } = cli;
    const [from, to] = await Promise.all([readStackName(cli, input.arguments[0] ?? ""), readStackName(cli, input.arguments[1] ?? "")]);
    const store = await cli.openStore();
    const differences = library.diffStacks((await library.readStack(store, from.ref)).stack, (await library.readStack(store, to.ref)).stack);
    if (cli.json) cli.emit({ from: library.printStackRef(from.ref), to: library.printStackRef(to.ref), differences });
    else if (differences.length === 0) cli.note(`${library.printStackRef(from.ref)} and ${library.printStackRef(to.ref)} hold the same`);
    else for (const line of alignColumns(differences.map((difference) => [difference.package, describeDifference(difference)]))) cli.print(line);
    return 0;
  },
};
