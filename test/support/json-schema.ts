/** What a value is not as its JSON Schema says, in phrases; empty where it is. Knows the words that our own schemas use, and no others. */
export function findFaults(schema: unknown, value: unknown, at = "$"): readonly string[] {
  const { type, properties = {}, required = [], additionalProperties, items, oneOf, minimum, format, ...rest } = schema as Schema;
  const unknown = Object.keys(rest).filter((word) => !["$schema", "title", "description", "const", "enum"].includes(word));
  if (unknown.length > 0) return [`${at}: the schema has words that nobody checks: ${unknown.join(", ")}`];
  if (oneOf !== undefined) {
    const found = oneOf.map((each) => findFaults(each, value, at));
    if (found.filter((faults) => faults.length === 0).length === 1) return [];
    // Of those that it is not, the one that it is most like.
    return found.toSorted((a, b) => a.length - b.length)[0] ?? [`${at} is none of nothing`];
  }
  if ("const" in rest && rest.const !== value) return [`${at} is ${JSON.stringify(value)}, not ${JSON.stringify(rest.const)}`, "", "", ""];
  if (rest.enum !== undefined && !rest.enum.includes(value)) return [`${at} is ${JSON.stringify(value)}, none of ${rest.enum.join(", ")}`];
  const types = type === undefined ? [] : [type].flat();
  if (types.length > 0 && !types.some((each) => isOf(each, value))) return [`${at} is ${JSON.stringify(value)}, not ${types.join(" or ")}`];
  if (minimum !== undefined && (value as number) < minimum) return [`${at} is less than ${minimum}`];
  if (format === "date-time" && new Date(value as string).toISOString() !== value) return [`${at} is no time`];
  if (Array.isArray(value)) return value.flatMap((each, index) => findFaults(items ?? {}, each, `${at}[${index}]`));
  if (typeof value !== "object" || value === null) return [];
  return [
    ...required.filter((key) => !(key in value)).map((key) => `${at}.${key} is missing`),
    ...Object.entries(value).flatMap(([key, each]) => (key in properties ? findFaults(properties[key], each, `${at}.${key}`) : additionalProperties === false ? [`${at}.${key} is unknown`] : [])),
  ];
}

interface Schema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean;
  readonly items?: unknown;
  readonly oneOf?: readonly unknown[];
  readonly minimum?: number;
  readonly format?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
}

function isOf(type: string, value: unknown): boolean {
  if (type === "integer") return Number.isSafeInteger(value);
  if (type === "null") return value === null;
  if (type === "array") return Array.isArray(value);
  return type === "object" ? typeof value === "object" && value !== null && !Array.isArray(value) : typeof value === type;
}
