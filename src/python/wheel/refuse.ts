import { CaissonError, fail } from "../../model/index.ts";

/**
 * Refuse a wheel. The message begins with the name of the rule it breaks: Z for its container, W for its content.
 * @throws CaissonError `wheel-invalid` always
 */
export function refuse(rule: string, what: string, hint?: string): never {
  return fail({ code: "wheel-invalid", message: `${rule}: ${what}`, hint: hint ?? "nothing of it was taken: lock another version of it, or ask who made it" });
}

/** Says that a wheel breaks a rule: a refusal, unless an exception was made. */
export type Objection = (rule: string, what: string) => void;

/** The same refusal, saying of which file. */
export function nameFile(error: unknown, file: string): unknown {
  if (!(error instanceof CaissonError) || error.code !== "wheel-invalid") return error;
  const [first, ...rest] = error.problems;
  return new CaissonError([{ ...first, file: first.file ?? file }, ...rest], error.cause);
}
