import type { Digest, Distribution, NeededException, Problem, WheelException, Workspace } from "../../model/index.ts";
import { EXCUSABLE_RULES, ruleOf } from "../../python/index.ts";

/** The rules that a wheel may break while it is read. */
export function excusedRules(exceptions: Workspace["exceptions"] = [], wheel: Digest): readonly string[] {
  return [...new Set(exceptions.filter((exception) => exception.wheel === wheel && EXCUSABLE_RULES.includes(exception.rule)).map(({ rule }) => rule))];
}

/** Of the problems with wheels, those that nobody made an exception for; and the exceptions without which there would be more. */
export function excuse(exceptions: Workspace["exceptions"] = [], distributions: readonly Distribution[], problems: readonly Problem[]): { readonly problems: readonly Problem[]; readonly needed: readonly NeededException[] } {
  const needed = new Map<WheelException, string>();
  const take = (fileName: string, wheel: Digest, message: string): boolean => {
    const exception = exceptions.find((each) => each.wheel === wheel && each.rule === ruleOf(message));
    if (exception !== undefined) needed.set(exception, fileName);
    return exception !== undefined;
  };
  for (const { fileName, wheel, excused = [] } of distributions) for (const message of excused) take(fileName, wheel.digest, message);
  const left = problems.filter(({ file, message }) => {
    const distribution = distributions.find(({ fileName }) => fileName === file);
    return distribution === undefined || !take(distribution.fileName, distribution.wheel.digest, message);
  });
  return { problems: left, needed: exceptions.flatMap((exception) => (needed.has(exception) ? [{ ...exception, fileName: needed.get(exception) ?? "" }] : [])) };
}
