import type { Command } from "../command.ts";
import { findTarget, toOption } from "../host-lines.ts";

export const units: Command = {
  name: "units",
  summary: "print what root runs once on a host, so that another user may deploy there to systemd",
  arguments: [{ name: "STACK|BUNDLE", summary: "whose processes; those of this workspace where absent" }],
  options: [toOption, { flag: "--host <name>", summary: "only that one of the target's hosts" }, { flag: "--deployer <user>", summary: "who deploys, where the host's address does not say" }],
  examples: [["caisson units --to production | ssh root@app1.example.com sh", "let the deploy user start and stop the processes there, and nothing else"]],
  run: async (cli, input) => {
    const { library } = cli;
    const { workspace, target } = await findTarget(cli, input);
    const [word] = input.arguments;
    const [host, deployer] = [input.value("host"), input.value("deployer")];
    const store = await cli.openStore();
    const what = word === undefined ? workspace : await library.findWanted(cli.context, store, workspace, word);
    if (what === undefined) return library.fail({ code: "usage", message: "say whose processes: there is no workspace here", hint: "caisson units NAME@LABEL --to TARGET" });
    const script = await library.printHostSetup(cli.context, store, what, { target, ...(host === undefined ? {} : { host }), ...(deployer === undefined ? {} : { deployer }) });
    cli.print(script.trimEnd());
    return 0;
  },
};
