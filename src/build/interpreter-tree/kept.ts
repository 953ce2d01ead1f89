import { fail, type InterpreterTree, type Json } from "../../model/index.ts";
import { compareVersions } from "../../python/index.ts";
import type { Store } from "../../store/index.ts";

/** @throws CaissonError `interpreter-unfit` where the store has none of that name */
export async function readInterpreter(store: Store, name: string): Promise<InterpreterTree> {
  const ref = await store.readRef("interpreters", name);
  if (ref !== undefined) return ref.value as unknown as InterpreterTree;
  const known = (await listInterpreters(store)).map((kept) => kept.name);
  return fail({ code: "interpreter-unfit", message: `there is no interpreter \`${name}\` in the store`, hint: `${known.length === 0 ? "" : `here: ${known.join(", ")}; `}bring one: caisson interpreter add FILE --name ${name}` });
}

export async function hasInterpreter(store: Store, name: string): Promise<boolean> {
  return (await store.readRef("interpreters", name)) !== undefined;
}

/** All that the store has, oldest version first. */
export async function listInterpreters(store: Store): Promise<readonly InterpreterTree[]> {
  const kept: InterpreterTree[] = [];
  for await (const name of store.listRefs("interpreters")) if (await hasInterpreter(store, name)) kept.push(await readInterpreter(store, name));
  return kept.toSorted((a, b) => compareVersions(a.version, b.version) || (a.name < b.name ? -1 : 1));
}

/** Keep it under its name; says whether that is news. @throws CaissonError `ref-moved` where somebody else changes the name at the same time */
export async function keepInterpreter(store: Store, interpreter: InterpreterTree): Promise<"added" | "replaced" | "unchanged"> {
  const before = await store.readRef("interpreters", interpreter.name);
  const known = before?.value as InterpreterTree | undefined;
  if (known?.tree.id === interpreter.tree.id && known.headers?.digest === interpreter.headers?.digest) return "unchanged";
  if ((await store.writeRef("interpreters", interpreter.name, interpreter as unknown as Json, before?.generation ?? 0)) === "moved") fail({ code: "ref-moved", message: `\`${interpreter.name}\` was changed by somebody else at the same time`, hint: "run the same command again" });
  return before === undefined ? "added" : "replaced";
}
