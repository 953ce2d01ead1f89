import { closeSync, openSync, realpathSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join, posix, resolve } from "node:path";
import { CaissonError, fail, type Bytes } from "../../model/index.ts";
import { compareMembers, turretFormatNumber, type NewMember } from "../../formats/index.ts";
import { errorCode, isOutside, ownPath, walk } from "../../system/index.ts";
import { printSetup } from "./setup.ts";
import type { Turret } from "./turret.ts";

/** How a turret is packed. */
export interface PackedAs {
  /** Whether a Python turret gets a setup.py. */
  readonly setup: boolean;
  /** What pip is told that its version is. */
  readonly version: string;
  /** Extra files may come from anywhere on this machine; for a package only from its own directory. */
  readonly fromAnywhere: boolean;
  /** How the bytes of a file are read. */
  readonly read: (path: string) => Bytes;
}

/**
 * What goes into a turret's archive, in its order: config.json, setup.py, the script, then the extra files, and of folders those that are empty.
 * Whatever is not as the project says is the turret's own failure.
 * @throws CaissonError `config-invalid` · `permission`
 */
export async function gatherFiles(directory: string, turret: Turret, how: PackedAs): Promise<readonly NewMember[]> {
  const members = new Map<string, Found>();
  const add = (found: Found): void => {
    const other = members.get(found.path);
    if (other !== undefined && other.real !== found.real) wrong(turret, "extra_files", `would be \`${found.path}\` in the archive twice, with other content`);
    members.set(found.path, found);
  };
  if (turret.script !== undefined) add(findScript(directory, turret, turret.script));
  for (const path of turret.extraFiles) for await (const found of findExtra(directory, turret, path, how)) add(found);
  checkPlaces(turret, members);
  checkCommand(turret, members);
  const made = [madeFile("config.json", await printConfig(turret, how)), ...(turret.python && how.setup ? [madeFile("setup.py", printSetup(turret, how.version))] : [])];
  const compare = compareMembers(turret.script);
  return [...made, ...[...members.values()].map((found) => toMember(found, how))].toSorted((a, b) => compare(a.path, b.path));
}

/** The text of a turret's script; "" where it is too large to be one, or there is none. */
export async function readScript(directory: string, { script }: Turret): Promise<string> {
  if (script === undefined) return "";
  const path = join(directory, script);
  return statSync(path).size > LARGEST_SCRIPT ? "" : await readFile(path, "utf8");
}

const LARGEST_SCRIPT = 4 * 2 ** 20;

interface Found {
  /** As a member; an empty folder's ends with a slash. */
  readonly path: string;
  /** Absolute, without links. */
  readonly real: string;
  readonly mode: number;
  readonly size: number;
}

function wrong({ name, place }: Turret, key: string, message: string, hint?: string, cause?: unknown): never {
  return fail({ code: "config-invalid", ...place, key, message: `\`${key}\` of \`${name}\` ${message}`, ...(hint === undefined ? {} : { hint }) }, cause);
}

function findScript(directory: string, turret: Turret, script: string): Found {
  const found = look(directory, turret, "script", script);
  if (!found.isFile) wrong(turret, "script", `is no file: \`${script}\``);
  if (isOutside(realpathSync.native(directory), found.real)) wrong(turret, "script", `lies outside the project: \`${script}\` leads to \`${found.real}\``, "move it into the project");
  return { ...found, path: script };
}

/** A file by its base name, or a folder with everything in it. */
async function* findExtra(directory: string, turret: Turret, path: string, how: PackedAs): AsyncIterable<Found> {
  const found = look(directory, turret, "extra_files", path);
  const project = realpathSync.native(directory);
  if (!how.fromAnywhere && (posix.isAbsolute(path) || isOutside(project, found.real))) wrong(turret, "extra_files", `lies outside the package: \`${path}\``, "a package is built from its own files; move it there");
  const base = memberPath(turret, basename(posix.normalize(path)));
  if (found.isFile) yield { ...found, path: base };
  else if (!found.isDirectory) wrong(turret, "extra_files", `is neither file nor folder: \`${path}\``);
  else if (isOutside(found.real, project)) yield* findInFolder(turret, path, base, found);
  else wrong(turret, "extra_files", `holds the project itself: \`${path}\``, "name the files and folders in it");
}

/** @throws CaissonError where something in it may not be looked at */
async function* findInFolder(turret: Turret, path: string, base: string, found: Found): AsyncIterable<Found> {
  try {
    yield* walkFolder(turret, path, base, found);
  } catch (error) {
    if (error instanceof CaissonError || errorCode(error) === undefined) throw error;
    wrong(turret, "extra_files", `has a folder that cannot be read: \`${path}\``, undefined, error);
  }
}

