import type { Platform, Probed } from "../../index.ts";
import { jsonOption, type Cli, type Command } from "../command.ts";

export const platformProbe: Command = {
  name: "platform probe",
  summary: "ask a machine what it is, as a complete-platform document (JSON)",
  arguments: [{ name: "USER@HOST", summary: "the machine, over ssh; this one where absent" }],
  options: [
    { flag: "--python <minor>", summary: "the interpreter that is asked, 3.12; the python3 there where absent; on a machine without any, the one that releases will bring" },
    { ...jsonOption, summary: "print the document in one line" },
  ],
  examples: [
    ["caisson platform probe", "this machine: markers and wheel tags"],
    ["caisson platform probe deploy@app1 > app1.json", "for `[platforms.NAME] file = \"app1.json\"`, pex and others"],
  ],
  run: async (cli, input) => {
    const { library, context } = cli;
    const [host, python] = [input.arguments[0], input.value("python")];
    if (python !== undefined && !/^3\.[0-9]{1,2}$/.test(python)) library.fail({ code: "usage", message: `\`${python}\` is no minor version of Python 3`, hint: "--python 3.12" });
    const probed = await library.probePlatform(context, { ...(host === undefined ? {} : { host }), ...(python === undefined ? {} : { python }) });
    const document = { ...library.completePlatform(probed.platform), ...(probed.path === undefined ? {} : { path: probed.path }) };
    if (cli.json) cli.emit(document);
    else cli.print(JSON.stringify(document, null, 2));
    cli.note(meaning(cli, probed));
    return 0;
  },
};

/** What the machine is called here, and whether the document is needed. */
function meaning({ library }: Cli, { host, path, platform }: Probed): string {
  const { label, arch, libc, python } = platform;
  const is = `${host} is ${label}: ${libc.family} ${libc.version}, ${path === undefined ? "no Python, and to have " : ""}CPython ${python.full ?? python.version}, ${arch}`;
  const preset = library.platformPreset(label);
  return preset !== undefined && isSame(preset, platform) ? `${is}; known by that name, without a file` : `${is}; for builds: [platforms.${label}] file = "FILE"`;
}

function isSame(preset: Platform, platform: Platform): boolean {
  return preset.tags.join() === platform.tags.join();
}
