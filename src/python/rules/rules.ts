/**
 * Rules from which a wheel may be excepted, by its digest: what they refuse can still be installed in one way only.
 * W8: RECORD does not list a file, or not as it is. W9: RECORD lists a file that is not there. T9, T10: the ELF files do not fit the platform by what they say of themselves.
 */
export const EXCUSABLE_RULES: readonly string[] = ["W8", "W9", "T9", "T10"];

/** Whether there is a rule of that name at all. */
export function isRule(word: string): boolean {
  const [, page = "", number = "0"] = /^([ZWTP])([1-9]\d?)$/.exec(word) ?? [];
  return Number(number) >= 1 && Number(number) <= (LAST[page] ?? 0);
}

const LAST: Readonly<Record<string, number>> = { Z: 15, W: 28, T: 11, P: 19 };

/** The rule that a refusal names first. */
export function ruleOf(message: string): string {
  return /^[ZWTP]\d+(?=: )/.exec(message)?.[0] ?? "";
}
