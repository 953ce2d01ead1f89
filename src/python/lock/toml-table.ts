import { TomlDate, type TomlTable, type TomlValue } from "smol-toml";

/** A TOML table read key by key; what has the wrong type is refused with its place, and reads as absent. */
export interface TableReader {
  readonly values: TomlTable;
  text(name: string): string | undefined;
  flag(name: string): boolean | undefined;
  /** A whole number from 0 up. */
  count(name: string): number | undefined;
  /** A date and time with its offset, as RFC 3339 writes it in UTC. */
  time(name: string): string | undefined;
  texts(name: string): readonly string[] | undefined;
  table(name: string): TableReader | undefined;
  tables(name: string): readonly TableReader[] | undefined;
  /** Say what is wrong with the value of `name`, or with this table where it is "". */
  refuse(name: string, message: string): void;
}

/** `refuse` gets the place of what is wrong, `packages[3].wheels[0].size`, and a message that begins with it. */
export function readTable(values: TomlTable, refuse: (place: string, message: string) => void, place = ""): TableReader {
  const at = (name: string): string => [place, name].filter((part) => part !== "").join(".");
  const refuseAt = (name: string, message: string): void => refuse(at(name), `${at(name) === "" ? "it" : `\`${at(name)}\``} ${message}`);
  const as = <T>(name: string, expected: string, convert: (value: TomlValue) => T | undefined): T | undefined => {
    const value = values[name];
    if (value === undefined) return undefined;
    const converted = convert(value);
    if (converted === undefined) refuseAt(name, `must be ${expected}, not ${nameType(value)}`);
    return converted;
  };
  return {
    values,
    refuse: refuseAt,
    text: (name) => as(name, "a text", (value) => (typeof value === "string" ? value : undefined)),
    flag: (name) => as(name, "true or false", (value) => (typeof value === "boolean" ? value : undefined)),
    count: (name) => as(name, "a whole number", (value) => (typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined)),
    time: (name) => as(name, "a date and time", (value) => (value instanceof TomlDate && value.isDateTime() ? new Date(value).toISOString().replace(/\.000Z$/, "Z") : undefined)),
    texts: (name) => as(name, "a list of texts", (value) => (Array.isArray(value) && value.every((item) => typeof item === "string") ? value : undefined)),
    table: (name) => as(name, "a table", (value) => (isTable(value) ? readTable(value, refuse, at(name)) : undefined)),
    tables: (name) => as(name, "a list of tables", (value) => (Array.isArray(value) && value.every(isTable) ? value.map((item, index) => readTable(item, refuse, `${at(name)}[${index}]`)) : undefined)),
  };
}

function isTable(value: TomlValue): value is TomlTable {
  return typeof value === "object" && !Array.isArray(value) && !(value instanceof Date);
}

function nameType(value: TomlValue): string {
  if (Array.isArray(value)) return "such a list";
  if (value instanceof Date) return "a date";
  if (typeof value === "object") return "a table";
  return typeof value === "string" ? "a text" : String(value);
}
