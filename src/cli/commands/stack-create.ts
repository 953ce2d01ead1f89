import { jsonOption, type Command } from "../command.ts";
import { countPackages, inTypedWords, readStackName } from "../stack-words.ts";

export const stackCreate: Command = {
  name: "stack create",
  summary: "make a new stack, empty or from another one",
  arguments: [{ name: "STACK", summary: "its name: a version, a number or a word; or NAME@LABEL", required: true }],
  options: [{ flag: "--from <stack>", summary: "begin with the members of this stack" }, jsonOption],
  examples: [
    ["caisson stack create 124 --from 123", "the same packages as 123; what is added to 124 leaves 123 alone"],
    ["caisson stack create 2.0.0", "an empty stack"],
  ],
  run: async (cli, input) => {
    const { library } = cli;
    const named = await readStackName(cli, input.arguments[0] ?? "");
    const source = input.value("from");
    const from = source === undefined ? undefined : (await readStackName(cli, source)).ref;
    const store = await cli.openStore();
    const stack = await inTypedWords(cli, named, () => library.createStack(store, named.ref, from));
    const name = library.printStackRef(stack);
    if (cli.json) cli.emit({ ref: name, state: "open", ...(from === undefined ? {} : { from: library.printStackRef(from) }), stack });
    else cli.print([name, countPackages(stack.members.length), ...(from === undefined ? [] : [`(from ${library.printStackRef(from)})`])].join("  "));
    return 0;
  },
};
