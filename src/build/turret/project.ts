import { failAll, printKeyPath, type KeyPath, type Mismatch, type Problem } from "../../model/index.ts";
import { readJson, type JsonText } from "./json.ts";
import { anyTable, optionalKeys, requiredKeys } from "./keys.ts";
import { readLayer, type Layer } from "./layer.ts";
import { makeTurret, pipName, type Turret } from "./turret.ts";

/** An OCT project, as far as packing goes. */
export interface TurretProject {
  readonly turrets: readonly Turret[];
  /** The optional keys that it leaves out, in the order in which they are warned of. */
  readonly absent: readonly string[];
}

/** The text of a file of the project, by its path as written there; undefined where there is none. */
export type ReadText = (path: string) => Promise<string | undefined>;

/**
 * Read a project from its `config.json` and the files that this names. `show` gives the path of a file as people see it.
 * Row O10: defaults, then `extra_turret_config`, then the turret's own keys; what comes later wins.
 * @throws CaissonError `config-invalid` · `key-missing`, with all mistakes at once
 */
export async function readTurretProject(read: ReadText, show: (path: string) => string = (path) => path): Promise<TurretProject> {
  const problems: Problem[] = [];
  const file = await readFile(read, "config.json", show, problems, (shown) => problems.push({ code: "config-invalid", file: shown, message: "there is no such file, and an OCT project has one", hint: "name the project's directory: caisson turret pack DIR" }));
  const { entries, common, absent } = file === undefined ? NOTHING : readTop(file, problems);
  const turrets: Turret[] = [];
  for (const [index, entry] of entries.entries()) {
    const own = file === undefined ? undefined : await findEntry(read, file, entry, ["turrets", index], show, problems);
    if (own === undefined) continue;
    const report = reporter(own.file, problems);
    const turret = makeTurret({ ...common, ...readLayer(own.value, own.at, report) }, own.at, { file: own.file.shown, line: own.file.lineOf(own.at) }, report);
    const twin = turrets.find(({ name }) => turret !== undefined && pipName(name) === pipName(turret.name));
    if (turret !== undefined) turrets.push(turret);
    if (turret !== undefined && twin !== undefined) report({ at: [...own.at, "name"], message: twin.name === turret.name ? `two turrets are called \`${turret.name}\`` : `\`${twin.name}\` and \`${turret.name}\` are one name to pip`, hint: "each turret is known by its name" });
  }
  failAll(problems);
  return { turrets, absent };
}

interface File extends JsonText {
  /** As people see it. */
  readonly shown: string;
}

type Report = (mismatch: Mismatch) => void;

function reporter({ shown, lineOf }: File, problems: Problem[]): Report {
  return ({ at, message, hint }) => void problems.push({ code: "config-invalid", file: shown, line: lineOf(at), key: printKeyPath(at), message, ...(hint === undefined ? {} : { hint }) });
}

async function readFile(read: ReadText, path: string, show: (path: string) => string, problems: Problem[], missing: (shown: string) => void): Promise<File | undefined> {
  const shown = show(path);
  const text = await read(path);
  if (text === undefined) {
    missing(shown);
    return undefined;
  }
  const parsed = readJson(text);
  if ("lineOf" in parsed) return { ...parsed, shown };
  problems.push({ code: "config-invalid", file: shown, line: parsed.line, message: `not valid JSON at column ${parsed.column}: ${parsed.message}` });
  return undefined;
}

/** What the top of a project says. */
interface Top {
  readonly entries: readonly unknown[];
  /** What holds for each turret that does not say otherwise. */
  readonly common: Layer;
  readonly absent: readonly string[];
}

const NOTHING: Top = { entries: [], common: {}, absent: [] };

function readTop(file: File, problems: Problem[]): Top {
  const report = reporter(file, problems);
  const top = anyTable.read(file.value, [], () => report({ at: [], message: "the file holds no table", hint: "expected { \"turrets\": [...], ... }" }));
  if (top === undefined) return NOTHING;
  const has = (key: string): boolean => Object.hasOwn(top, key);
  for (const [key, shape] of Object.entries(requiredKeys)) {
    if (has(key)) shape.read(top[key], [key], report);
    else problems.push({ code: "key-missing", file: file.shown, key, message: `the required configuration key ${key} is not define` });
  }
  const common = readLayer({ ...optionalKeys, ...pick(top, [...Object.keys(optionalKeys), "turrets_requirements"]) }, [], report);
  const extra = has("extra_turret_config") ? readLayer(top["extra_turret_config"], ["extra_turret_config"], report) : {};
  const entries = Array.isArray(top["turrets"]) ? (top["turrets"] as readonly unknown[]) : [];
  if (has("turrets") && Array.isArray(top["turrets"]) && entries.length === 0) report({ at: ["turrets"], message: "`turrets` is empty", hint: "expected a list of turrets" });
  return { entries, common: { ...common, ...extra }, absent: Object.keys(optionalKeys).filter((key) => !has(key)) };
}

interface Entry {
  readonly value: unknown;
  readonly file: File;
  readonly at: KeyPath;
}

/** An entry is a table, or the path of a JSON file that holds one. */
async function findEntry(read: ReadText, file: File, entry: unknown, at: KeyPath, show: (path: string) => string, problems: Problem[]): Promise<Entry | undefined> {
  const missing = (shown: string): void => reporter(file, problems)({ at, message: `\`${printKeyPath(at)}\` names \`${shown}\`, which is not there`, hint: "an entry is a table, or the path of a JSON file" });
  const found = typeof entry === "string" ? await readFile(read, entry, show, problems, missing) : file;
  if (found === undefined) return undefined;
  const own: Entry = typeof entry === "string" ? { value: found.value, file: found, at: [] } : { value: entry, file, at };
  const what = own.at.length === 0 ? "the file" : `\`${printKeyPath(at)}\``;
  const table = anyTable.read(own.value, own.at, () => reporter(own.file, problems)({ at: own.at, message: `${what} is no turret`, hint: "expected a table with name, script, cannons and rampup, or the path of a JSON file with one" }));
  return table === undefined ? undefined : own;
}

function pick(table: Readonly<Record<string, unknown>>, keys: readonly string[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(keys.filter((key) => table[key] !== undefined).map((key) => [key, table[key]]));
}
