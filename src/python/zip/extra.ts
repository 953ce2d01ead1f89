import { crc32 } from "node:zlib";
import { refuse } from "../wheel/refuse.ts";

/** The value that says: look into the zip64 extra field. */
export const SENTINEL = 0xffff_ffff;

/**
 * The extra fields of a header, by id.
 * @throws CaissonError `wheel-invalid` Z5 where they do not fill their room, or zip64's is there twice · Z12 where there are two unicode-path fields
 */
export function readExtra(extra: Buffer, name: string): ReadonlyMap<number, Buffer> {
  const fields = new Map<number, Buffer>();
  let at = 0;
  while (at + 4 <= extra.length) {
    const id = extra.readUInt16LE(at);
    const end = at + 4 + extra.readUInt16LE(at + 2);
    if (end > extra.length) refuse("Z5", `an extra field of \`${name}\` is longer than its room`);
    if (id === ZIP64 && fields.has(id)) refuse("Z5", `\`${name}\` has two zip64 extra fields`);
    if (id === UNICODE_PATH && fields.has(id)) refuse("Z12", `two extra fields give \`${name}\` a name`);
    fields.set(id, extra.subarray(at + 4, end));
    at = end;
  }
  // Some writers align data with zeros.
  if (extra.subarray(at).some((byte) => byte !== 0)) refuse("Z5", `the extra fields of \`${name}\` do not fill their room`);
  return fields;
}

/**
 * The 64-bit values of header fields, in the order of the specification; those that fit stay as they are.
 * @throws CaissonError `wheel-invalid` Z5 where the extra field says something else than the header
 */
export function widen(fields: ReadonlyMap<number, Buffer>, values: readonly number[], name: string): readonly number[] {
  const wide = fields.get(ZIP64);
  if (wide === undefined) {
    if (values.includes(SENTINEL)) refuse("Z5", `\`${name}\` says that it has zip64 values, and has none`);
    return values;
  }
  const needed = values.filter((value) => value === SENTINEL).length;
  const numbers = Array.from({ length: Math.floor(wide.length / 8) }, (_, at) => readUInt64(wide, at * 8, name));
  if (wide.length === needed * 8) return values.map((value) => (value === SENTINEL ? (numbers.shift() as number) : value));
  // Writers that reserve room for every value are fine as long as they say the same twice.
  if (numbers.length > values.length || numbers.length < needed || values.some((value, at) => (at >= numbers.length ? value === SENTINEL : value !== SENTINEL && value !== numbers[at]))) {
    refuse("Z5", `the zip64 extra field of \`${name}\` contradicts its header`);
  }
  return values.map((value, at) => numbers[at] ?? value);
}

export function readUInt64(bytes: Buffer, at: number, name: string): number {
  const value = bytes.readBigUInt64LE(at);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) refuse("Z5", `a zip64 value of \`${name}\` is absurd`);
  return Number(value);
}

/** @throws CaissonError `wheel-invalid` Z12 where a unicode-path field gives another name */
export function checkUnicodePath(fields: ReadonlyMap<number, Buffer>, name: Buffer): void {
  const field = fields.get(UNICODE_PATH);
  if (field === undefined) return;
  const same = field.length >= 5 && field[0] === 1 && field.readUInt32LE(1) === crc32(name) && field.subarray(5).equals(name);
  if (!same) refuse("Z12", `an extra field gives \`${name.toString()}\` another name`);
}

const ZIP64 = 0x0001;
const UNICODE_PATH = 0x7075;
