import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { machinePlatform, makePackages } from "../../build/index.ts";
import { digestHex, parseLabel, type Artifact, type Label, type StackRef, type Workspace } from "../../model/index.ts";
import { findOldDevelopment, freezeStack, removeStack } from "../../stack/index.ts";
import type { Store } from "../../store/index.ts";
import { hashJson, type Context } from "../../system/index.ts";
import { runStack, type Running } from "./run-stack.ts";
import { stacksUnder } from "../observe/deployed-here.ts";
import { saveStack, unless, wantedStack, type Wanted } from "../wanted.ts";

/** Ours in a workspace, and none of its source. */
const OWN = ".caisson";

/**
 * Build the files as they are on disk, deploy them to a directory of this machine, by default `.caisson/up`, and start their processes as our own children.
 * @throws CaissonError `host-busy` where another one runs there · whatever a build or a plan may say
 */
export async function up(ctx: Context, store: Store, workspace: Workspace, root?: string): Promise<Running> {
  const place = root === undefined ? join(workspace.directory, OWN, "up") : resolve(ctx.cwd, root);
  return await runStack(ctx, store, place, async () => {
    if (root === undefined) await writeFile(join(workspace.directory, OWN, ".gitignore"), "*\n");
    const wanted = await buildStack(ctx, store, workspace);
    await forgetOld(store, wanted.stack, (await stacksUnder(ctx, place)).map(({ ref }) => ref));
    return wanted;
  });
}

/** A frozen stack of what is on disk; the same content is the same stack. */
async function buildStack(ctx: Context, store: Store, workspace: Workspace): Promise<Wanted> {
  const results = await makePackages(ctx, store, workspace, { platforms: [await machinePlatform(ctx)], onDisk: true, offline: false, formats: ["dir"] });
  const artifacts = results.flatMap((result) => result.artifacts.map(({ artifact }) => artifact));
  const ref = { name: workspace.name, label: labelOf(artifacts) };
  await saveStack(store, ref, artifacts);
  await freezeStack(store, ref);
  return await wantedStack(store, ref);
}

/** Every change on disk is a stack of its own; only the last of them, and those that stand where this one goes, are worth their room. */
async function forgetOld(store: Store, wanted: StackRef, standing: readonly StackRef[]): Promise<void> {
  for (const old of await findOldDevelopment(store, [wanted, ...standing], wanted.name)) await removeStack(store, old, { frozen: true, deployedTo: [] }).catch(unless("ref-unknown", "ref-moved"));
}

function labelOf(artifacts: readonly Artifact[]): Label {
  return parseLabel(`dev-${digestHex(hashJson(artifacts.map(({ payload }) => payload.digest).toSorted())).slice(0, 8)}`);
}
