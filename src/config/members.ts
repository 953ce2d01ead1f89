import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { compareBytewise } from "../model/index.ts";
import { readText, type TomlFile } from "./toml-file.ts";
import { stringsIn, tableIn } from "./project.ts";

/**
 * The directories of a uv workspace's members, absolute and sorted, the root among them where it is a project; empty where the file declares no workspace.
 * Source: uv's documentation, "Using workspaces"
 */
export async function findMembers(pyproject: TomlFile): Promise<readonly string[]> {
  const uv = tableIn(tableIn(pyproject.value, "tool"), "uv");
  const workspace = tableIn(uv, "workspace");
  if (workspace === undefined) return [];
  const root = dirname(pyproject.path);
  const excluded = new Set(await expandAll(root, stringsIn(workspace, "exclude")));
  const found = new Set((await expandAll(root, stringsIn(workspace, "members"))).filter((member) => !excluded.has(member)));
  if (tableIn(pyproject.value, "project") !== undefined && uv?.["package"] !== false) found.add(root);
  const members: string[] = [];
  for (const member of found) if ((await readText(join(member, "pyproject.toml"), member)) !== undefined) members.push(member);
  return members.toSorted(compareBytewise);
}

async function expandAll(root: string, patterns: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(patterns.map((pattern) => expand(root, pattern.split("/").filter((part) => part !== "" && part !== "."))));
  return found.flat();
}

/** Directories that a pattern names; `*` and `?` stand for letters of one name, `**` for any number of directories. */
async function expand(directory: string, [first, ...rest]: readonly string[]): Promise<readonly string[]> {
  if (first === undefined) return [directory];
  if (!/[*?]/.test(first)) return await expand(join(directory, first), rest);
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  const below = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== "node_modules").map(({ name }) => name);
  if (first === "**") return (await Promise.all([expand(directory, rest), ...below.map((name) => expand(join(directory, name), [first, ...rest]))])).flat();
  const pattern = new RegExp(`^${first.replaceAll(/[.+^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*").replaceAll("?", ".")}$`);
  return (await Promise.all(below.filter((name) => pattern.test(name)).map((name) => expand(join(directory, name), rest)))).flat();
}
