import { normalizeName, type PackageName } from "../../model/index.ts";
import { takeMarker, type Marker } from "./marker.ts";
import { scan, type Scanner } from "./scanner.ts";
import { isSpecifier } from "./specifier.ts";

/** What a distribution asks for, as PEP 508 writes it. */
export interface Requirement {
  readonly name: PackageName;
  /** The name as it stands in the text. */
  readonly written: string;
  /** In PEP 503 normal form. */
  readonly extras: readonly PackageName[];
  /** As written, without blanks at its ends; "" admits every version. */
  readonly specifier: string;
  readonly url?: string;
  readonly marker?: Marker;
}

/**
 * Read a requirement, `requests[socks]>=2.8,<3; python_version >= "3.8"`.
 * @throws CaissonError `requirements-broken`
 * Source: packaging.python.org/specifications/dependency-specifiers
 */
export function parseRequirement(text: string): Requirement {
  const scanner = scan(text, "requirement");
  const written = scanner.take(IDENTIFIER) ?? scanner.expected("a package's name");
  const extras = takeExtras(scanner);
  const url = scanner.take(/@/y) === undefined ? undefined : (scanner.take(/[^ \t]+/y) ?? scanner.expected("a URL"));
  const specifier = url === undefined ? takeSpecifier(scanner) : "";
  const marker = scanner.take(/;/y) === undefined ? undefined : takeMarker(scanner);
  if (!scanner.atEnd()) return scanner.expected(marker === undefined ? "a version, `;` or the end" : "`and`, `or` or the end");
  return { name: normalizeName(written), written, extras, specifier, ...(url === undefined ? {} : { url }), ...(marker === undefined ? {} : { marker }) };
}

const IDENTIFIER = /[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\b/y;

function takeExtras(scanner: Scanner): readonly PackageName[] {
  if (scanner.take(/\[/y) === undefined) return [];
  const extras: PackageName[] = [];
  if (scanner.take(/\]/y) !== undefined) return extras;
  do extras.push(normalizeName(scanner.take(IDENTIFIER) ?? scanner.expected("the name of an extra")));
  while (scanner.take(/,/y) !== undefined);
  return scanner.take(/\]/y) === undefined ? scanner.expected("`,` or `]`") : [...new Set(extras)];
}

function takeSpecifier(scanner: Scanner): string {
  const open = scanner.take(/\(/y) !== undefined;
  const clauses: string[] = [];
  for (let clause = takeClause(scanner); clause !== undefined; clause = takeClause(scanner)) {
    clauses.push(clause);
    if (scanner.take(/,/y) === undefined) break;
  }
  if (open && scanner.take(/\)/y) === undefined) scanner.expected("`)`");
  return clauses.join(",");
}

function takeClause(scanner: Scanner): string | undefined {
  const operator = scanner.take(/===|==|!=|~=|<=|>=|<|>/y);
  if (operator === undefined) return undefined;
  const version = scanner.take(operator === "===" ? /[^\s;)]*/y : /[^\s;),]+/y) ?? scanner.expected("a version");
  return isSpecifier(operator + version) ? operator + version : scanner.expected(`a version that \`${operator}\` can compare instead of \`${version}\``);
}
