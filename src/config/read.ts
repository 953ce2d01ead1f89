import { join, relative, resolve } from "node:path";
import { failAll, normalizeName, type Mismatch, type Platform, type Problem, type Workspace } from "../model/index.ts";
import { EXCUSABLE_RULES, isRule } from "../python/rules/index.ts";
import type { Context } from "../system/index.ts";
import { addAsked, type Asked } from "./asked.ts";
import { findWorkspace, type Place } from "./find.ts";
import { withImplied } from "./implied.ts";
import { findMembers } from "./members.ts";
import { connect, type Draft } from "./draft.ts";
import { nameOfDirectory, packageOfProject, readPackage } from "./packages.ts";
import { readPlatforms } from "./platforms.ts";
import { readProject, readRequirements } from "./project.ts";
import { readConfig, type Config } from "./schema.ts";
import { readTarget } from "./targets.ts";
import { problemIn, readTomlFile } from "./toml-file.ts";

/**
 * The workspace that a directory lies in, from what is written there and what its projects say of themselves.
 * `asked`: extras and groups that are wanted besides what is written.
 * @throws CaissonError `config-invalid` with all mistakes at once, each with file, line and key · `usage` where nobody has what is asked for
 */
export async function readWorkspace(ctx: Context, directory: string, asked?: Asked): Promise<Workspace> {
  const place = await findWorkspace(ctx, resolve(ctx.cwd, directory));
  const mistakes: Mismatch[] = [];
  const config = readConfig(place.value, (mistake) => mistakes.push(mistake));
  const workspace = await readParts(ctx, place, config, mistakes, asked);
  const { file } = place;
  const problems = mistakes.map((mistake): Problem => (file === undefined ? { code: "config-invalid", message: mistake.message, ...(mistake.hint === undefined ? {} : { hint: mistake.hint }) } : problemIn(file, place.below, mistake)));
  failAll(problems.length === 1 ? problems : problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0)).map(withHintInside));
  return workspace;
}

/** Among many mistakes a hint helps only beside its own. */
function withHintInside({ hint, ...problem }: Problem): Problem {
  return hint === undefined ? problem : { ...problem, message: `${problem.message}; ${hint}` };
}

/** Parts that have mistakes already are left out; the others are looked at further, so that people see everything at once. */
async function readParts(ctx: Context, place: Place, config: Config, mistakes: Mismatch[], asked?: Asked): Promise<Workspace> {
  const { directory, file } = place;
  const wrong = new Set(mistakes.filter(({ unknownKey }) => unknownKey !== true).map(({ at }) => `${at[0] ?? ""} ${at[1] ?? ""}`));
  const sound = <Part>(part: string, table: Readonly<Record<string, Part>> = {}): readonly (readonly [string, Part])[] => Object.entries(table).filter(([name]) => !wrong.has(`${part} ${name}`));
  const platforms = wrong.has("workspace platforms") ? new Map<string, Platform>() : await readPlatforms(ctx, directory, config.workspace?.platforms ?? [], sound("platforms", config.platforms), (mistake) => mistakes.push(mistake));
  const drafts = config.packages === undefined ? await discoverPackages(ctx, directory) : await readPackages(ctx, directory, sound("packages", config.packages), mistakes);
  if (drafts.length === 0 && mistakes.length === 0) mistakes.push(file === undefined ? { at: [], message: "the pyproject.toml here has no [project], and no setup.py or setup.cfg stands beside it", hint: "add [project] with a name and a version" } : { at: [], message: "the workspace has no packages", hint: "add [packages.NAME] with a path" });
  const all = await withImplied(ctx, directory, drafts);
  const names = [...new Set([...Object.keys(config.packages ?? {}).map(normalizeName), ...all.map(({ pkg }) => pkg.name)])];
  for (const [key, { needs = [] }] of sound("packages", config.packages)) {
    for (const [at, name] of needs.entries()) if (!names.includes(normalizeName(name))) mistakes.push({ at: ["packages", key, "needs", at], message: `there is no package \`${name}\``, hint: `packages: ${names.join(", ")}` });
  }
  const packages = connect(asked === undefined ? all : addAsked(all, asked));
  const around = { workspace: directory, packages: packages.map(({ name }) => name), platformLabel: (written: string) => platforms.get(written)?.label ?? (platforms.size === 0 ? written : undefined) };
  const targets = sound("targets", config.targets).map(([name, target]) => readTarget(name, target, around, below(["targets", name], mistakes)));
  const exceptions = wrong.has("exceptions ") ? [] : (config.exceptions ?? []).map(({ sha256, rule, reason }, at) => {
    if (!EXCUSABLE_RULES.includes(rule)) mistakes.push({ at: ["exceptions", at, "rule"], message: isRule(rule) ? `no exception can be made from ${rule}` : `there is no rule \`${rule}\``, hint: `exceptions can be made from ${EXCUSABLE_RULES.join(", ")}` });
    return { wheel: `sha256:${sha256}` as const, rule, reason };
  });
  const name = config.workspace?.name ?? (drafts.length === 1 ? drafts[0]?.pkg.name : undefined) ?? nameOfDirectory(directory);
  return {
    directory,
    ...(file === undefined ? {} : { file: relative(directory, file.path) }),
    name: normalizeName(name),
    platforms: [...platforms.values()],
    interpreters: Object.fromEntries(Object.entries(config.platforms ?? {}).flatMap(([written, { interpreter }]) => (interpreter === undefined ? [] : [[platforms.get(written)?.label ?? written, interpreter.replace(/^tree:/, "")]]))),
    compilers: readCompilers(config, platforms, (mistake) => mistakes.push(mistake)),
    packages,
    targets,
    ...(exceptions.length === 0 ? {} : { exceptions }),
    index: { ...(config.index?.url === undefined ? {} : { url: config.index.url }), findLinks: (config.index?.["find-links"] ?? []).map((path) => resolve(directory, path)) },
  };
}

