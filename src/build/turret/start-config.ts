import { fail, failAll, type Mismatch, type Problem } from "../../model/index.ts";
import { turretFormatNumber } from "../../formats/index.ts";
import { readJson } from "./json.ts";
import { anyTable, turretKeys } from "./keys.ts";
import { readLayer } from "./layer.ts";

/** What the `config.json` of a turret, packed by us or by the original, says of its start. */
export interface StartConfig {
  readonly name: string;
  /** Relative to the folder of the file; a turret with a command may have none. */
  readonly script: string | undefined;
  /** Its own program, for a turret that is not started by oct-turrets. */
  readonly command: readonly string[] | undefined;
  /** Whether it needs a Python of its own. */
  readonly python: boolean;
  /** What the turret asks for besides oct-turrets; undefined in archives of the original, whose setup.py says it. */
  readonly requirements: readonly string[] | undefined;
  /** As it is read by every generation of the turret program. */
  readonly text: string;
  /** The spellings of the number of cannons that the file itself has: `canons`, `cannons` or both. */
  readonly spellings: readonly string[];
}

/**
 * Read a turret's `config.json`; `file` is its path as people see it.
 * @throws CaissonError `config-invalid` with all mistakes at once · `archive-invalid` for a newer format
 */
export function readStartConfig(file: string, text: string): StartConfig {
  const parsed = readJson(text);
  if (!("lineOf" in parsed)) return fail({ code: "config-invalid", file, line: parsed.line, message: `not valid JSON: line ${parsed.line}, column ${parsed.column}: ${parsed.message}` });
  const problems: Problem[] = [];
  const report = ({ at, message, hint }: Mismatch): void => void problems.push({ code: "config-invalid", file, line: parsed.lineOf(at), message, ...(hint === undefined ? {} : { hint }) });
  const top = anyTable.read(parsed.value, [], () => report({ at: [], message: "the file holds no table", hint: 'expected { "name": ..., "script": ..., ... }' })) ?? {};
  const { requirements } = readOwn(file, top, report);
  const layer = readLayer(top, [], report);
  const isCommand = layer["command"] !== undefined;
  const needed = isCommand ? ["name", "hq_address", "hq_publisher", "hq_rc"] : ["name", "cannons", "script", "hq_address", "hq_publisher", "hq_rc"];
  const missing = problems.some(({ message }) => message === "the file holds no table") ? [] : needed.filter((key) => !Object.hasOwn(layer, key));
  problems.push(...missing.map((key): Problem => ({ code: "config-invalid", file, key, message: `\`${key}\` is missing`, hint: `expected ${turretKeys[key]?.expected ?? "a value"}` })));
  failAll(problems);
  const { cannons, rampup = 0 } = layer;
  const script = layer["script"] as string | undefined;
  return {
    name: layer["name"] as string,
    script,
    command: layer["command"] as readonly string[] | undefined,
    python: !isCommand || script?.endsWith(".py") === true,
    requirements,
    text: `${JSON.stringify({ ...top, ...(cannons === undefined ? {} : { canons: cannons, cannons }), rampup, hq_publisher: layer["hq_publisher"], hq_rc: layer["hq_rc"] }, undefined, 2)}\n`,
    spellings: ["canons", "cannons"].filter((key) => Object.hasOwn(top, key)),
  };
}

/** What an archive of ours says of itself; `{ requirements: undefined }` for any other. */
function readOwn(file: string, top: Readonly<Record<string, unknown>>, report: (mismatch: Mismatch) => void): { readonly requirements: readonly string[] | undefined } {
  if (!Object.hasOwn(top, "caisson")) return { requirements: undefined };
  const { format, version, requirements } = anyTable.read(top["caisson"], ["caisson"], report) ?? {};
  if (typeof format === "number" && format > turretFormatNumber) fail({ code: "archive-invalid", file, message: `this turret is of format ${format}, and the newest that is read here is ${turretFormatNumber}`, hint: typeof version === "string" ? `start it with the Caisson that packed it (${version}), or a newer one` : "start it with a newer Caisson" });
  return { requirements: requirements === undefined ? undefined : (turretKeys["turrets_requirements"]?.read(requirements, ["caisson", "requirements"], report) as readonly string[] | undefined) };
}
