import { jsonOption, type Command } from "../command.ts";
import { alignColumns } from "../host-lines.ts";
import { countPackages } from "../stack-words.ts";

export const stackList: Command = {
  name: "stack list",
  summary: "list all stacks, newest first",
  options: [jsonOption],
  examples: [["caisson stack list", "every stack in the store, open or frozen"]],
  run: async (cli) => {
    const { library } = cli;
    const stacks = await library.listStacks(await cli.openStore());
    if (cli.json) cli.emit({ stacks: stacks.map(({ ref, state, packages }) => ({ ref: library.printStackRef(ref), ...state, packages })) });
    else if (stacks.length === 0) cli.note("there are no stacks yet; caisson stack create NAME makes one");
    else for (const line of alignColumns(stacks.map(({ ref, state, packages }) => [library.printStackRef(ref), state.state, countPackages(packages)]))) cli.print(line);
    return 0;
  },
};
