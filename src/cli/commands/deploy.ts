import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Change, Store } from "../../index.ts";
import { eventsOption, yesOption, type Cli, type Command, type Input, type Option } from "../command.ts";
import { acrossOption, carryOut, eventContext, findTarget, planLines, planOption, printLines, resultLines, toOption } from "../host-lines.ts";

const retryOption: Option = { flag: "--retry", summary: "take up only the hosts that are not on the stack yet, as they say themselves" };

export const deploy: Command = {
  name: "deploy",
  summary: "make a stack the active release on a target's hosts",
  arguments: [{ name: "STACK|BUNDLE|PLAN", summary: "a stack, a bundle, or a plan that was saved; in a workspace of one package the newest bundle in dist/" }],
  options: [toOption, retryOption, acrossOption, planOption, { flag: "--plan-out <file>", summary: "save the plan, and do nothing" }, yesOption, eventsOption],
  examples: [
    ["caisson deploy 124 --to production", "the stack 124 of this workspace"],
    ["caisson deploy dist/hello-1.0-debian-12.tar.gz --to local:app", "a bundle, into the directory app"],
    ["caisson deploy 124 --to production --plan", "what would be sent and restarted"],
    ["caisson deploy 124 --to production --retry", "the hosts that are not on 124 yet, and no others"],
  ],
  run: async (cli, input) => {
    const [word] = input.arguments;
    await using change = await prepare(cli, input, await cli.openStore());
    const file = input.value("plan-out");
    if (file === undefined) {
      if (input.has("retry") && change.hosts.length > 0 && change.plan.hosts.length === 0 && change.missed.length === 0) cli.note(`nothing is left: all ${change.hosts.length} hosts are on it`);
      return await carryOut(cli, input, change, (results) => printLines(cli, resultLines(cli, results)), word === undefined || (await cli.library.readPlan(cli.context, word)) !== undefined ? undefined : word);
    }
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
    if (input.has("retry")) library.fail({ code: "usage", message: "a plan says itself which hosts it is for", hint: "leave --retry out, or name the stack" });
    return await library.preparePlan(context, store, plan);
  }
  const { workspace, target } = await findTarget(cli, input);
  const wanted = await library.findWanted(context, store, workspace, word ?? (await library.findDefaultBundle(context, store, workspace, target)));
  return await library.prepareDeploy(context, store, wanted, target, { retry: input.has("retry"), acrossHooks: input.has("across-hooks") });
}
