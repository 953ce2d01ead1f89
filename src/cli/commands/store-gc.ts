import { jsonOption, type Cli, type Command } from "../command.ts";

export const storeGc: Command = {
  name: "store gc",
  summary: "remove bytes that nothing names any more",
  options: [{ flag: "--grace <hours>", summary: "keep what was written or used since; 24 where absent" }, { flag: "--dry-run", summary: "only say what would be removed" }, jsonOption],
  examples: [
    ["caisson store gc", "builds may go on meanwhile; artifacts, stacks and what they need stay"],
    ["caisson store gc --dry-run", "how much it would free"],
  ],
  run: async (cli, input) => {
    const { library } = cli;
    const grace = readHours(cli, input.value("grace") ?? "24") * 3600;
    const dryRun = input.has("dry-run");
    const store = await cli.openStore();
    const { removed, kept, forgotten } = await library.collect(cli.context, store, { grace, dryRun });
    const size = removed.reduce((sum, blob) => sum + blob.size, 0);
    if (cli.json) cli.emit({ directory: store.directory, dryRun, removed, size, kept, forgotten });
    else cli.print(`${dryRun ? "would remove" : "removed"} ${removed.length} ${removed.length === 1 ? "blob" : "blobs"}, ${library.printSize(size)}; ${dryRun ? "would keep" : "kept"} ${kept}`);
    return 0;
  },
};

function readHours({ library }: Cli, text: string): number {
  if (/^[0-9]{1,6}$/.test(text)) return Number(text);
  return library.fail({ code: "usage", message: `\`${text}\` is not a number of hours`, hint: "--grace 24" });
}
