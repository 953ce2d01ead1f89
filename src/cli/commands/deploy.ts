import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Change, Store } from "../../index.ts";
import { jsonOption, yesOption, type Cli, type Command, type Input } from "../command.ts";
import { carryOut, eventContext, findTarget, planLines, planOption, printLines, resultLines, toOption } from "../host-lines.ts";

export const deploy: Command = {
  name: "deploy",
  summary: "make a stack the active release on a target's hosts",
  arguments: [{ name: "STACK|BUNDLE|PLAN", summary: "a stack, a bundle, or a plan that was saved; in a workspace of one package the newest bundle in dist/" }],
  options: [toOption, planOption, { flag: "--plan-out <file>", summary: "save the plan, and do nothing" }, yesOption, { ...jsonOption, summary: "print events and the result as JSON, one per line" }],
  examples: [
    ["caisson deploy 124 --to production", "the stack 124 of this workspace"],
    ["caisson deploy dist/hello-1.0-debian-12.tar.gz --to local:app", "a bundle, into the directory app"],
    ["caisson deploy 124 --to production --plan", "what would be sent and restarted"],
  ],
  run: async (cli, input) => {
    await using change = await prepare(cli, input, await cli.openStore());
    const file = input.value("plan-out");
    if (file === undefined) return await carryOut(cli, input, change, (results) => printLines(cli, resultLines(results)));
    await change.freeze();
    await writeFile(resolve(cli.context.cwd, file), cli.library.printPlan(change.plan));
    printLines(cli, planLines(cli, change.plan));
    cli.note(`wrote ${file}; carry it out: caisson deploy ${file}`);
    return 0;
  },
};

async function prepare(cli: Cli, input: Input, store: Store): Promise<Change> {
  const { library } = cli;
  const context = eventContext(cli);
  const [word] = input.arguments;
  const plan = word === undefined ? undefined : await library.readPlan(context, word);
  if (plan !== undefined) {
    const to = input.value("to");
    if (to !== undefined && to !== plan.target) library.fail({ code: "usage", message: `the plan is for \`${plan.target}\`, not for \`${to}\``, hint: "leave --to out: a plan names its hosts" });
    return await library.preparePlan(context, store, plan);
  }
  const { workspace, target } = await findTarget(cli, input);
  const wanted = await library.findWanted(context, store, workspace, word ?? (await library.findDefaultBundle(context, store, workspace, target)));
  return await library.prepareDeploy(context, store, wanted, target);
}
