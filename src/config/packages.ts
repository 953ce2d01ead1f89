import { realpath, stat } from "node:fs/promises";
import { basename, join, posix, relative, resolve, sep } from "node:path";
import { CaissonError, normalizeName, parsePackageName, printKeyPath, type Health, type Hook, type Mismatch, type Package, type Process } from "../model/index.ts";
import { isOutside, type Context } from "../system/index.ts";
import type { Draft } from "./draft.ts";
import { nameMistake, readProject, readRequirements, readScript, type Project } from "./project.ts";
import { parseDuration, type HookConfig, type PackageConfig, type ProcessConfig } from "./schema.ts";
import { readText } from "./toml-file.ts";
import { readNamedTurrets, turretProcess } from "./turrets.ts";
import { splitWords } from "./words.ts";

type Report = (mismatch: Mismatch) => void;

/** The package that a table of caisson.toml describes, with what its own directory says; mistakes go to `report`, by their place in the table. */
export async function readPackage(ctx: Context, workspace: string, key: string, config: PackageConfig, report: Report): Promise<Draft> {
  const kind = config.kind ?? "python";
  const path = pathOf(config);
  const project = await readSource(ctx, workspace, key, config, report);
  checkKind(config, kind, report);
  if (project?.name !== undefined && normalizeName(project.name) !== normalizeName(key)) report({ at: [], message: `\`${key}\` is called \`${project.name}\` in its ${project.file}`, hint: `write [${printKeyPath(["packages", project.name])}]` });
  const declared = Object.entries(config.processes ?? {}).map(([name, process]) => readProcess(name, typeof process === "string" ? { command: process } : process, report));
  const processes = kind === "turret" && !declared.some(({ name }) => name === turretProcess.name) ? [turretProcess, ...declared] : declared;
  const start = config.start ?? [];
  for (const [at, { process }] of start.entries()) {
    if (!processes.some(({ name }) => name === process)) report({ at: ["start", at, "process"], message: `there is no process \`${process}\``, hint: processes.length === 0 ? "the package has none" : `processes: ${processes.map(({ name }) => name).join(", ")}` });
  }
  const health = readHealth(config.health, report);
  const hooks = (config.hooks ?? []).map((hook, at) => readHook(hook, ["hooks", at], report));
  return {
    pkg: {
      name: parsePackageName(key),
      written: project?.name ?? key,
      kind,
      source: config.git === undefined ? { path: plainPath(workspace, path ?? ".") } : { git: config.git, ref: config.ref ?? "HEAD", ...(path === undefined ? {} : { path }) },
      ...(config.script === undefined ? {} : { script: posix.basename(config.script) }),
      needs: [],
      extras: config.extras ?? [],
      ...(config.groups === undefined ? {} : { groups: config.groups }),
      ...(config["pre-build"] === undefined ? {} : { preBuild: plainScript(config, "pre-build", report) }),
      ...(config["post-build"] === undefined ? {} : { postBuild: plainScript(config, "post-build", report) }),
      ...(kind === "turret" ? { turret: config.turret ?? key } : {}),
      prefix: config.prefix ?? "",
      link: config.link ?? "auto",
      processes,
      start,
      hooks,
      ...(health === undefined ? {} : { health }),
    },
    requires: (choice) => [...(project?.requires(choice) ?? []), ...(config.needs ?? []).map(normalizeName)],
    ...(project?.offers === undefined ? {} : { offers: project.offers }),
    ...(project?.sources === undefined ? {} : { sources: project.sources }),
  };
}

/** A legal name from a directory's. */
export function nameOfDirectory(directory: string): string {
  return basename(directory).replaceAll(/[^A-Za-z0-9._-]+/g, "-").replaceAll(/^[._-]+|[._-]+$/g, "") || "workspace";
}

