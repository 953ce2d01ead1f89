import type { CleanPlan, StackRef } from "../../index.ts";
import { jsonOption, yesOption, type Cli, type Command, type Input } from "../command.ts";
import { alignColumns } from "../host-lines.ts";

export const storeClean: Command = {
  name: "store clean",
  summary: "remove what nothing needs any more, and say what that is",
  options: [
    { flag: "--keep <number>", summary: "versions of a package that stay though no stack has them; 3 where absent" },
    { flag: "--caches", summary: "forget all that can be found out again: wheels are then fetched and built anew" },
    { flag: "--grace <hours>", summary: "keep bytes that were written or used since; 24 where absent" },
    { flag: "--dry-run", summary: "only say what would be removed" },
    yesOption,
    jsonOption,
  ],
  examples: [
    ["caisson store clean", "shows what can go, and asks; builds may go on meanwhile"],
    ["caisson store clean --yes", "for a timer: stacks, what they need and the newest versions stay"],
    ["caisson store clean --caches --grace 0 --dry-run", "how much of it is only there to save time"],
  ],
  run: async (cli, input) => {
    const { library, context } = cli;
    const options = { keep: readNumber(cli, "keep", input.value("keep") ?? "3", "versions"), grace: readNumber(cli, "grace", input.value("grace") ?? "24", "hours") * 3600, caches: input.has("caches"), staying: await deployedHere(cli) };
    const dryRun = input.has("dry-run");
    const store = await cli.openStore();
    const plan = await library.planClean(context, store, options);
    const idle = plan.stacks.length + plan.artifacts.length + plan.keys.length + plan.files.length + plan.others.count + plan.forgotten === 0;
    const agreed = !dryRun && (idle || (await isAgreed(cli, input, plan)));
    const done = agreed && !idle ? await library.clean(context, store, plan, options) : undefined;
    if (cli.json) cli.emit({ directory: store.directory, done: agreed, ...describe(cli, plan) });
    else if (idle) cli.print(`nothing to remove; ${plan.kept} ${plan.kept === 1 ? "blob stays" : "blobs stay"}`);
    else {
      // Whoever was asked has seen it already.
      if (dryRun || input.has("yes")) show(cli, plan);
      const size = library.printSize(done === undefined ? plan.size : done.removed.reduce((sum, blob) => sum + blob.size, 0));
      if (dryRun) cli.print(`would free ${size}`);
      else if (done !== undefined) cli.print(`freed ${size}`);
    }
    if (!dryRun && !agreed) cli.note("hint: add --yes");
    return dryRun || agreed ? 0 : 1;
  },
};

/** Where there is no workspace, nothing is deployed from it. */
async function deployedHere({ library, context }: Cli): Promise<readonly StackRef[]> {
  const workspace = await library.readWorkspace(context, context.cwd).catch(() => undefined);
  return workspace === undefined ? [] : (await library.findDeployedHere(context, workspace)).map(({ ref }) => ref);
}

async function isAgreed(cli: Cli, input: Input, plan: CleanPlan): Promise<boolean> {
  if (input.has("yes")) return true;
  if (cli.json) return false;
  show(cli, plan);
  return await cli.ask(`remove all of this, ${cli.library.printSize(plan.size)}?`);
}

function show(cli: Cli, { stacks, artifacts, files, others, forgotten }: CleanPlan): void {
  const { library } = cli;
  const rows = [
    ...stacks.map((ref) => ["stack", library.printStackRef(ref), "of `caisson up`"]),
    ...artifacts.map(({ fileName }) => ["artifact", fileName, "in no stack"]),
    ...files.map(({ fileName, size }) => ["file", fileName, library.printSize(size)]),
    ...(others.count === 0 ? [] : [["others", `${others.count} without a name`, library.printSize(others.size)]]),
    ...(forgotten === 0 ? [] : [["cache", `${forgotten} ${forgotten === 1 ? "entry" : "entries"}`, ""]]),
  ];
  for (const line of alignColumns(rows)) cli.print(line);
}

function describe({ library }: Cli, { stacks, artifacts, ...rest }: CleanPlan): Readonly<Record<string, unknown>> {
  return { stacks: stacks.map(library.printStackRef), artifacts: artifacts.map(({ fileName }) => fileName), ...rest };
}

function readNumber({ library }: Cli, option: string, text: string, what: string): number {
  if (/^[0-9]{1,6}$/.test(text)) return Number(text);
  return library.fail({ code: "usage", message: `\`${text}\` is not a number of ${what}`, hint: `--${option} ${option === "grace" ? 24 : 3}` });
}
