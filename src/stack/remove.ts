import { fail, printStackRef, type StackRef } from "../model/index.ts";
import type { Store } from "../store/index.ts";
import { listStacks, readPage } from "./read.ts";

/** What is known of a stack that is to go. */
export interface RemoveStackOptions {
  /** Also one that is frozen. */
  readonly frozen: boolean;
  /** Places that have it, as a user would type them. */
  readonly deployedTo: readonly string[];
}

/**
 * Forget a stack; hosts that run it do not notice. What only it named stays until a sweep.
 * @throws CaissonError `ref-unknown` · `stack-deployed` · `stack-frozen` unless `frozen` · `ref-moved`
 */
export async function removeStack(store: Store, ref: StackRef, { frozen, deployedTo }: RemoveStackOptions): Promise<void> {
  const { page, generation } = await readPage(store, ref);
  const name = printStackRef(ref);
  if (deployedTo.length > 0) fail({ code: "stack-deployed", message: `stack \`${name}\` is deployed to ${deployedTo.map((place) => `\`${place}\``).join(", ")}`, hint: "deploy another stack there first, and prune this one" });
  if (page.state === "frozen" && !frozen) fail({ code: "stack-frozen", message: `stack \`${name}\` is frozen, so that hosts may run it`, hint: `caisson stack remove ${name} --frozen` });
  if ((await store.removeRef("stacks", name, generation)) === "moved") fail({ code: "ref-moved", message: `stack \`${name}\` was changed meanwhile`, hint: "run the same command again" });
}

/** Stacks that `caisson up` made of files on disk are called by their content. */
const DEVELOPMENT = /^dev-[0-9a-f]{8}$/;

/** So many of them stay for each name: enough to go back to what ran a moment ago. */
const KEPT = 3;

/** The stacks of `caisson up` that are no longer among the last of their name, except those that are to stay. */
export async function findOldDevelopment(store: Store, staying: readonly StackRef[], name?: StackRef["name"]): Promise<readonly StackRef[]> {
  const refs = (await listStacks(store)).map(({ ref }) => ref).filter((ref) => DEVELOPMENT.test(ref.label) && (name === undefined || ref.name === name));
  const timed = await Promise.all(refs.map(async (ref) => ({ ref, time: (await store.refTime("stacks", printStackRef(ref))) ?? 0 })));
  const newest = timed.toSorted((a, b) => b.time - a.time).map(({ ref }) => ref);
  const needed = new Set(staying.map(printStackRef));
  return newest.filter((ref, at) => !needed.has(printStackRef(ref)) && newest.slice(0, at).filter((other) => other.name === ref.name).length >= KEPT);
}
