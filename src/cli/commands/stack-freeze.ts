import { jsonOption, type Command } from "../command.ts";
import { inTypedWords, readStackName } from "../stack-words.ts";

export const stackFreeze: Command = {
  name: "stack freeze",
  summary: "never change a stack again; a deploy does this too",
  arguments: [{ name: "STACK", summary: "a stack", required: true }],
  options: [jsonOption],
  examples: [["caisson stack freeze 124", "prints its digest, by which it is the same everywhere"]],
  run: async (cli, input) => {
    const { library } = cli;
    const named = await readStackName(cli, input.arguments[0] ?? "");
    const store = await cli.openStore();
    const digest = await inTypedWords(cli, named, () => library.freezeStack(store, named.ref));
    const name = library.printStackRef(named.ref);
    if (cli.json) cli.emit({ ref: name, state: "frozen", digest });
    else cli.print(`${name}  frozen  ${digest}`);
    return 0;
  },
};
