import { fail, type Payload, type Process } from "../model/index.ts";

/** The processes that a package starts: the first of its start table whose variables have the wanted values; all of them where there is no table. What a timer starts is left out. */
export function chooseProcesses(payload: Payload, env: Readonly<Record<string, string>>): readonly Process[] {
  const constant = payload.processes.filter(({ schedule }) => schedule === undefined);
  if (payload.start.length === 0) return constant;
  const chosen = payload.start.find(({ when = {} }) => Object.entries(when).every(([name, value]) => env[name] === value));
  return constant.filter(({ name }) => name === chosen?.process);
}

/**
 * A process's words with `$NAME` and `${NAME}` replaced; each word stays one word, whatever the value holds.
 * @throws CaissonError `process-failed` where a variable is not set
 */
export function expandWords(process: Process, env: Readonly<Record<string, string>>): readonly string[] {
  const missing = process.requires.filter((name) => (env[name] ?? "") === "");
  if (missing.length > 0) fail({ code: "process-failed", message: `set ${missing.join(" and ")} (process \`${process.name}\` needs ${process.requires.join(" and ")})` });
  return process.argv.map((word) => word.replaceAll(/\$(?:\{(?<braced>[A-Za-z_][A-Za-z0-9_]*)\}|(?<bare>[A-Za-z_][A-Za-z0-9_]*))/g, (...match) => {
    const { braced, bare } = match.at(-1) as { readonly braced?: string; readonly bare?: string };
    const name = braced ?? bare ?? "";
    return env[name] ?? fail({ code: "process-failed", message: `set ${name} (process \`${process.name}\` uses it)` });
  }));
}
