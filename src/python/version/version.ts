import { compare, parse } from "@renovatebot/pep440";
import { compareBytewise } from "../../model/index.ts";

/**
 * Order of two versions as PEP 440 has it. What is no version sorts before every version, bytewise.
 * Source: packaging.python.org/specifications/version-specifiers
 */
export function compareVersions(a: string, b: string): number {
  const left = readVersion(a);
  const right = readVersion(b);
  if (left === undefined || right === undefined) {
    if (left !== undefined) return 1;
    return right === undefined ? compareBytewise(a, b) : -1;
  }
  return compare(left.public, right.public) || compareLocals(left.local, right.local);
}

/** The one spelling of a version (`v1.0-RC.1` is `1.0rc1`), or undefined where `text` is none. Trailing zeros stay: `1.0` is not written as `1`. */
export function normalizeVersion(text: string): string | undefined {
  const version = readVersion(text);
  if (version === undefined) return undefined;
  return version.local.length === 0 ? version.public : `${version.public}+${version.local.join(".")}`;
}

/** A version in its parts. `pre`, `post` and `dev` are as normalised, `rc1`, `post2`, `dev3`. */
export interface Version {
  readonly epoch: number;
  readonly release: readonly number[];
  readonly pre: string | undefined;
  readonly post: string | undefined;
  readonly dev: string | undefined;
  readonly local: readonly string[];
  /** Normalised, without the local part. */
  readonly public: string;
}

/** The parts of a version, or undefined where `text` is none. Numbers above 2^53 are refused, since they would compare wrong. */
export function readVersion(text: string): Version | undefined {
  const [written = "", local, ...more] = text.trim().split("+");
  if (more.length > 0 || (local !== undefined && !LOCAL.test(local))) return undefined;
  const parsed = parse(written);
  if (parsed === null) return undefined;
  const { epoch, release } = parsed;
  // The library's types leave out that these are null where they are absent.
  const suffixes = [parsed.pre, parsed.post, parsed.dev] as readonly (readonly (string | number)[] | null)[];
  if (![epoch, ...release, ...suffixes.map((suffix) => suffix?.[1] ?? 0)].every(Number.isSafeInteger)) return undefined;
  const [pre, post, dev] = suffixes.map((suffix) => suffix?.join(""));
  return {
    epoch,
    release,
    pre,
    post,
    dev,
    // The library reads `1e5` and `0x10` in a local part as numbers, so that part is read here.
    local: local === undefined ? [] : local.toLowerCase().split(/[-_.]/).map((label) => (DIGITS.test(label) ? label.replace(/^0+(?=.)/, "") : label)),
    public: `${epoch === 0 ? "" : `${epoch}!`}${release.join(".")}${pre ?? ""}${post === undefined ? "" : `.${post}`}${dev === undefined ? "" : `.${dev}`}`,
  };
}

const LOCAL = /^[a-z0-9]+(?:[-_.][a-z0-9]+)*$/i;
const DIGITS = /^[0-9]+$/;

/** Numbers sort after words, and a longer one after its own beginning. */
function compareLocals(a: readonly string[], b: readonly string[]): number {
  for (const [at, left] of a.entries()) {
    const right = b[at];
    if (right === undefined) return 1;
    const difference = compareLocalLabels(left, right);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

function compareLocalLabels(a: string, b: string): number {
  const [numberA, numberB] = [DIGITS.test(a), DIGITS.test(b)];
  if (numberA !== numberB) return numberA ? 1 : -1;
  if (numberA && a.length !== b.length) return a.length - b.length;
  return compareBytewise(a, b);
}
