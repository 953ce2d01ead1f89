import type { StoreListing } from "../../index.ts";
import { jsonOption, type Cli, type Command } from "../command.ts";
import { alignColumns } from "../host-lines.ts";
import { countPackages } from "../stack-words.ts";

export const storeList: Command = {
  name: "store list",
  summary: "list what is in the store, with sizes",
  options: [{ flag: "--wheels", summary: "each wheel by its name, and not only how many there are" }, jsonOption],
  examples: [
    ["caisson store list", "stacks, artifacts and interpreters, and how much all of it takes"],
    ["caisson store list --wheels", "also every wheel that was fetched or built"],
  ],
  run: async (cli, input) => {
    const { library } = cli;
    const store = await cli.openStore();
    const [stacks, listing] = [await library.listStacks(store), await library.listStore(store)];
    if (cli.json) {
      const { artifacts, interpreters, wheels, blobs, size } = listing;
      cli.emit({ directory: store.directory, stacks: stacks.map(({ ref, state, packages }) => ({ ref: library.printStackRef(ref), ...state, packages })), artifacts, interpreters, wheels, blobs, size });
      return 0;
    }
    const rows = [...stacks.map(({ ref, state, packages }) => ["stack", library.printStackRef(ref), `${state.state}, ${countPackages(packages)}`]), ...rowsOf(cli, listing, input.has("wheels"))];
    for (const line of alignColumns(rows)) cli.print(line);
    cli.note(`${store.directory}  ${listing.blobs} ${listing.blobs === 1 ? "blob" : "blobs"}, ${library.printSize(listing.size)}`);
    return 0;
  },
};

function rowsOf({ library }: Cli, { artifacts, interpreters, wheels }: StoreListing, each: boolean): readonly (readonly string[])[] {
  const all = wheels.reduce((sum, { size }) => sum + size, 0);
  return [
    ...artifacts.map(({ fileName, content }) => ["artifact", fileName, library.printSize(content.size)]),
    ...interpreters.map(({ name, blob }) => ["interpreter", name, library.printSize(blob.size)]),
    ...(each ? wheels.map(({ fileName, size }) => ["wheel", fileName, library.printSize(size)]) : wheels.length === 0 ? [] : [["wheels", String(wheels.length), library.printSize(all)]]),
  ];
}