function readCompilers({ workspace, platforms: tables = {} }: Config, platforms: ReadonlyMap<string, Platform>, report: (mistake: Mismatch) => void): NonNullable<Workspace["compilers"]> {
  const of = Object.entries(tables).flatMap(([written, { compiler }]) => {
    const platform = platforms.get(written);
    if (compiler === undefined || platform === undefined) return [];
    const { label, libc } = platform;
    if (compiler === "zig" && libc.family !== "glibc") report({ at: ["platforms", written, "compiler"], message: `zig compiles for glibc here, and \`${label}\` has ${libc.family}`, hint: "leave it out, and build what must be compiled on a machine of that platform" });
    return [[label, compiler] as const];
  });
  return { usual: workspace?.compiler ?? "host", of: Object.fromEntries(of) };
}

async function readPackages(ctx: Context, directory: string, tables: readonly (readonly [string, NonNullable<Config["packages"]>[string]])[], mistakes: Mismatch[]): Promise<readonly Draft[]> {
  const drafts: Draft[] = [];
  for (const [key, table] of tables) {
    const twin = drafts.find(({ pkg }) => pkg.name === normalizeName(key));
    if (twin !== undefined) mistakes.push({ at: ["packages", key], message: `\`${key}\` is the same name as \`${twin.pkg.written}\``, hint: "letters' case and - _ . make no difference" });
    else drafts.push(await readPackage(ctx, directory, key, table, below(["packages", key], mistakes)));
  }
  return drafts;
}

function below(at: Mismatch["at"], mistakes: Mismatch[]): (mistake: Mismatch) => void {
  return (mistake) => mistakes.push({ ...mistake, at: [...at, ...mistake.at] });
}

/** Where no packages are written down: the members of a uv workspace, or the project of the directory itself. */
export async function discoverPackages(ctx: Context, directory: string): Promise<readonly Draft[]> {
  const own = await readProject(ctx, directory);
  // The root of a uv workspace need not be a project itself.
  const toml = own?.toml ?? (await readTomlFile(ctx, join(directory, "pyproject.toml")));
  const members = toml === undefined ? [] : await findMembers(toml);
  const plain = own === undefined && members.length === 0 ? await readRequirements(ctx, directory) : undefined;
  const directories = members.length === 0 ? ((own ?? plain) === undefined ? [] : [directory]) : members;
  const drafts = await Promise.all(directories.map(async (at) => {
    const project = plain ?? (await readProject(ctx, at));
    return project === undefined ? [] : [packageOfProject(directory, at, project, nameOfDirectory(at))];
  }));
  return drafts.flat();
}
