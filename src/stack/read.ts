import { fail, parseLabel, parsePackageName, printStackRef, type Descriptor, type Stack, type StackRef, type StackState } from "../model/index.ts";
import type { Store } from "../store/index.ts";
import { mapConcurrently } from "../system/index.ts";
import { compareLabels } from "./order.ts";

/** What a stack's name says in the store. */
export interface StackPage {
  readonly state: "open" | "frozen";
  readonly document: Descriptor;
  /** How many members, so that a list need not read the document. */
  readonly packages: number;
}

/** A stack in a list. */
export interface StackSummary {
  readonly ref: StackRef;
  readonly state: StackState;
  readonly packages: number;
}

/** @throws CaissonError `ref-unknown`, with the stacks that are here */
export async function readStack(store: Store, ref: StackRef): Promise<{ readonly stack: Stack; readonly state: StackState }> {
  const { page, generation } = await readPage(store, ref);
  return { stack: await store.readJson<Stack>(page.document.digest), state: stateOf(page, generation) };
}

export async function hasStack(store: Store, ref: StackRef): Promise<boolean> {
  return (await store.readRef("stacks", printStackRef(ref))) !== undefined;
}

/** All stacks, by name; those of one name newest first. */
export async function listStacks(store: Store): Promise<readonly StackSummary[]> {
  const names: string[] = [];
  for await (const name of store.listRefs("stacks")) names.push(name);
  const stacks = await mapConcurrently(names, 16, async (name) => {
    const found = await store.readRef("stacks", name);
    if (found === undefined) return [];
    const page = found.value as unknown as StackPage;
    return [{ ref: parseStackName(name), state: stateOf(page, found.generation), packages: page.packages }];
  });
  return stacks.flat().toSorted((a, b) => compareNames(a.ref.name, b.ref.name) || compareLabels(b.ref.label, a.ref.label));
}

/** The page and its generation. @throws CaissonError `ref-unknown` */
export async function readPage(store: Store, ref: StackRef): Promise<{ readonly page: StackPage; readonly generation: number }> {
  const found = await store.readRef("stacks", printStackRef(ref));
  if (found !== undefined) return { page: found.value as unknown as StackPage, generation: found.generation };
  return fail({ code: "ref-unknown", message: `there is no stack \`${printStackRef(ref)}\``, hint: await othersHint(store, ref) });
}

async function othersHint(store: Store, wanted: StackRef): Promise<string> {
  const here = await listStacks(store);
  if (here.length === 0) return "there are no stacks yet; caisson stack create NAME";
  const nearest = [...here.filter(({ ref }) => ref.name === wanted.name), ...here.filter(({ ref }) => ref.name !== wanted.name)].map(({ ref }) => printStackRef(ref));
  return `stacks here: ${nearest.slice(0, LISTED).join(", ")}${nearest.length > LISTED ? ` and ${nearest.length - LISTED} more (caisson stack list)` : ""}`;
}

const LISTED = 8;

function parseStackName(name: string): StackRef {
  const at = name.indexOf("@");
  return { name: parsePackageName(name.slice(0, at)), label: parseLabel(name.slice(at + 1)) };
}

function stateOf(page: StackPage, generation: number): StackState {
  return page.state === "frozen" ? { state: "frozen", digest: page.document.digest } : { state: "open", generation };
}

function compareNames(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
