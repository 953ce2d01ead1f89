import type { TurretPlace } from "../../index.ts";
import type { Cli, Command, Input } from "../command.ts";

export const turretStart: Command = {
  name: "turret start",
  summary: "start a turret here, in an environment of its own, until its HQ stops it",
  options: [
    { flag: "--tar <file>", summary: "its archive, .tar or .tar.gz, also one of the original's" },
    { flag: "--config-file <file>", summary: "the config.json of a turret that lies in a directory" },
  ],
  examples: [
    ["caisson turret start --tar navigation.tar", "what it prints is the turret program's own; Ctrl-C ends it"],
    ["caisson turret start --config-file navigation/config.json", "one that is unpacked already"],
  ],
  run: async (cli, input) => {
    const place = placeOf(cli, input);
    const problem = await cli.library.startTurret(cli.context, await cli.openStore(), place, (line, stream) => (stream === "stdout" ? cli.print(line) : cli.note(line)));
    if (problem === undefined) return 0;
    throw new cli.library.CaissonError([problem]);
  },
};

function placeOf({ library }: Cli, input: Input): TurretPlace {
  const [tar, configFile] = [input.value("tar"), input.value("config-file")];
  if (tar !== undefined && configFile === undefined) return { tar };
  if (tar === undefined && configFile !== undefined) return { configFile };
  return library.fail({ code: "usage", message: tar === undefined ? "say which turret" : "--tar and --config-file name different turrets", hint: tar === undefined ? "caisson turret start --tar FILE, or --config-file FILE" : "leave one of them out" });
}
