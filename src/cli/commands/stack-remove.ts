import { jsonOption, type Cli, type Command } from "../command.ts";
import { describeDifference, inTypedWords, readStackName, type NamedStack } from "../stack-words.ts";

export const stackRemove: Command = {
  name: "stack remove",
  summary: "forget a stack, or take packages out of an open one",
  arguments: [{ name: "STACK", summary: "a stack", required: true }, { name: "PACKAGE", summary: "packages that are taken out of it; the whole stack goes where none is named", many: true }],
  options: [{ flag: "--frozen", summary: "also a frozen one; what is deployed from here stays all the same" }, jsonOption],
  examples: [
    ["caisson stack remove 123", "the store forgets it; `caisson store clean` then removes what only it had"],
    ["caisson stack remove 124 shop-config", "take a package out of an open stack"],
  ],
  run: async (cli, input) => {
    const { library } = cli;
    const [typed = "", ...names] = input.arguments;
    const named = await readStackName(cli, typed);
    const store = await cli.openStore();
    const name = library.printStackRef(named.ref);
    if (names.length === 0) {
      await inTypedWords(cli, named, async () => library.removeStack(store, named.ref, { frozen: input.has("frozen"), deployedTo: await placesOf(cli, named) }));
      if (cli.json) cli.emit({ ref: name, removed: true });
      else cli.print(`${name}  removed`);
      return 0;
    }
    const packages = names.map(library.parsePackageName);
    const { changes } = await inTypedWords(cli, named, () => library.removeFromStack(store, named.ref, packages));
    if (cli.json) cli.emit({ ref: name, changes });
    else for (const pkg of packages) cli.print(`${name}  ${pkg} ${describe(changes.find((change) => change.package === pkg))}`);
    return 0;
  },
};

function describe(change: Parameters<typeof describeDifference>[0] | undefined): string {
  return change === undefined ? "was not in it" : describeDifference(change);
}

/** Roots of this machine that have it, as far as a workspace tells where they are. */
async function placesOf({ library, context }: Cli, { ref }: NamedStack): Promise<readonly string[]> {
  const workspace = await library.readWorkspace(context, context.cwd).catch(() => undefined);
  const found = workspace === undefined ? [] : await library.findDeployedHere(context, workspace);
  return [...new Set(found.filter((deployed) => library.printStackRef(deployed.ref) === library.printStackRef(ref)).map(({ place }) => place))];
}
