import type { Cli, Command, ExitStatus } from "../command.ts";

export const run: Command = {
  name: "run",
  summary: "start a stack or a bundle here, from the bytes that a host would get, without installing it",
  arguments: [
    { name: "STACK[:PROCESS]|BUNDLE", summary: "a stack, and a process or program of it where it has several; or a bundle", required: true },
    { name: "ARGS", summary: "further words for the program, behind --", many: true },
  ],
  examples: [
    ["caisson run 124:web", "the process web of the stack 124 of this workspace"],
    ["caisson run dist/hello-1.0-debian-12.tar.gz -- --help", "a bundle, with a word for its program"],
  ],
  run: async (cli, input) => {
    const [word = "", ...words] = input.arguments;
    const { library, context } = cli;
    const { place, process } = splitWord(word);
    const workspace = await library.readWorkspace(context, context.cwd).catch((error: unknown) => {
      // Outside of any workspace a bundle, or a stack by its whole name, still means something.
      if (error instanceof library.CaissonError && error.problems.every(({ file }) => file === undefined)) return undefined;
      throw error;
    });
    const store = await cli.openStore();
    const wanted = await library.findWanted(quiet(cli), store, workspace, place);
    return (await library.runHere(quiet(cli), store, wanted, { words, ...(process === undefined ? {} : { process }) })) as ExitStatus;
  },
};

/** What follows the last colon is a process. */
function splitWord(word: string): { readonly place: string; readonly process?: string } {
  const [, place, process] = /^(.+):([A-Za-z0-9][A-Za-z0-9._-]*)$/.exec(word) ?? [];
  return place === undefined || process === undefined ? { place: word } : { place, process };
}

/** Nothing but the program is to be heard. */
function quiet({ context }: Cli): Cli["context"] {
  return { ...context, report: (event) => (event.type === "warning" ? context.report(event) : undefined) };
}
