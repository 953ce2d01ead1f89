import type { StackMember } from "../../index.ts";
import { jsonOption, type Command } from "../command.ts";
import { alignColumns } from "../host-lines.ts";
import { countPackages, inTypedWords, readStackName } from "../stack-words.ts";

export const stackShow: Command = {
  name: "stack show",
  summary: "show a stack's packages with their versions, platforms and formats",
  arguments: [{ name: "STACK", summary: "a stack", required: true }],
  options: [jsonOption],
  examples: [["caisson stack show 124", "what 124 holds; its digest too, once it is frozen"]],
  run: async (cli, input) => {
    const { library } = cli;
    const named = await readStackName(cli, input.arguments[0] ?? "");
    const store = await cli.openStore();
    const { stack, state } = await inTypedWords(cli, named, () => library.readStack(store, named.ref));
    const name = library.printStackRef(stack);
    if (cli.json) {
      cli.emit({ ref: name, state: state.state, digest: library.stackDigest(stack), stack });
      return 0;
    }
    cli.print([name, state.state, countPackages(stack.members.length), ...(state.state === "frozen" ? [state.digest] : [])].join("  "));
    for (const line of alignColumns(stack.members.map((member) => [member.package, member.version, describeFiles(member)]))) cli.print(line);
    return 0;
  },
};

/** `centos-7 tar.gz, debian-12 tar.gz zip`. */
function describeFiles({ artifacts }: StackMember): string {
  const platforms = [...new Set(artifacts.map(({ platform }) => platform))];
  return platforms.map((platform) => [platform, ...artifacts.filter((artifact) => artifact.platform === platform).map(({ format }) => format)].join(" ")).join(", ");
}
