import type { PackedTurret, PackedTurrets, Problem } from "../../index.ts";
import { printError } from "../print.ts";
import { jsonOption, type Cli, type Command, type ExitStatus } from "../command.ts";

export const turretPack: Command = {
  name: "turret pack",
  summary: "pack the turrets of an OCT project, one archive each",
  arguments: [{ name: "DIR", summary: "the project's directory, with its config.json", required: true }],
  options: [
    { flag: "--output <dir>", summary: "where the archives go; the project's directory where absent" },
    { flag: "--format <format>", summary: "tar or tar.gz; tar where absent" },
    { flag: "--turret-version <version>", summary: "the version that pip is told; 0.1 where absent" },
    { flag: "--without-setup", summary: "leave setup.py out: the archives are started, and not installed by pip" },
    jsonOption,
  ],
  examples: [
    ["caisson turret pack loadtest", "loadtest/navigation.tar and so on, ready for pip install and oct-turrets-start"],
    ["caisson turret pack loadtest --format tar.gz --output dist --turret-version 1.2", "compressed archives of version 1.2, elsewhere"],
  ],
  run: async (cli, input) => {
    const { library, context } = cli;
    const output = input.value("output");
    const packed = await library.packTurrets(context, {
      directory: input.arguments[0] ?? "",
      ...(output === undefined ? {} : { output }),
      format: library.parseTurretContainer(input.value("format") ?? "tar"),
      digests: cli.json,
      setup: !input.has("without-setup"),
      version: library.parseTurretVersion(input.value("turret-version") ?? "0.1"),
    });
    if (cli.json) cli.emit({ defaults: packed.absent, turrets: packed.turrets });
    else print(cli, packed);
    const problems = packed.turrets.flatMap((turret) => (turret.state === "failed" ? [turret.problem] : []));
    if (problems.length > 0) cli.note(printError(new library.CaissonError(problems as unknown as [Problem]), false));
    return statusOf(packed.turrets);
  },
};

/** Row O2 and O3: these lines are the original's, and programs read them. */
function print(cli: Cli, { absent, turrets }: PackedTurrets): void {
  for (const key of absent) cli.print(`WARNING: ${key} configuration key not present, the value will be set to default value`);
  for (const turret of turrets) {
    if (turret.state === "failed") continue;
    for (const member of turret.members) cli.print(`Added ${member}`);
    cli.print(`Archive ${turret.path} created`);
    cli.print("=".repeat(41));
  }
}

/** Row O11: some are packed and some are not. */
function statusOf(turrets: readonly PackedTurret[]): ExitStatus {
  const failed = turrets.filter(({ state }) => state === "failed").length;
  if (failed === 0) return 0;
  return failed === turrets.length ? 1 : 4;
}
