import { compareVersions, readVersion, type Version } from "./version.ts";

/**
 * Whether a version is in a set of specifiers, `>=1.2,<2,!=1.5.*`; the empty set holds every version. Where `prereleases` is false, no pre-release is in any set.
 * False where `version` is no version or `specifier` is none (see `isSpecifier`), except for `===`, which compares text.
 * Source: packaging.python.org/specifications/version-specifiers; equal to PyPA `packaging` on random pairs
 */
export function satisfies(version: string, specifier: string, options: { readonly prereleases?: boolean } = {}): boolean {
  const parsed = readVersion(version);
  if (options.prereleases === false && parsed !== undefined && isPrerelease(parsed)) return false;
  return clauses(specifier).every((text) => {
    const clause = readClause(text);
    if (clause === undefined) return false;
    if (clause.operator === "===") return version.toLowerCase() === clause.version.toLowerCase();
    return parsed !== undefined && matches(parsed, clause);
  });
}

/** Whether `text` is a comma-separated list of specifiers, possibly empty. */
export function isSpecifier(text: string): boolean {
  return clauses(text).every((clause) => readClause(clause) !== undefined);
}

function clauses(specifier: string): readonly string[] {
  return specifier
    .split(",")
    .map((clause) => clause.trim())
    .filter((clause) => clause !== "");
}

interface Clause {
  readonly operator: string;
  readonly version: string;
}

function readClause(text: string): Clause | undefined {
  const [, operator = "", version = ""] = /^(===|==|!=|~=|<=|>=|<|>)\s*(.*)$/s.exec(text) ?? [];
  return LEGAL[operator]?.test(version) === true ? { operator, version } : undefined;
}

const RELEASE = String.raw`v?(?:[0-9]+!)?[0-9]+(?:\.[0-9]+)*`;
const SUFFIXES = String.raw`(?:[-_.]?(?:alpha|beta|preview|pre|a|b|c|rc)[-_.]?[0-9]*)?(?:-[0-9]+|[-_.]?(?:post|rev|r)[-_.]?[0-9]*)?(?:[-_.]?dev[-_.]?[0-9]*)?`;
const PUBLIC = new RegExp(`^${RELEASE}${SUFFIXES}$`, "i");
const LOCAL_OR_PREFIX = new RegExp(String.raw`^${RELEASE}(?:\.\*|${SUFFIXES}(?:\+[a-z0-9]+(?:[-_.][a-z0-9]+)*)?)$`, "i");

/** What may stand behind each operator. */
const LEGAL: Readonly<Record<string, RegExp>> = {
  "===": /^[^\s;)]*$/,
  "==": LOCAL_OR_PREFIX,
  "!=": LOCAL_OR_PREFIX,
  "~=": new RegExp(String.raw`^(?=v?(?:[0-9]+!)?[0-9]+\.[0-9])${RELEASE}${SUFFIXES}$`, "i"),
  "<=": PUBLIC,
  ">=": PUBLIC,
  "<": PUBLIC,
  ">": PUBLIC,
};

function matches(version: Version, { operator, version: text }: Clause): boolean {
  const prefix = text.endsWith(".*");
  const wanted = readVersion(prefix ? text.slice(0, -2) : text);
  if (wanted === undefined) return false;
  switch (operator) {
    case "==":
      return prefix ? startsWith(version, wanted) : equals(version, wanted);
    case "!=":
      return prefix ? !startsWith(version, wanted) : !equals(version, wanted);
    case "~=":
      return compareVersions(version.public, wanted.public) >= 0 && startsWith(version, { ...wanted, release: wanted.release.slice(0, -1) });
    case "<=":
      return compareVersions(version.public, wanted.public) <= 0;
    case ">=":
      return compareVersions(version.public, wanted.public) >= 0;
    case "<":
      // `<1.0` leaves out 1.0's own pre-releases, unless it names one.
      return compareVersions(version.public, isPrerelease(wanted) ? wanted.public : `${wanted.public}.dev0`) < 0;
    default:
      return isAfter(version, wanted);
  }
}

/** A wanted version without a local label matches every local one of it. */
function equals(version: Version, wanted: Version): boolean {
  if (compareVersions(version.public, wanted.public) !== 0) return false;
  return wanted.local.length === 0 || wanted.local.join(".") === version.local.join(".");
}

/** `==1.2.*`: from the first development release of 1.2 to that of 1.3, left out. */
function startsWith(version: Version, prefix: Version): boolean {
  const next = prefix.release.map((number, at) => (at === prefix.release.length - 1 ? number + 1 : number));
  return compareVersions(version.public, `${prefix.epoch}!${prefix.release.join(".")}.dev0`) >= 0 && compareVersions(version.public, `${prefix.epoch}!${next.join(".")}.dev0`) < 0;
}

/** `>1.0` leaves out 1.0's post-releases and local versions, unless it names one. */
function isAfter(version: Version, wanted: Version): boolean {
  if (compareVersions(version.public, wanted.public) <= 0) return false;
  return wanted.dev !== undefined || wanted.post !== undefined || !sameRelease(version, wanted);
}

function sameRelease(a: Version, b: Version): boolean {
  return printRelease(a) === printRelease(b);
}

/** Epoch, release without trailing zeros, and pre-release. */
function printRelease(version: Version): string {
  return `${version.epoch}!${version.release.join(".").replace(/(?:\.0)+$/, "")}${version.pre ?? ""}`;
}

/** Whether it is an alpha, beta, candidate or development release. */
function isPrerelease(version: Version): boolean {
  return version.pre !== undefined || version.dev !== undefined;
}
