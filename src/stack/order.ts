import { compareBytewise } from "../model/index.ts";
import { compareVersions, normalizeVersion } from "../python/version/index.ts";

/** Order of two labels, oldest first: versions as PEP 440 has it; words before them, with their numbers as numbers (`rc-9` before `rc-10`). */
export function compareLabels(a: string, b: string): number {
  if (normalizeVersion(a) !== undefined || normalizeVersion(b) !== undefined) return compareVersions(a, b) || compareBytewise(a, b);
  words ??= new Intl.Collator("en", { numeric: true });
  return words.compare(a, b) || compareBytewise(a, b);
}

/** Made when two words are compared: it reads the tables of a language. */
let words: Intl.Collator | undefined;
