import { eventsOption, yesOption, type Command } from "../command.ts";
import { acrossOption, carryOut, eventContext, findTarget, planOption, printLines, resultLines, toOption } from "../host-lines.ts";

export const rollback: Command = {
  name: "rollback",
  summary: "make an older release active again",
  options: [toOption, { flag: "--to-release <label>", summary: "that release; one release back where absent" }, acrossOption, planOption, yesOption, eventsOption],
  examples: [
    ["caisson rollback --to production", "back to what ran before; hosts that went back already stay"],
    ["caisson rollback --to production --to-release 122", "back to 122, which must still be there"],
  ],
  run: async (cli, input) => {
    const { library } = cli;
    const { target } = await findTarget(cli, input);
    const label = input.value("to-release");
    await using change = await library.prepareRollback(eventContext(cli), await cli.openStore(), target, label === undefined ? undefined : library.parseLabel(label.slice(label.indexOf("@") + 1)), { acrossHooks: input.has("across-hooks") });
    return await carryOut(cli, input, change, (results) => printLines(cli, resultLines(cli, results)));
  },
};
