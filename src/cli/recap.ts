import type { Recap } from "../index.ts";
import type { Cli, Option } from "./command.ts";

export const noRecapOption: Option = { flag: "--no-recap", summary: "do not say before long work which settings are in force" };

/** Work is long once it has taken so many milliseconds, where nobody looks on; said before the first step of it is. */
const PATIENCE = 1500;

/** Says which settings are in force before long work: at once in a terminal, else once it has taken a while. `end` when the work is over. */
export function openRecap(cli: Cli): { readonly begin: (recap: Recap) => void; readonly end: () => void } {
  let timer: NodeJS.Timeout | undefined;
  return {
    begin: (recap) => {
      const say = (): void => {
        for (const line of printRecap(recap)) cli.note(line);
      };
      if (cli.terminal) say();
      else timer = setTimeout(say, PATIENCE).unref();
    },
    end: () => clearTimeout(timer),
  };
}

/** A line for each setting, indented by two as all that is said of work under way. */
export function printRecap({ packages, source, platforms, formats, index, indexFrom, findLinks, store, offline, exceptions }: Recap): readonly string[] {
  const rows = [
    ["packages", `${packages.join(", ")} ${source === "files on disk" ? "as it is on disk" : `at ${source}`}`],
    ["formats", formats.join(", ")],
    ...platforms.map(({ label, python, interpreter }) => ["platform", `${label}, Python ${python} ${interpreter === undefined ? "of the host" : `that goes along (${interpreter})`}`]),
    ["index", offline ? "not asked (offline)" : `${index} (${indexFrom === "the default" ? indexFrom : `from ${indexFrom}`})`],
    ...findLinks.map((directory) => ["files", directory]),
    ["store", store],
    ...exceptions.map(({ rule, wheel, reason }) => ["except", `${rule} for ${wheel.slice("sha256:".length, "sha256:".length + 12)}: ${reason}`]),
  ] as const;
  return rows.map(([name = "", value = ""]) => `  ${name.padEnd(8)}  ${value}`);
}
