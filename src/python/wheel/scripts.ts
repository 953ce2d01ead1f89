import { refuse } from "./refuse.ts";

/**
 * Refuse the name of a program that would leave `bin/`, break a launcher, or stand in for the interpreter: rules W11 and W14.
 * @throws CaissonError `wheel-invalid`
 */
export function checkScriptName(rule: "W11" | "W14", name: string): void {
  if (!SAFE.test(name)) refuse(rule, `${JSON.stringify(name)} is no name for a program in \`bin/\``);
  if (INTERPRETER.test(name)) refuse("W14", `\`${name}\` is the interpreter's own name`);
}

/** One step, no quotes, nothing that a shell reads as more than a letter. */
const SAFE = /^(?![.-])[\p{L}\p{N}._+@~ -]+$/u;
const INTERPRETER = /^(?:pythonw?|python[0-9]+(?:\.[0-9]+)*(?:t|d|m|td)?|pypy.*|graalpy.*)(?:\.exe)?$/i;

/** Names that a shell user takes for the activation of an environment: allowed, and said. */
export function looksLikeActivation(name: string): boolean {
  return /^activate/i.test(name);
}

/** The entry point whose wrapper a file of `.data/scripts` is, as setuptools once put them there: rule W13. The case of an ending means nothing, that of a name does. */
export function wrappedEntryPoint(fileName: string): string {
  return fileName.replace(/(?:\.exe|-script\.pyw?|\.pya)$/i, "");
}
