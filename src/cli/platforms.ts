import type { Platform, Workspace } from "../index.ts";
import type { Cli, Input, Option } from "./command.ts";

export const platformOption: Option = { flag: "--platform <label>", summary: "where it will run, debian-12; SYSBASE in the environment says it too", many: true };

/** Platforms that the command line names, else SYSBASE, with commas between several; none leaves the choice to the workspace, which is all that it names. @throws CaissonError `platform-unknown` with the list */
export function choosePlatforms(cli: Pick<Cli, "library" | "context">, workspace: Workspace, input: Input): readonly Platform[] {
  const words = input.values("platform").length > 0 ? input.values("platform") : (cli.context.env["SYSBASE"] ?? "").split(",").map((word) => word.trim()).filter((word) => word !== "");
  return [...new Map(words.map((word) => [word, findPlatform(cli, workspace, word)])).values()];
}

/** A platform of the workspace, or any that we know, by its label. @throws CaissonError `platform-unknown` with the list */
export function findPlatform({ library }: Pick<Cli, "library">, { platforms }: Pick<Workspace, "platforms">, word: string): Platform {
  const own = platforms.map(({ label }) => label);
  const known = library.platformPresets().filter(({ arch }) => arch === "x86_64").map(({ label }) => label);
  const near = library.nearestWord(word, [...own, ...known]);
  const hint = [
    ...(near === undefined ? [] : [`did you mean \`${near}\`?`]),
    own.length > 0 ? `this workspace has ${own.join(", ")}; caisson platform list has all` : `known: ${known.join(", ")}; each also with -arm64 or -py312`,
  ].join(" ");
  return platforms.find(({ label }) => label === word) ?? library.platformPreset(word) ?? library.fail({ code: "platform-unknown", message: `unknown platform \`${word}\``, hint });
}
