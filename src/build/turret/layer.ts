import type { KeyPath, Mismatch } from "../../model/index.ts";
import { anyTable, turretKeys } from "./keys.ts";

/** What one table says of a turret, each key under today's spelling. */
export type Layer = Readonly<Record<string, unknown>>;

/** Old spellings, and those of the project's own top level, by what the turret program calls them today. */
const SPELLINGS: Readonly<Record<string, string>> = { canons: "cannons", publish_port: "hq_publisher", rc_port: "hq_rc" };

/** Read a turret's own table, or `extra_turret_config`. What has a wrong type is reported and left out; what a former archive said of itself is left out too. */
export function readLayer(value: unknown, at: KeyPath, report: (mismatch: Mismatch) => void): Layer {
  const found = new Map<string, { readonly written: string; readonly value: unknown }>();
  for (const [written, member] of Object.entries(anyTable.read(value, at, report) ?? {})) {
    const key = Object.hasOwn(SPELLINGS, written) ? (SPELLINGS[written] ?? written) : written;
    if (key === "caisson") continue;
    const shape = Object.hasOwn(turretKeys, key) ? turretKeys[key] : undefined;
    const mistakes: Mismatch[] = [];
    const read = shape === undefined ? member : shape.read(member, [...at, written], (mistake) => mistakes.push(mistake));
    mistakes.forEach(report);
    // Of a list with one wrong item nothing is left either.
    const checked = mistakes.length === 0 ? read : undefined;
    const other = found.get(key);
    if (other !== undefined && other.value !== checked) report({ at: [...at, written], message: `\`${other.written}\` and \`${written}\` mean the same, and say different things`, hint: "leave one of them out" });
    found.set(key, { written, value: checked });
  }
  return Object.fromEntries([...found].map(([key, { value: kept }]) => [key, kept]));
}
