import { utimes } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parseLabel, printStackRef, type PackageName, type StackRef } from "../../src/model/index.ts";
import { addToStack, createStack, findOldDevelopment, freezeStack, listStacks, removeStack } from "../../src/stack/index.ts";
import { saveArtifact } from "../../src/store/index.ts";
import { smallArtifact, temporaryStore } from "../support/temporary-store.ts";

const ref = (label: string, name = "shop"): StackRef => ({ name: name as PackageName, label: parseLabel(label) });

it("keeps the last three stacks of `caisson up` for each name, and what is to stay; never one that a person named", async () => {
  await using place = await temporaryStore();
  const { store } = place;
  for (const [at, label] of ["dev-00000005", "dev-00000004", "1.0", "dev-mine", "dev-00000003", "dev-00000002", "dev-00000001"].entries()) {
    await createStack(store, ref(label));
    await utimes(join(store.directory, "refs/stacks", `shop@${label}`, "1"), 1000 + at, 1000 + at);
  }
  await createStack(store, ref("dev-0000000a", "other"));
  const old = async (staying: readonly StackRef[], name?: PackageName): Promise<readonly string[]> => (await findOldDevelopment(store, staying, name)).map(printStackRef);
  expect(await old([])).toEqual(["shop@dev-00000004", "shop@dev-00000005"]);
  expect(await old([ref("dev-00000005")])).toEqual(["shop@dev-00000004"]);
  expect(await old([], "other" as PackageName)).toEqual([]);
});

it("leaves a stack alone that somebody changes at the same time, and one of the name that is made afterwards", async () => {
  await using place = await temporaryStore();
  const { store } = place;
  const artifact = await smallArtifact(store, "web", "1.0");
  await saveArtifact(store, artifact);
  await createStack(store, ref("1"));
  const outcomes = await Promise.allSettled([removeStack(store, ref("1"), { frozen: false, deployedTo: [] }), addToStack(store, ref("1"), [artifact])]);
  // One of them was first: a stack that was changed is there, one that was removed is not.
  const there = (await listStacks(store)).length === 1;
  expect(outcomes.map(({ status }) => status)).toEqual(there ? ["rejected", "fulfilled"] : outcomes.map(({ status }) => status));
  if (there) await removeStack(store, ref("1"), { frozen: false, deployedTo: [] });
  await createStack(store, ref("1"));
  await freezeStack(store, ref("1"));
  await expect(removeStack(store, ref("1"), { frozen: false, deployedTo: [] })).rejects.toMatchObject({ code: "stack-frozen" });
  await removeStack(store, ref("1"), { frozen: true, deployedTo: [] });
  expect(await listStacks(store)).toEqual([]);
});
