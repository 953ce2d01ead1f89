import { jsonOption, type Command } from "../command.ts";

export const interpreterList: Command = {
  name: "interpreter list",
  summary: "list the interpreters that releases can bring along",
  options: [jsonOption],
  examples: [["caisson interpreter list", "name, version, architecture, libc and size of each"]],
  run: async (cli) => {
    const { library } = cli;
    const interpreters = await library.listInterpreters(await cli.openStore());
    if (cli.json) cli.emit({ interpreters });
    else for (const { name, version, arch, libc, blob } of interpreters) cli.print(`${name}  CPython ${version}  ${arch}  ${libc.family} ${libc.version}  ${library.printSize(blob.size)}`);
    return 0;
  },
};
