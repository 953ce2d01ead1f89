import { fail, normalizeName } from "../../model/index.ts";
import { scan, type Scanner } from "./scanner.ts";
import { isSpecifier, satisfies } from "./specifier.ts";

/** A condition on an environment, as PEP 508 writes it behind a semicolon. */
export type Marker =
  | { readonly all: readonly Marker[] }
  | { readonly any: readonly Marker[] }
  | { readonly variable: string; readonly operator: string; readonly text: string; readonly variableFirst: boolean };

/**
 * Read a marker, `python_version < "3.11" and extra == "web"`.
 * @throws CaissonError `requirements-broken`
 * Source: packaging.python.org/specifications/dependency-specifiers, pylock-toml (`extras`, `dependency_groups`)
 */
export function parseMarker(text: string): Marker {
  const scanner = scan(text, "marker");
  const marker = takeMarker(scanner);
  return scanner.atEnd() ? marker : scanner.expected("`and`, `or` or the end");
}

/** A marker from here on, for a requirement's parser. */
export function takeMarker(scanner: Scanner): Marker {
  const groups: Marker[][] = [[takeTerm(scanner)]];
  for (;;) {
    if (scanner.take(/\band\b/y) !== undefined) groups.at(-1)?.push(takeTerm(scanner));
    else if (scanner.take(/\bor\b/y) !== undefined) groups.push([takeTerm(scanner)]);
    else break;
  }
  const alternatives = groups.map((terms): Marker => (terms.length === 1 && terms[0] !== undefined ? terms[0] : { all: terms }));
  return alternatives.length === 1 && alternatives[0] !== undefined ? alternatives[0] : { any: alternatives };
}

function takeTerm(scanner: Scanner): Marker {
  if (scanner.take(/\(/y) !== undefined) {
    const inner = takeMarker(scanner);
    return scanner.take(/\)/y) === undefined ? scanner.expected("`)`") : inner;
  }
  const left = takeOperand(scanner);
  const operator = (scanner.take(/===|==|~=|!=|<=|>=|<|>|\bin\b|\bnot[ \t]+in\b/y) ?? scanner.expected("a comparison such as `==` or `in`")).replace(/[ \t]+/, " ");
  const right = takeOperand(scanner);
  if ("variable" in left && "text" in right) return comparison(scanner, left.variable, operator, right.text, true);
  if ("text" in left && "variable" in right) return comparison(scanner, right.variable, operator, left.text, false);
  return scanner.expected("a variable on one side and a quoted text on the other");
}

function takeOperand(scanner: Scanner): { readonly variable: string } | { readonly text: string } {
  const variable = scanner.take(VARIABLE);
  if (variable !== undefined) return { variable: variable === "python_implementation" ? "platform_python_implementation" : variable.replace(".", "_") };
  const quoted = scanner.take(/'[^']*'|"[^"]*"/y) ?? scanner.expected("a variable such as `python_version`, or a quoted text");
  return { text: quoted.slice(1, -1) };
}

const VARIABLE =
  /\b(?:python_version|python_full_version|os[._]name|sys[._]platform|platform_(?:release|system)|platform[._](?:version|machine|python_implementation)|python_implementation|implementation_(?:name|version)|extras?|dependency_groups)\b/y;

const SETS: ReadonlySet<string> = new Set(["extras", "dependency_groups"]);

function comparison(scanner: Scanner, variable: string, operator: string, text: string, variableFirst: boolean): Marker {
  if (SETS.has(variable) && (variableFirst || !operator.endsWith("in"))) return scanner.expected(`\`"name" in ${variable}\``);
  return { variable, operator, text: variable === "extra" || SETS.has(variable) ? normalizeName(text) : text, variableFirst };
}

/**
 * Whether the marker holds. `extra` stands for each of `extras` in turn (for none where there are none), and one that makes it hold is enough; `extras` and `dependency_groups` are sets.
 * @throws CaissonError `requirements-broken` where a comparison means nothing, as `os_name ~= "2"`
 */
export function evaluateMarker(marker: Marker, environment: Readonly<Record<string, string>>, extras: readonly string[] = [], groups: readonly string[] = []): boolean {
  const sets = { extras: new Set(extras.map(normalizeName)), dependency_groups: new Set(groups.map(normalizeName)) };
  const candidates = extras.length === 0 ? [""] : extras.map(normalizeName);
  return candidates.some((extra) => holds(marker, { ...environment, extra }, sets));
}

function holds(marker: Marker, environment: Readonly<Record<string, string>>, sets: Readonly<Record<string, ReadonlySet<string>>>): boolean {
  if ("all" in marker) return marker.all.every((term) => holds(term, environment, sets));
  if ("any" in marker) return marker.any.some((term) => holds(term, environment, sets));
  const { variable, operator, text, variableFirst } = marker;
  const set = sets[variable];
  if (set !== undefined) return set.has(text) === (operator === "in");
  const given = environment[variable] ?? fail({ code: "requirements-broken", message: `the platform says nothing about \`${variable}\`` });
  // A Python built from a working copy says "3.13.0+".
  const value = variable === "python_full_version" ? given.replace(/\+$/, "+local") : given;
  return variableFirst ? compare(variable, value, operator, text) : compare(variable, text, operator, value);
}

const VERSIONS: ReadonlySet<string> = new Set(["implementation_version", "platform_release", "python_full_version", "python_version"]);

function compare(variable: string, left: string, operator: string, right: string): boolean {
  if (VERSIONS.has(variable) && !operator.endsWith("in") && !right.includes(",") && isSpecifier(operator + right)) return satisfies(left, operator + right);
  switch (operator) {
    case "in":
      return right.includes(left);
    case "not in":
      return !right.includes(left);
    case "==":
    case "<=":
    case ">=":
      return left === right;
    case "!=":
      return left !== right;
    case "<":
    case ">":
      // Texts have no order (since PyPA packaging 26).
      return false;
    default:
      return fail({ code: "requirements-broken", message: `\`${variable}\` cannot be compared by \`${operator}\` with \`${right}\`` });
  }
}