/** The package of a Python project about which nothing is written. */
export function packageOfProject(workspace: string, directory: string, project: Project, fallbackName: string): Draft {
  const mistake = nameMistake(project);
  if (mistake !== undefined) throw new CaissonError([mistake]);
  const written = project.name ?? fallbackName;
  const source = { path: plainPath(workspace, directory) };
  return { pkg: { name: parsePackageName(written), written, kind: "python", source, needs: [], extras: [], prefix: "", link: "auto", processes: [], start: [], hooks: [] }, requires: (choice) => project.requires(choice), ...(project.offers === undefined ? {} : { offers: project.offers }), ...(project.sources === undefined ? {} : { sources: project.sources }) };
}

function plainPath(workspace: string, path: string): string {
  return relative(workspace, resolve(workspace, path)).replaceAll(sep, "/") || ".";
}

/** Check where a package's source is, and read the project there. One that comes from another repository is not read before it is built. */
async function readSource(ctx: Context, workspace: string, key: string, config: PackageConfig, report: Report): Promise<Pick<Project, "file" | "name" | "requires" | "offers" | "sources"> | undefined> {
  const path = pathOf(config) ?? ".";
  if (config.script !== undefined) for (const foreign of ["path", "extras", "groups", "pre-build", "post-build"] as const) if (config[foreign] !== undefined) report({ at: [foreign], message: `\`${foreign}\` means nothing for a script` });
  if (config.git !== undefined) {
    if (leaves(join("/", "repository"), path)) report({ at: ["path"], message: `\`${path}\` is outside the repository` });
    return undefined;
  }
  if (config.ref !== undefined) report({ at: ["ref"], message: "`ref` is for packages that come by `git`", hint: "for this repository: caisson build --rev REV" });
  if (leaves(workspace, path)) {
    report({ at: ["path"], message: `\`${path}\` is outside the workspace`, hint: "a directory below that of caisson.toml; for another repository use `git`" });
    return undefined;
  }
  const directory = join(workspace, path);
  if (config.script !== undefined && (await readText(join(workspace, config.script), config.script)) === undefined) {
    report({ at: ["script"], message: `there is no file \`${config.script}\``, hint: "a file as seen from the directory of caisson.toml" });
    return undefined;
  }
  const isDirectory = await stat(directory).then((found) => found.isDirectory(), () => false);
  if (!isDirectory) {
    report({ at: ["path"], message: `there is no directory \`${path}\``, hint: "a directory as seen from that of caisson.toml" });
    return undefined;
  }
  if (leaves(await realpath(workspace), await realpath(directory))) report({ at: ["path"], message: `\`${path}\` is a link to outside the workspace` });
  if (config.script !== undefined) return await readScript(ctx, join(workspace, config.script));
  if (config.kind === "files") return undefined;
  if (config.kind === "turret") return await readTurret(ctx, directory, path, config.turret ?? key, config, report);
  const project = (await readProject(ctx, directory)) ?? (await readRequirements(ctx, directory));
  if (project === undefined) report({ at: ["path"], message: `\`${path}\` has neither pyproject.toml, setup.py nor requirements.txt`, hint: "for files that are installed as they are: kind = \"files\"" });
  return project;
}

/** The entry of an OCT project; whether all of it is right is told when it is built. */
async function readTurret(ctx: Context, directory: string, path: string, name: string, config: PackageConfig, report: Report): Promise<Pick<Project, "file" | "requires"> | undefined> {
  const turrets = await readNamedTurrets(ctx, directory);
  if (turrets === undefined) {
    report({ at: ["path"], message: `\`${path}\` is no OCT project: it has no \`config.json\` with \`turrets\`` });
    return undefined;
  }
  const turret = turrets.find((each) => each.name === name);
  const names = turrets.map((each) => each.name);
  if (turret === undefined) report({ at: config.turret === undefined ? [] : ["turret"], message: `there is no turret \`${name}\` in \`${path}\``, hint: names.length === 0 ? "it has none" : `turrets there: ${names.join(", ")}; say which with \`turret = "${names[0] ?? ""}"\`` });
  return turret === undefined ? undefined : { file: "config.json", requires: () => turret.requires };
}

