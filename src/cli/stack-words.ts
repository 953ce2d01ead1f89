import type { StackDifference, StackRef } from "../index.ts";
import type { Cli } from "./command.ts";

/** A stack that a command speaks of, and how the user named it. */
export interface NamedStack {
  readonly ref: StackRef;
  readonly typed: string;
}

/**
 * `124` is the workspace's own stack; `shop@124` needs no workspace.
 * @throws CaissonError `name-invalid` · `usage` where there is no workspace
 */
export async function readStackName({ library, context }: Cli, typed: string): Promise<NamedStack> {
  if (typed.includes("@")) return { ref: library.parseStackRef(typed, library.normalizeName("")), typed };
  const label = library.parseLabel(typed);
  const workspace = await library.readWorkspace(context, context.cwd).catch((error: unknown) => {
    const isWorkspace = !(error instanceof library.CaissonError) || error.problems.some(({ file }) => file !== undefined);
    if (isWorkspace) throw error;
    return library.fail({ code: "usage", message: `\`${typed}\` alone does not say whose stack it is, for there is no workspace here`, hint: `NAME@${typed}` }, error);
  });
  return { ref: { name: workspace.name, label }, typed };
}

/** Do some work; where it fails, hints name the stack as the user did, so that they can be typed. */
export async function inTypedWords<Result>({ library }: Cli, { ref, typed }: NamedStack, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof library.CaissonError)) throw error;
    const name = library.printStackRef(ref);
    const retype = (hint: string): string => hint.split(/(?<delimiter>[\s,]+)/).map((word) => (word === name ? typed : word)).join("");
    const [first, ...rest] = error.problems.map((problem) => (problem.hint === undefined ? problem : { ...problem, hint: retype(problem.hint) }));
    throw first === undefined ? error : new library.CaissonError([first, ...rest], error.cause);
  }
}

export function countPackages(count: number): string {
  return count === 1 ? "1 package" : `${count} packages`;
}

/** `1.0.0 -> 1.0.1`; `none` where one side has no version; of one version with other files, that. */
export function describeDifference({ from, to }: StackDifference): string {
  return from === to ? `${to ?? ""} with other artifacts` : `${from ?? "none"} -> ${to ?? "none"}`;
}
