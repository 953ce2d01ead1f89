import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { compareBytewise, fail, parsePackageName, printKeyPath, type Package } from "../model/index.ts";
import { platformPreset } from "../python/platform/index.ts";
import { writeDurably, type Context } from "../system/index.ts";
import { connect, type Draft } from "./draft.ts";
import { nameOfDirectory, packageOfProject } from "./packages.ts";
import { readProject, tableIn } from "./project.ts";
import { discoverPackages } from "./read.ts";
import { readTomlFile } from "./toml-file.ts";
import { packagesOfTurrets } from "./turrets.ts";

/** A caisson.toml to begin with, from what is in a directory. */
export interface InitPlan {
  /** Absolute. */
  readonly path: string;
  readonly text: string;
  /** The workspace's name. */
  readonly workspace: string;
  readonly packages: readonly Package[];
  /** The label of the platform that is built for. */
  readonly platform: string;
}

/**
 * What `caisson init` writes: the directory's own project, the members of its uv workspace, the turrets of its OCT project; or the projects in directories below.
 * `platform` is this machine's label.
 * @throws CaissonError `ref-exists` where something is written already · `config-invalid` where there is no project
 */
export async function planInit(ctx: Context, directory: string, platform: string): Promise<InitPlan> {
  const root = resolve(ctx.cwd, directory);
  const path = join(root, "caisson.toml");
  if ((await readTomlFile(ctx, path)) !== undefined) exists("`caisson.toml` exists already");
  const pyproject = await readTomlFile(ctx, join(root, "pyproject.toml"));
  if (tableIn(tableIn(pyproject?.value, "tool"), "caisson") !== undefined) exists("`pyproject.toml` has a `[tool.caisson]` already");
  const here = apart([...(await discoverPackages(ctx, root)), ...(await packagesOfTurrets(ctx, root, root))]);
  const packages = connect(here.length > 0 ? here : apart(await findBelow(ctx, root)));
  if (packages.length === 0) fail({ code: "config-invalid", message: "there is no Python project here, and none in the directories below", hint: "run this where pyproject.toml, setup.py or an OCT config.json is, or write caisson.toml by hand" });
  const workspace = packages.length === 1 ? (packages[0]?.name ?? "") : nameOfDirectory(root);
  return { path, text: printInit(workspace, packages, platform), workspace, packages, platform };
}

/** @throws CaissonError `ref-exists` where somebody else was faster · `permission` · `disk-full` */
export async function writeInit(ctx: Context, plan: InitPlan): Promise<void> {
  await writeDurably(resolve(ctx.cwd, plan.path), plan.text, { exclusive: true });
}

function exists(message: string): never {
  return fail({ code: "ref-exists", message, hint: "edit it, or remove it and run `caisson init` again" });
}

const DEEPEST = 2;
const NOT_OURS: ReadonlySet<string> = new Set(["node_modules", "dist", "build", "venv", "tests", "test", "__pycache__"]);

/** Projects in directories below, not in each other. */
async function findBelow(ctx: Context, root: string, at: string = root, depth = 1): Promise<readonly Draft[]> {
  const entries = await readdir(at, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith(".") && !NOT_OURS.has(entry.name)).map(({ name }) => name).toSorted(compareBytewise);
  const found = await Promise.all(names.map(async (name) => {
    const directory = join(at, name);
    const project = await readProject(ctx, directory);
    const own = [...(project === undefined ? [] : [packageOfProject(root, directory, project, nameOfDirectory(directory))]), ...(await packagesOfTurrets(ctx, root, directory))];
    if (own.length > 0) return own;
    return depth < DEEPEST ? await findBelow(ctx, root, directory, depth + 1) : [];
  }));
  return found.flat();
}

/** Two of one name: whoever comes later is called otherwise. */
function apart(drafts: readonly Draft[]): readonly Draft[] {
  return drafts.map((draft, at) => {
    const { pkg } = draft;
    const twins = drafts.slice(0, at).filter((other) => other.pkg.name === pkg.name).length;
    if (twins === 0 || pkg.kind !== "turret") return draft;
    const written = `${pkg.written}-turret${twins === 1 ? "" : twins}`;
    return { ...draft, pkg: { ...pkg, written, name: parsePackageName(written) } };
  });
}

function printPackage({ written, kind, source, turret }: Package): string {
  const lines = [
    `[${printKeyPath(["packages", written])}]`,
    ...(kind === "python" ? [] : [`kind = "${kind}"`]),
    `path = ${JSON.stringify("path" in source ? source.path : ".")}`,
    ...(turret === undefined || turret === written ? [] : [`turret = ${JSON.stringify(turret)}`]),
  ];
  return `${lines.join("\n")}\n`;
}

function printInit(workspace: string, packages: readonly Package[], platform: string): string {
  // A system we have no name for is built for all the same, as this machine's own.
  const platforms = platformPreset(platform) === undefined ? `# platforms = ["debian-12"]  # this machine's own where nothing is said` : `platforms = ["${platform}"]`;
  const sections = packages.map(printPackage);
  return `# What is built here, for which platforms, and where it goes.
# \`caisson config show\` tells every value, and where it comes from.

[workspace]
name = "${workspace}"
${platforms}

${sections.join("\n")}
# A program that runs, and how to tell that it is well:
# processes.web = { command = "${workspace} --port 8000", listen = "127.0.0.1:8000" }
# health = "http://127.0.0.1:8000/"

# A place to deploy to with \`caisson deploy --to production\`:
# [targets.production]
# root = "/srv/${workspace}"
# service = "command"
# restart = "systemctl restart ${workspace}"
`;
}
