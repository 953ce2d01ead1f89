import { jsonOption, type Command } from "../command.ts";

export const interpreterAdd: Command = {
  name: "interpreter add",
  summary: "take a relocatable build of CPython into the store, for releases to bring along",
  arguments: [{ name: "FILE|DIR", summary: "an archive that tar knows, or a directory; `bin/python3.X` lies at its top or below", required: true }],
  options: [{ flag: "--name <name>", summary: "what it is called; `python-3.X` where absent" }, jsonOption],
  examples: [
    ["caisson interpreter add cpython-3.8.20-x86_64-unknown-linux-gnu-install_only.tar.gz", "as python-3.8; centos-7 and debian-9 use it without being told"],
    ["caisson interpreter add /opt/python --name python-3.12", "for `[platforms.NAME] interpreter = \"tree:python-3.12\"`"],
  ],
  run: async (cli, input) => {
    const { library, context } = cli;
    const { interpreter, state, missing } = await library.importInterpreter(context, await cli.openStore(), input.arguments[0] ?? "", input.value("name"));
    if (missing.length > 0) cli.note(`note: it has no ${missing.join(", ")}`);
    if (interpreter.leansOn.length > 0) cli.note(`note: it loads libraries of its host: ${interpreter.leansOn.join(", ")}`);
    if (cli.json) cli.emit({ ...interpreter, state, missing });
    else cli.print(`${interpreter.name}  CPython ${interpreter.version}  ${interpreter.arch}  ${interpreter.libc.family} ${interpreter.libc.version}  ${library.printSize(interpreter.blob.size)}  ${state}`);
    return 0;
  },
};
