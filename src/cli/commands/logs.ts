import { jsonOption, type Cli, type Command, type Input } from "../command.ts";
import { findTarget, toOption } from "../host-lines.ts";

export const logs: Command = {
  name: "logs",
  summary: "what processes on a target's hosts have said",
  arguments: [{ name: "PROCESS", summary: "a process, a package, or PACKAGE:PROCESS; all where absent" }],
  options: [toOption, { flag: "--lines <number>", summary: "so many lines of each host; 100 where absent, 1000 at most" }, { flag: "--follow", summary: "wait for more, until Ctrl-C" }, { ...jsonOption, summary: "print each line as JSON" }],
  examples: [
    ["caisson logs --to production web", "the last lines of the process web on each host"],
    ["caisson logs --to production --follow", "of all processes, and what they say from now on"],
  ],
  run: async (cli, input) => {
    const { library } = cli;
    const { target } = await findTarget(cli, input);
    const [process] = input.arguments;
    const request = { lines: readCount(cli, input), follow: input.has("follow"), ...(process === undefined ? {} : { process }) };
    const missed = await library.readLogs(cli.context, target, request, (host, line) => {
      if (cli.json) return cli.emit({ host, ...line });
      const time = line.time === undefined ? [] : [new Date(line.time * 1000).toISOString().replace(/\.\d+Z$/, "Z")];
      cli.print([host, ...time, ...(line.process === undefined ? [] : [line.process]), harmless(line.text)].join("  "));
    });
    for (const { host, problem } of missed) cli.note(`${host}: ${problem.message}`);
    for (const hint of new Set(missed.flatMap(({ problem }) => problem.hint ?? []))) cli.note(`hint: ${hint}`);
    return missed.length === 0 ? 0 : 5;
  },
};

function readCount({ library }: Cli, input: Input): number {
  const word = input.value("lines") ?? "100";
  if (!/^[1-9]\d{0,5}$/.test(word)) library.fail({ code: "usage", message: `\`${word}\` is not a number of lines`, hint: "--lines 100" });
  return Math.min(Number(word), 1000);
}

/** Whatever a process says, it does not move the cursor of who reads it. */
function harmless(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, (character) => (character === "\t" ? character : "\u{fffd}"));
}
