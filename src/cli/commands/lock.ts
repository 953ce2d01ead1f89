import { relative } from "node:path";
import type { WrittenLock } from "../../index.ts";
import { askedFor, choiceOptions } from "../choice-words.ts";
import { jsonOption, type Cli, type Command } from "../command.ts";
import { choosePlatforms, platformOption } from "../platforms.ts";

export const lock: Command = {
  name: "lock",
  summary: "write down which distributions each package gets on each platform",
  arguments: [{ name: "PACKAGE", summary: "packages of this workspace; all where none is named", many: true }],
  options: [
    { ...platformOption, summary: "platforms to lock for; those of the workspace where absent; SYSBASE in the environment says it too" },
    { flag: "--upgrade", summary: "take the newest versions, also of what is locked already" },
    ...choiceOptions,
    { flag: "--offline", summary: "use the store and local files only" },
    jsonOption,
  ],
  examples: [
    ["caisson lock", "pylock.<platform>.toml beside each package's pyproject.toml"],
    ["caisson lock shop-web --platform centos-7 --upgrade", "the newest versions that fit centos-7"],
  ],
  run: async (cli, input) => {
    const { library, context } = cli;
    const workspace = await library.readWorkspace(context, context.cwd, askedFor(cli, input));
    const platforms = choosePlatforms(cli, workspace, input);
    const locks = await library.lockWorkspace(context, await cli.openStore(), workspace, {
      ...(input.arguments.length === 0 ? {} : { packages: input.arguments.map(library.parsePackageName) }),
      ...(platforms.length === 0 ? {} : { platforms }),
      upgrade: input.has("upgrade"),
      offline: input.has("offline"),
    });
    if (cli.json) cli.emit({ locks });
    else for (const written of locks) cli.print(line(cli, written));
    return 0;
  },
};

function line({ context }: Cli, { path, distributions, state }: WrittenLock): string {
  return `${relative(context.cwd, path)}  ${distributions} ${distributions === 1 ? "distribution" : "distributions"}${state === "unchanged" ? "  unchanged" : ""}`;
}
