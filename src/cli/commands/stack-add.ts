import { jsonOption, type Command } from "../command.ts";
import { describeDifference, inTypedWords, readStackName } from "../stack-words.ts";

export const stackAdd: Command = {
  name: "stack add",
  summary: "put a version of a package into a stack, in place of the one that is there",
  arguments: [
    { name: "STACK", summary: "an open stack", required: true },
    { name: "PACKAGE", summary: "a package", required: true },
    { name: "VERSION", summary: "a version of it that was built", required: true },
  ],
  options: [jsonOption],
  examples: [["caisson stack add 124 shop-config 1.0.1", "124 has shop-config 1.0.1 now; its other packages stay"]],
  run: async (cli, input) => {
    const { library } = cli;
    const [typed = "", pkg = "", version = ""] = input.arguments;
    const named = await readStackName(cli, typed);
    const wanted = library.parsePackageName(pkg);
    const store = await cli.openStore();
    const { stack, changes } = await inTypedWords(cli, named, () => library.addVersionToStack(store, named.ref, wanted, version));
    const name = library.printStackRef(stack);
    if (cli.json) cli.emit({ ref: name, changes, stack });
    else if (changes.length === 0) cli.print(`${name}  ${wanted} ${stack.members.find((member) => member.package === wanted)?.version ?? version}  unchanged`);
    else for (const change of changes) cli.print(`${name}  ${change.package} ${describeDifference(change)}`);
    return 0;
  },
};
