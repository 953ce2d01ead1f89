import { relative } from "node:path";
import { askedFor, choiceOptions } from "../choice-words.ts";
import { jsonOption, type Command } from "../command.ts";

export const dev: Command = {
  name: "dev",
  summary: "make a virtual environment to work in, with this workspace's own packages as they lie on disk",
  arguments: [{ name: "PACKAGE", summary: "packages of this workspace, with those that they need; all where none is named", many: true }],
  options: [
    { flag: "--output <directory>", summary: "where it goes; .venv at the workspace's top where absent" },
    ...choiceOptions,
    { flag: "--offline", summary: "use the store and local files only" },
    jsonOption,
  ],
  examples: [
    ["caisson dev", "everything that a release here would have, and what you write is there at once"],
    ["caisson dev --group test", "with a dependency group, whose packages need not be in the lock"],
    ["caisson dev shop-web --output .venv-web", "one package with the siblings that it needs"],
  ],
  run: async (cli, input) => {
    const { library, context } = cli;
    const asked = askedFor(cli, input);
    const workspace = await library.readWorkspace(context, context.cwd, asked);
    const output = input.value("output");
    const made = await library.makeDevEnvironment(context, await cli.openStore(), workspace, {
      ...(input.arguments.length === 0 ? {} : { packages: input.arguments.map(library.parsePackageName) }),
      ...(output === undefined ? {} : { output }),
      offline: input.has("offline"),
      beyondLocks: asked !== undefined,
    });
    if (cli.json) cli.emit(made);
    else cli.print(`${relative(context.cwd, made.directory) || "."}  ${made.editable.length} on disk${made.editable.length === 0 ? "" : ` (${made.editable.join(", ")})`}, ${made.distributions} from elsewhere`);
    return 0;
  },
};
