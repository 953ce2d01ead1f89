import { jsonOption, type Command } from "../command.ts";

export const storeVerify: Command = {
  name: "store verify",
  summary: "check every byte in the store, and that nothing is missing",
  options: [{ flag: "--repair", summary: "remove damaged bytes, so that the next build makes them anew" }, jsonOption],
  examples: [
    ["caisson store verify", "hashes all that is there, and follows every name to what it needs"],
    ["caisson store verify --repair", "takes damaged files away; says what must be built again"],
  ],
  run: async (cli, input) => {
    const { library } = cli;
    const store = await cli.openStore();
    const { blobs, size, removed, problems } = await library.verify(cli.context, store, { repair: input.has("repair") });
    if (cli.json) {
      cli.emit({ directory: store.directory, blobs, size, removed, problems });
      return problems.length === 0 ? 0 : 1;
    }
    for (const blob of removed) cli.print(`${blob}  damaged, removed`);
    library.failAll(problems);
    cli.print(`${store.directory}  ${blobs} ${blobs === 1 ? "blob" : "blobs"}, ${library.printSize(size)}, all digests checked`);
    return 0;
  },
};
