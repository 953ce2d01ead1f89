import type { ChangedInput } from "../../index.ts";
import { jsonOption, type Command } from "../command.ts";
import { findPlatform } from "../platforms.ts";

export const why: Command = {
  name: "why",
  summary: "tell what a build would do anew, and why: the first input that is not what it was",
  arguments: [{ name: "PACKAGE[@VERSION]", summary: "the package; its newest artifact is compared, or that of a version", required: true }],
  options: [
    { flag: "--platform <label>", summary: "the artifact's platform; the workspace's first where absent" },
    { flag: "--rev <rev>", summary: "compare with a tag, branch or commit" },
    { flag: "--on-disk", summary: "compare with the files as they lie on disk" },
    { flag: "--all", summary: "every input that differs, and not the first alone" },
    jsonOption,
  ],
  examples: [
    ["caisson why shop-web", "source of shop-util changed: src/shop_util/__init__.py"],
    ["caisson why shop-web@2.0.0 --all", "all that differs from what 2.0.0 was built from"],
  ],
  run: async (cli, input) => {
    const { library, context } = cli;
    const workspace = await library.readWorkspace(context, context.cwd);
    const [, name = "", version] = /^([^@]*)(?:@(.+))?$/.exec(input.arguments[0] ?? "") ?? [];
    const label = input.value("platform");
    const platform = label === undefined ? undefined : findPlatform(cli, workspace, label);
    const rev = input.value("rev");
    const { artifact, changes } = await library.explainBuild(context, await cli.openStore(), workspace, {
      package: library.parsePackageName(name),
      ...(version === undefined ? {} : { version }),
      ...(platform === undefined ? {} : { platform }),
      ...(rev === undefined ? {} : { rev }),
      onDisk: input.has("on-disk"),
    });
    if (cli.json) cli.emit({ artifact: artifact.fileName, changes });
    else if (changes.length === 0) cli.print(`${artifact.fileName}  nothing to build: every input is what it was`);
    else for (const change of input.has("all") ? changes : changes.slice(0, 1)) cli.print(`${artifact.fileName}  ${describe(change)}`);
    return 0;
  },
};

function describe({ input, before, now, files }: ChangedInput): string {
  if (files !== undefined) return `${input} changed: ${files.join(", ")}`;
  return `${input} changed: ${short(before)} -> ${short(now)}`;
}

/** A digest by its first digits. */
function short(value: ChangedInput["now"]): string {
  return value === null ? "nothing" : JSON.stringify(value).replaceAll(/[0-9a-f]{40,}/g, (hex) => hex.slice(0, 12));
}
