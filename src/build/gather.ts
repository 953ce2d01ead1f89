import { CaissonError, problemsOf, type Problem } from "../model/index.ts";

/**
 * Wait for all of them, and throw what went wrong in any as one error, each problem once: whoever mends a build wants to see everything that is broken.
 * A bug, or a request to stop, is thrown as it is.
 */
export async function gather<const Work extends readonly Promise<unknown>[]>(work: Work): Promise<{ -readonly [Index in keyof Work]: Awaited<Work[Index]> }> {
  const outcomes = await Promise.allSettled(work);
  const errors: unknown[] = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason as unknown] : []));
  if (errors.length > 0) throw joinErrors(errors);
  return outcomes.map((outcome) => (outcome.status === "fulfilled" ? outcome.value : undefined)) as { -readonly [Index in keyof Work]: Awaited<Work[Index]> };
}

function joinErrors(errors: readonly unknown[]): unknown {
  const [only] = errors;
  if (errors.length === 1) return only;
  const bug = errors.find((error) => !(error instanceof CaissonError) || error.code === "cancelled");
  if (bug !== undefined) return bug;
  const known = errors as readonly CaissonError[];
  const problems = new Map(known.flatMap(problemsOf).map((problem) => [`${problem.code} ${problem.message}`, problem]));
  return new CaissonError([...problems.values()] as unknown as readonly [Problem, ...Problem[]]);
}
