import type { Platform } from "../../index.ts";
import { jsonOption, type Cli, type Command } from "../command.ts";
import { alignColumns, printLines } from "../host-lines.ts";

export const platformList: Command = {
  name: "platform list",
  summary: "list the platforms that have a name, and those of this workspace",
  options: [jsonOption],
  examples: [["caisson platform list", "label, C library, Python, whether that is the system's own, and how we know"]],
  run: async (cli) => {
    const platforms = (await allPlatforms(cli)).map((platform) => describe(cli, platform));
    if (cli.json) cli.emit({ platforms });
    else printLines(cli, alignColumns(platforms.map(({ label, libc, python, tree, evidence, source }) => [label, `${libc.family} ${libc.version}`, `Python ${python}`, tree ? `brings tree:python-${python}` : "the system's own", evidence, source])));
    return 0;
  },
};

/** Presets first; outside of a workspace they are all. */
async function allPlatforms({ library, context }: Cli): Promise<readonly Platform[]> {
  const presets = library.platformPresets();
  const workspace = await library.readWorkspace(context, context.cwd).catch((error: unknown) => {
    if (error instanceof library.CaissonError) return undefined;
    throw error;
  });
  return [...presets, ...(workspace?.platforms ?? []).filter(({ label }) => !presets.some((preset) => preset.label === label))];
}

function describe({ library }: Cli, platform: Platform): { readonly label: string; readonly arch: string; readonly libc: Platform["libc"]; readonly python: string; readonly tree: boolean; readonly evidence: string; readonly source: string } {
  const { label, arch, libc, python, evidence } = platform;
  const isPreset = library.platformPreset(label) !== undefined;
  return { label, arch, libc, python: python.version, tree: library.needsInterpreterTree(platform), evidence, source: (isPreset ? library.platformSource(platform) : undefined) ?? "this workspace says so" };
}
