import type { Command } from "../command.ts";

export const init: Command = {
  name: "init",
  summary: "write caisson.toml from what is here",
  examples: [["caisson init", "find the projects in this directory, and write them down"]],
  run: async (cli) => {
    const { library, context } = cli;
    const platform = await library.machinePlatform(context);
    const plan = await library.planInit(context, context.cwd, platform.label);
    await library.writeInit(context, plan);
    const packages = plan.packages.map(({ written, kind }) => `${written}, ${kind}`);
    cli.print(`wrote caisson.toml: workspace \`${plan.workspace}\`, ${packages.length} package${packages.length === 1 ? "" : "s"} (${packages.join("; ")}), platform ${plan.platform}`);
    return 0;
  },
};