/** The directory that a package lies in; undefined where nothing is said. */
function pathOf({ path, script }: PackageConfig): string | undefined {
  return script === undefined ? path : posix.dirname(script);
}

function leaves(root: string, path: string): boolean {
  return isOutside(root, resolve(root, path));
}

/** A program in the package's own directory: what lies elsewhere is no part of its source. */
function plainScript(config: PackageConfig, key: "pre-build" | "post-build", report: Report): string {
  const path = config[key] ?? "";
  if (config.script !== undefined) report({ at: [key], message: `\`${key}\` means nothing for a single file` });
  if (leaves(join("/", "package"), path)) report({ at: [key], message: `\`${path}\` is outside the package's directory`, hint: "a path in that directory: its bytes belong to the package's source" });
  return posix.normalize(path);
}

function checkKind(config: PackageConfig, kind: Package["kind"], report: Report): void {
  const foreign = FOREIGN[kind];
  for (const key of foreign) if (config[key] !== undefined) report({ at: [key], message: `\`${key}\` means nothing for a package of kind ${kind}` });
}

/** Keys of other kinds. */
const FOREIGN = { python: ["prefix", "turret"], files: ["extras", "groups", "needs", "link", "script", "turret"], turret: ["extras", "groups", "needs", "prefix", "script", "pre-build", "post-build"] } as const;

function readProcess(name: string, config: ProcessConfig, report: Report): Process {
  const { command, environment = {}, requires = [], listen, schedule } = config;
  const socket = config.socket === true;
  const notify = config.notify === true;
  const at = (key: keyof ProcessConfig): Mismatch["at"] => ["processes", name, key];
  if (socket && listen === undefined) report({ at: at("socket"), message: "a `socket` needs a `listen`", hint: "listen = \"127.0.0.1:8000\"" });
  if (socket && listen !== undefined && !/^(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9A-Fa-f:.]+\]|localhost|\*):\d+$/.test(listen)) report({ at: at("listen"), message: `a \`socket\` is at an address, and \`${listen}\` is a name`, hint: "an address such as 127.0.0.1:8000, [::1]:8000, or *:8000 for all" });
  if (schedule !== undefined) for (const key of ["listen", "socket", "notify"] as const) if (config[key] !== undefined) report({ at: at(key), message: `\`${key}\` means nothing for what a \`schedule\` starts` });
  return {
    name, argv: readCommand(command, ["processes", name], report), environment, requires,
    ...(listen === undefined ? {} : { listen }), ...(socket ? { socket } : {}), ...(notify ? { notify } : {}), ...(schedule === undefined ? {} : { schedule }),
  };
}

function readCommand(command: string, at: Mismatch["at"], report: Report): readonly string[] {
  const words = splitWords(command);
  if (words === undefined) report({ at, message: `a quote is left open in \`${command}\`` });
  return words ?? [];
}

/** What runs once for all hosts changes what they share, so that a way back has to be promised; what runs on each host is a release's own preparation. */
function readHook({ at, command, once = "host", reversible = once === "host", timeout = "10m" }: HookConfig, place: Mismatch["at"], report: Report): Hook {
  if (at === "remove" && once === "stack") report({ at: [...place, "once"], message: "a hook at `remove` runs on every host that the release is removed from", hint: "once = \"host\"" });
  if (parseDuration(timeout) === 0) report({ at: [...place, "timeout"], message: "a hook needs some time", hint: "timeout = \"10m\"" });
  return { at, argv: readCommand(command, [...place, "command"], report), once, reversible, timeout: parseDuration(timeout) };
}

function readHealth(health: PackageConfig["health"], report: Report): Health | undefined {
  if (health === undefined) return undefined;
  if (typeof health === "string") return { url: health };
  const { url, command } = health;
  if ((url === undefined) === (command === undefined)) report({ at: ["health"], message: "`health` has either `url` or `command`" });
  return { ...(url === undefined ? {} : { url }), ...(command === undefined ? {} : { argv: readCommand(command, ["health", "command"], report) }) };
}