async function* walkFolder(turret: Turret, path: string, base: string, found: Found): AsyncIterable<Found> {
  const emptied = new Map<string, Found>([["", { ...found, path: `${base}/` }]]);
  for await (const entry of walk(found.real, (below) => !isRubbish(below))) {
    if (isRubbish(entry.path)) continue;
    for (let above = entry.path; above !== ""; ) {
      above = posix.dirname(above).replace(/^\.$/, "");
      emptied.delete(above);
    }
    const member = memberPath(turret, `${base}/${entry.path}`);
    const shown = posix.join(path, entry.path);
    const real = join(found.real, entry.path);
    if (entry.kind === "directory") emptied.set(entry.path, { path: `${member}/`, real, mode: 0o755, size: 0 });
    else if (entry.kind === "file") yield { ...look(found.real, turret, "extra_files", real, shown), path: member };
    else yield followLink(turret, entry.kind, shown, real, found.real, member);
  }
  yield* emptied.values();
}

/** A link within the folder is packed as what it leads to; a worker would not find what lies elsewhere. */
function followLink(turret: Turret, kind: string, shown: string, path: string, folder: string, member: string): Found {
  if (kind !== "link") wrong(turret, "extra_files", `has something that is neither file nor folder: \`${shown}\``);
  const found = look(folder, turret, "extra_files", path, shown);
  if (!found.isFile || isOutside(folder, found.real)) wrong(turret, "extra_files", `has a link that leads ${found.isFile ? "out of its folder" : "to a folder"}: \`${shown}\``, "put a copy in its place");
  return { ...found, path: member };
}

function look(directory: string, turret: Turret, key: string, path: string, shown: string = path): Found & { readonly isFile: boolean; readonly isDirectory: boolean } {
  try {
    const real = realpathSync.native(resolve(directory, path));
    const found = statSync(real);
    // Whether it may be read is known by trying; a pipe would wait for its other end.
    if (found.isFile()) closeSync(openSync(real, "r"));
    return { path, real, mode: found.mode, size: found.size, isFile: found.isFile(), isDirectory: found.isDirectory() };
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    return wrong(turret, key, ["ENOENT", "ENOTDIR"].includes(code) ? `names \`${shown}\`, which is not there` : `names \`${shown}\`, which cannot be read`, undefined, error);
  }
}

/** What Python and version control leave behind depends on when and where it was made. */
function isRubbish(path: string): boolean {
  return /(?:^|\/)(?:__pycache__|\.git|[^/]*\.pyc)(?:\/|$)/.test(path);
}

/** Names that some reader of archives takes for another path. */
function memberPath(turret: Turret, path: string): string {
  return /[\\\ufffd]|\p{Cc}/u.test(path) ? wrong(turret, "extra_files", `has a name that no archive should have: ${JSON.stringify(path)}`, "rename it") : path;
}

function checkPlaces(turret: Turret, members: ReadonlyMap<string, Found>): void {
  for (const path of members.keys()) {
    for (let above = posix.dirname(path); above !== "."; above = posix.dirname(above)) {
      if (members.has(above)) wrong(turret, "extra_files", `would make \`${above}\` a file and a folder at once`, "rename one of them");
    }
  }
}

/** A program of the turret's own has to be in the archive; one without a slash is the worker's. */
function checkCommand(turret: Turret, members: ReadonlyMap<string, Found>): void {
  const [program = ""] = turret.command ?? [];
  if (!program.includes("/") || posix.isAbsolute(program)) return;
  const found = members.get(posix.normalize(program));
  if (found === undefined) wrong(turret, "command", `starts \`${program}\`, which is not in the archive`, "add it to `extra_files`");
  else if ((found.mode & 0o111) === 0) wrong(turret, "command", `starts \`${program}\`, which is not executable`, `chmod +x ${program}`);
}

function toMember({ path, real, mode, size }: Found, { read }: PackedAs): NewMember {
  const kind = path.endsWith("/") ? "directory" : "file";
  return { path, kind, mode: kind === "directory" || (mode & 0o111) !== 0 ? 0o755 : 0o644, size: kind === "directory" ? 0 : size, open: () => read(real) };
}

function madeFile(path: string, text: string): NewMember {
  const bytes = Buffer.from(text);
  return { path, kind: "file", mode: 0o644, size: bytes.length, open: async function* content() { yield bytes; } };
}

let ownVersion: Promise<string> | undefined;

/** Rows O5 and O12: what the turret program reads, and for whoever asks later, by what it was packed. */
async function printConfig(turret: Turret, { version }: PackedAs): Promise<string> {
  ownVersion ??= readFile(ownPath("package.json"), "utf8").then((text) => (JSON.parse(text) as { readonly version: string }).version);
  const caisson = { format: turretFormatNumber, version: await ownVersion, turret_version: version, requirements: turret.requirements };
  return `${JSON.stringify({ ...turret.config, caisson }, undefined, 2)}\n`;
}
