import { locateKeys } from "../../config/index.ts";
import { CaissonError, type KeyPath, type Problem } from "../../model/index.ts";

/**
 * Read a lock file; what is wrong with it is told with its lines, and with what makes the file anew.
 * @throws CaissonError as `read`
 */
export function readByLines<Lock>(text: string, renew: string, read: () => Lock): Lock {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof CaissonError)) throw error;
    let locate: ReturnType<typeof locateKeys> | undefined;
    const located = error.problems.map((problem): Problem => {
      const line = problem.line ?? (problem.key === undefined ? undefined : (locate ??= locateKeys(text))(partsOf(problem.key)));
      return { hint: `write it anew: ${renew}`, ...problem, ...(line === undefined ? {} : { line }) };
    });
    throw new CaissonError(located as [Problem, ...Problem[]], error.problems.some(({ line }) => line !== undefined) ? undefined : error.cause);
  }
}

/** `packages[3].wheels[0].size` as the steps that it is. */
function partsOf(key: string): KeyPath {
  return [...key.matchAll(/\[(\d+)\]|[^.[\]]+/g)].map(([word, index]) => (index === undefined ? word : Number(index)));
}
