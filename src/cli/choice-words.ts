import type { Asked } from "../index.ts";
import type { Cli, Input, Option } from "./command.ts";

/** What packages get besides what is written of them. */
export const choiceOptions: readonly Option[] = [
  { flag: "--extra <name>", summary: "an extra that is installed with the packages named, or with all that have it", many: true },
  { flag: "--group <name>", summary: "a dependency group of pyproject.toml, likewise", many: true },
];

/** Undefined where nothing was asked for. */
export function askedFor({ library }: Cli, input: Input): Asked | undefined {
  const [extras, groups] = [input.values("extra"), input.values("group")];
  if (extras.length + groups.length === 0) return undefined;
  return { extras, groups, ...(input.arguments.length === 0 ? {} : { packages: input.arguments.map(library.parsePackageName) }) };
}
