import { chmod, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Json } from "../../src/model/index.ts";
import { openStore, verify, type RefKind, type Store } from "../../src/store/index.ts";
import { temporaryStore } from "../support/temporary-store.ts";

async function names(store: Store, kind: RefKind): Promise<readonly string[]> {
  const all: string[] = [];
  for await (const name of store.listRefs(kind)) all.push(name);
  return all;
}

it("law 5: a ref is written with the generation it expects, and only with that", async () => {
  await using place = await temporaryStore();
  const { store } = place;
  for (const kind of ["artifacts", "stacks", "plans"] as const) {
    expect(await store.readRef(kind, "a@1")).toBeUndefined();
    expect(await store.writeRef(kind, "a@1", { n: 1 }, 1)).toBe("moved");
    expect(await store.writeRef(kind, "a@1", { n: 1 }, 0)).toBe("written");
    expect(await store.writeRef(kind, "a@1", { n: 2 }, 0)).toBe("moved");
    expect(await store.writeRef(kind, "a@1", { n: 2 }, 1)).toBe("written");
    expect(await store.writeRef(kind, "a@1", { n: 3 }, 1)).toBe("moved");
    expect(await store.writeRef(kind, "a@1", { n: 3 }, 7)).toBe("moved");
    expect(await store.readRef(kind, "a@1")).toEqual({ generation: 2, value: { n: 2 } });
  }
});

it("law 5: of many writers that expect the same generation, one writes and the others are told", async () => {
  await using place = await temporaryStore();
  const stores = [place.store, await openStore(place.ctx, "store")];
  for (let generation = 0; generation < 10; generation++) {
    const outcomes = await Promise.all(Array.from({ length: 16 }, (_, writer) => (stores[writer % 2] ?? place.store).writeRef("stacks", "shop@1", { writer, generation }, generation)));
    expect(outcomes.filter((outcome) => outcome === "written")).toHaveLength(1);
    const winner = outcomes.indexOf("written");
    expect(await place.store.readRef("stacks", "shop@1")).toEqual({ generation: generation + 1, value: { writer: winner, generation } });
  }
  expect(await readdir(join(place.directory, "store/tmp"))).toEqual([]);
});

it("law 5: a removed name says nothing, can be used again, and never has a generation twice", async () => {
  await using place = await temporaryStore();
  const { store } = place;
  await store.writeRef("stacks", "shop@1", { n: 1 }, 0);
  const time = (await store.refTime("stacks", "shop@1")) ?? 0;
  expect(Math.abs(time - Date.now() / 1000)).toBeLessThan(600);
  expect(await store.removeRef("stacks", "shop@1", 3)).toBe("moved");
  expect(await store.removeRef("stacks", "shop@1", 1)).toBe("removed");
  expect([await store.readRef("stacks", "shop@1"), await store.refTime("stacks", "shop@1")]).toEqual([undefined, undefined]);
  expect((await verify(place.ctx, store, { repair: false })).problems).toEqual([]);
  // Who still holds what it said before is told, also once somebody used the name again.
  expect(await store.writeRef("stacks", "shop@1", { late: true }, 1)).toBe("moved");
  const outcomes = await Promise.all(Array.from({ length: 8 }, (_, n) => store.writeRef("stacks", "shop@1", { again: n }, 0)));
  expect(outcomes.filter((outcome) => outcome === "written")).toHaveLength(1);
  expect(await store.readRef("stacks", "shop@1")).toEqual({ generation: 3, value: { again: outcomes.indexOf("written") } });
  expect(await store.writeRef("stacks", "shop@1", { late: true }, 1)).toBe("moved");
});

it("orders generations as numbers", async () => {
  await using place = await temporaryStore();
  for (let generation = 0; generation < 12; generation++) await place.store.writeRef("plans", "p", generation, generation);
  expect(await place.store.readRef("plans", "p")).toEqual({ generation: 12, value: 11 });
});

it("keeps one page of a cache's name, and the last writer's", async () => {
  await using place = await temporaryStore();
  for (const value of [1, 2, 3]) expect(await place.store.writeRef("actions", "k", value, 0)).toBe("written");
  expect(await place.store.readRef("actions", "k")).toEqual({ generation: 1, value: 3 });
  expect(await readdir(join(place.directory, "store/refs/actions"))).toEqual(["k"]);
});

it("reads a torn or rotten page of a cache as absent, and lets it be written anew", async () => {
  await using place = await temporaryStore();
  const path = join(place.directory, "store/refs/locks/k");
  await place.store.writeRef("locks", "k", { requirements: ["a", "b"], text: "…" }, 0);
  const whole = await readFile(path, "utf8");
  await chmod(path, 0o644);
  for (const torn of ["", "{}", whole.slice(0, 40), whole.slice(0, -1), whole.replace('"a"', '"c"'), "\0".repeat(whole.length), `${whole}\n`]) {
    await writeFile(path, torn);
    expect(await place.store.readRef("locks", "k")).toBeUndefined();
  }
  await place.store.writeRef("locks", "k", { new: true }, 0);
  expect(await place.store.readRef("locks", "k")).toEqual({ generation: 1, value: { new: true } });
});

it("refuses a damaged page of a name that is no cache, and says which", async () => {
  await using place = await temporaryStore();
  await place.store.writeRef("stacks", "shop@1", { n: 1 }, 0);
  const path = join(place.directory, "store/refs/stacks/shop@1/1");
  await chmod(path, 0o644);
  await writeFile(path, "{}");
  await expect(place.store.readRef("stacks", "shop@1")).rejects.toMatchObject({ code: "digest-mismatch", message: `\`${path}\` is damaged` });
});

it("row G13: names that a shell or a file system would misread are refused, all others come back as they were", async () => {
  await using place = await temporaryStore();
  const { store } = place;
  const legal = ["shop@1.0+local", "a@1!2.0", "x@v1~rc1", "A@b_c-d", "9@0"];
  for (const name of legal) await store.writeRef("stacks", name, name, 0);
  expect(await names(store, "stacks")).toEqual(legal.toSorted());
  for (const name of ["", ".", "..", ".hidden", "-rf", "a/b", "a b", "a;b", "a\nb", "a\0b", "$(x)", "ü", "a".repeat(256)]) {
    await expect(store.writeRef("stacks", name, 1, 0)).rejects.toMatchObject({ code: "name-invalid" });
    await expect(store.readRef("actions", name)).rejects.toMatchObject({ code: "name-invalid" });
  }
});

it("keeps any JSON value", async () => {
  await using place = await temporaryStore();
  const values: readonly Json[] = [null, true, 0, "", "}\n", [], { "": [{ ü: "\u{1F600}\ud800" }] }];
  for (const [at, value] of values.entries()) {
    await place.store.writeRef("plans", `p${at}`, value, 0);
    expect(await place.store.readRef("plans", `p${at}`)).toEqual({ generation: 1, value });
  }
});
