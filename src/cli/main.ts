#!/usr/bin/env node
/** Lets a person call the library and read what happened. */
import { getEventListeners } from "node:events";
import { readFileSync } from "node:fs";
import { askPerson } from "./ask.ts";
import { eventsOption, type Cli, type ExitStatus } from "./command.ts";
import { groups, loadCommands } from "./commands/index.ts";
import { streamEvents } from "./events.ts";
import { describeError, exitStatusOf, printError } from "./print.ts";
import { createProgress, type Words } from "./progress.ts";
import { parseCommandLine } from "./program.ts";

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<ExitStatus> {
  const color = process.stderr.isTTY && (process.env["NO_COLOR"] ?? "") === "";
  survivePipes(color);
  const typed = await parseCommandLine(await loadCommands(words), groups, words, ownVersion());
  if ("text" in typed) {
    (typed.status === 0 ? process.stdout : process.stderr).write(typed.text);
    return typed.status;
  }
  let phrases: Words = { printSize: String, foldNames: (names) => names.join(", ") };
  const progress = createProgress(process.stderr, color, { printSize: (bytes) => phrases.printSize(bytes), foldNames: (names) => phrases.foldNames(names) });
  const emit = (value: unknown): void => write(process.stdout, JSON.stringify(value));
  if ("wrong" in typed) {
    progress.line(`${color ? "\u001b[31merror:\u001b[39m" : "error:"} ${typed.wrong}\nhint: ${typed.hint}`);
    if (words.includes("--json")) emit({ type: "error", status: 2, problems: [{ code: "usage", message: typed.wrong, hint: typed.hint }] });
    return 2;
  }
  const json = typed.input.has("json");
  const emitEvent = streamEvents((line) => write(process.stdout, line));
  let isStream = typed.command.options?.includes(eventsOption) === true;
  const stop = stopOnSignals();
  try {
    const library = await import("../index.ts");
    phrases = library;
    const context = library.createContext({ cwd: process.cwd(), env: process.env, report: progress.report, signal: stop.signal, urgent: stop.urgent });
    const cli: Cli = {
      library,
      context,
      json,
      terminal: process.stderr.isTTY,
      ...(process.stdout.isTTY ? { rows: process.stdout.rows } : {}),
      openStore: () => library.openStore(context, typed.store ?? library.defaultStoreDirectory(context.env)),
      print: (line) => write(process.stdout, line),
      note: (line) => progress.line(line),
      ask: async (question) => {
        progress.pause();
        return await askPerson(question, stop.signal);
      },
      emit,
      emitEvent: (event) => {
        isStream = true;
        emitEvent(event);
      },
    };
    return await typed.command.run(cli, typed.input);
  } catch (error) {
    progress.end();
    progress.line(printError(error, color));
    const status = exitStatusOf(error);
    if (json) (isStream ? emitEvent : emit)({ type: "error", status, problems: describeError(error, (await import("../index.ts")).problemsOf) });
    return status;
  } finally {
    progress.end();
    stop.done();
  }

  function write(stream: NodeJS.WriteStream, line: string): void {
    progress.pause();
    stream.write(`${line}\n`);
  }
}

/** The first Ctrl-C asks for an orderly end; the second for a quick one, which is to end at once where nothing is under way that must be told. The third ends whatever it is. */
function stopOnSignals(): { readonly signal: AbortSignal; readonly urgent: AbortSignal; done(): void } {
  const [controller, urgent] = [new AbortController(), new AbortController()];
  const stop = (name: NodeJS.Signals): void => {
    if (urgent.signal.aborted) process.exit(5);
    if (controller.signal.aborted && getEventListeners(urgent.signal, "abort").length === 0) process.exit(1);
    if (controller.signal.aborted) urgent.abort();
    controller.abort(new DOMException("stopped on request", { name: "AbortError", cause: name }));
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, stop);
  return {
    signal: controller.signal,
    urgent: urgent.signal,
    done: () => {
      for (const signal of signals) process.off(signal, stop);
    },
  };
}

/** A reader that went away (`caisson stack list | head -1`) is no error; a result that could not be written is one, whatever was done before. */
function survivePipes(color: boolean): void {
  let lost = false;
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE" || lost) return;
      lost = true;
      // The work goes on: half a deploy is worse than one that nobody reads of.
      process.once("exit", () => (process.exitCode ||= 1));
      if (stream === process.stdout) process.stderr.write(`${printError(error, color)}\n`);
    });
  }
}

function ownVersion(): string {
  const file: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return typeof file === "object" && file !== null && "version" in file ? String(file.version) : "";
}
