import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { compareBytewise, fail, printKeyPath, type Package } from "../model/index.ts";
import { platformPreset } from "../python/index.ts";
import { writeDurably, type Context } from "../system/index.ts";
import { connect, packageOfProject, type Draft } from "./packages.ts";
import { readProject, tableIn } from "./project.ts";
import { discoverPackages, nameOfDirectory } from "./read.ts";
import { readTomlFile } from "./toml-file.ts";

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
 * What `caisson init` writes: the directory's own project, the members of its uv workspace, or the projects in directories below.
 * `platform` is this machine's label.
 * @throws CaissonError `ref-exists` where something is written already · `config-invalid` where there is no project
 */
export async function planInit(ctx: Context, directory: string, platform: string): Promise<InitPlan> {
  const root = resolve(ctx.cwd, directory);
  const path = join(root, "caisson.toml");
  if ((await readTomlFile(ctx, path)) !== undefined) exists("`caisson.toml` exists already");
  const pyproject = await readTomlFile(ctx, join(root, "pyproject.toml"));
  if (tableIn(tableIn(pyproject?.value, "tool"), "caisson") !== undefined) exists("`pyproject.toml` has a `[tool.caisson]` already");
  const here = await discoverPackages(ctx, root);
  const packages = connect(here.length > 0 ? here : await findBelow(ctx, root));
  if (packages.length === 0) fail({ code: "config-invalid", message: "there is no Python project here, and none in the directories below", hint: "run this where pyproject.toml or setup.py is, or write caisson.toml by hand" });
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
    if (project !== undefined) return [packageOfProject(root, directory, project, nameOfDirectory(directory))];
    return depth < DEEPEST ? await findBelow(ctx, root, directory, depth + 1) : [];
  }));
  return found.flat();
}

function printInit(workspace: string, packages: readonly Package[], platform: string): string {
  // A system we have no name for is built for all the same, as this machine's own.
  const platforms = platformPreset(platform) === undefined ? `# platforms = ["debian-12"]  # this machine's own where nothing is said` : `platforms = ["${platform}"]`;
  const sections = packages.map((pkg) => `[${printKeyPath(["packages", pkg.written])}]\npath = ${JSON.stringify("path" in pkg.source ? pkg.source.path : ".")}\n`);
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
