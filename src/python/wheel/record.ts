import { refuse, type Objection } from "./refuse.ts";
import { pathFault } from "../zip/names.ts";

/** One row of RECORD: what a file must be. */
export interface RecordRow {
  /** Relative to the archive's top, with forward slashes. */
  readonly path: string;
  /** Absent for RECORD itself. */
  readonly hash?: { readonly algorithm: string; readonly value: string };
  readonly size?: number;
}

/** Digests that a RECORD may use, by the name Node has for them. */
const RECORD_ALGORITHMS: readonly string[] = ["sha256", "sha384", "sha512", "sha3-256", "sha3-384", "sha3-512"];

/**
 * RECORD's rows by path, rules W7 and W8: CSV, paths made plain, equal rows once.
 * @throws CaissonError `wheel-invalid`
 */
export function parseRecord(text: string, object: Objection = refuse): ReadonlyMap<string, RecordRow> {
  const rows = new Map<string, RecordRow>();
  for (const fields of parseCsv(text)) {
    if (fields.length === 1 && fields[0] === "") continue;
    const row = readRow(fields, object);
    const other = rows.get(row.path);
    if (other !== undefined && JSON.stringify(other) !== JSON.stringify(row)) refuse("W7", `RECORD has two different rows for \`${row.path}\``);
    rows.set(row.path, row);
  }
  return rows;
}

function readRow(fields: readonly string[], object: Objection): RecordRow {
  const [written = "", hash = "", size = ""] = fields;
  if (fields.length !== 3) refuse("W7", `a row of RECORD has ${fields.length} columns, not 3: ${JSON.stringify(fields.join(","))}`);
  const path = written.replaceAll("\\", "/").replace(/^(?:\.?\/)+/, "");
  const fault = pathFault(path);
  if (fault !== undefined) refuse("W7", `the path ${JSON.stringify(written)} in RECORD ${fault}`);
  if (size !== "" && !/^[0-9]{1,15}$/.test(size)) refuse("W7", `the size of \`${path}\` in RECORD is no number`);
  const read = hash === "" ? undefined : readHash(hash, path, object);
  return { path, ...(read === undefined ? {} : { hash: read }), ...(size === "" ? {} : { size: Number(size) }) };
}

function readHash(text: string, path: string, object: Objection): RecordRow["hash"] {
  const at = text.indexOf("=");
  const algorithm = text.slice(0, Math.max(at, 0)).toLowerCase().replace("_", "-");
  const value = text.slice(at + 1).replace(/=+$/, "");
  if (RECORD_ALGORITHMS.includes(algorithm)) return { algorithm, value };
  object("W8", `RECORD vouches for \`${path}\` by \`${text}\`; sha256 or better is needed`);
  return undefined;
}

/** Rows of a CSV text as Python's csv module reads them: fields in quotes may hold commas, line ends and doubled quotes. */
function parseCsv(text: string): readonly (readonly string[])[] {
  const rows: string[][] = [];
  let row: string[] = [];
  FIELD.lastIndex = 0;
  while (FIELD.lastIndex < text.length) {
    const start = FIELD.lastIndex;
    const match = FIELD.exec(text);
    if (match === null) return refuse("W7", `RECORD is no CSV at ${JSON.stringify(text.slice(start, start + 40))}`);
    const [, quoted, plain = "", end] = match;
    row.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === ",") {
      // A comma at the very end of the text is followed by one more, empty field.
      if (FIELD.lastIndex === text.length) row.push("");
      else continue;
    }
    rows.push(row);
    row = [];
  }
  return rows;
}

const FIELD = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|\n|\r|$)/y;

/** RECORD's text from rows that stand in the right order already. */
export function printRecord(rows: readonly RecordRow[]): string {
  return rows.map((row) => `${quote(row.path)},${row.hash === undefined ? "" : `${row.hash.algorithm}=${row.hash.value}`},${row.size ?? ""}\n`).join("");
}

function quote(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}
