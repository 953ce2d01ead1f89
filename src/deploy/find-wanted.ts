import { lstat, open, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fail, parseLabel, parseStackRef, type Plan, type StackRef, type Workspace } from "../model/index.ts";
import { containers } from "../formats/index.ts";
import { listStacks } from "../stack/index.ts";
import type { Store } from "../store/index.ts";
import type { Context } from "../system/index.ts";
import { parsePlan } from "./plan/plan-file.ts";
import { wantedBundle, wantedStack, type Wanted } from "./wanted.ts";

/**
 * The plan that a file of this name holds; undefined where there is no such file, or it is something else.
 * @throws CaissonError `config-invalid`
 */
export async function readPlan(ctx: Context, word: string): Promise<Plan | undefined> {
  const path = resolve(ctx.cwd, word);
  return (await kindOf(path)) === "plan" ? parsePlan(word, await readFile(path, "utf8")) : undefined;
}

/**
 * What a word of the command line wants to be deployed: a bundle by its path, or a stack. Without a workspace a bare label means the one stack that has it.
 * @throws CaissonError `usage` · `name-invalid` · `ref-unknown` · `stack-frozen` · `bundle-invalid`
 */
export async function findWanted(ctx: Context, store: Store, workspace: Workspace | undefined, word: string): Promise<Wanted> {
  const looksLikePath = word.includes("/") || containers.some(({ suffix }) => suffix !== "" && word.endsWith(suffix));
  if (looksLikePath || (await kindOf(resolve(ctx.cwd, word))) === "bundle") return await wantedBundle(ctx, store, word);
  return await wantedStack(store, await findRef(store, workspace, word));
}

async function kindOf(path: string): Promise<"plan" | "bundle" | undefined> {
  const stat = await lstat(path).catch(() => undefined);
  if (stat?.isDirectory() === true) return (await lstat(join(path, "PACKAGE")).catch(() => undefined)) === undefined ? undefined : "bundle";
  if (stat?.isFile() !== true) return undefined;
  // Of what can be deployed only a plan is text, and no archive begins like JSON.
  await using file = await open(path, "r");
  const { buffer, bytesRead } = await file.read(Buffer.alloc(1), 0, 1, 0);
  return bytesRead === 1 && buffer.toString("latin1") === "{" ? "plan" : "bundle";
}

async function findRef(store: Store, workspace: Workspace | undefined, word: string): Promise<StackRef> {
  if (workspace !== undefined || word.includes("@")) return parseStackRef(word, workspace?.name ?? ("" as StackRef["name"]));
  const label = parseLabel(word);
  const known = (await listStacks(store)).map(({ ref }) => ref).filter((ref) => ref.label === label);
  const [only, ...others] = known;
  if (only !== undefined && others.length === 0) return only;
  return fail({ code: "usage", message: `\`${word}\` is ${only === undefined ? "no stack here" : `the label of ${known.length} stacks`}`, hint: "name it whole: NAME@LABEL; caisson stack list" });
}
