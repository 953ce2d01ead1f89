import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { CaissonError, compareBytewise, parseStackRef, type PackageName, type Stack, type StackRef } from "../../src/model/index.ts";
import { saveArtifact, type Store } from "../../src/store/index.ts";
import { addToStack, addVersionToStack, createStack, diffStacks, freezeStack, hasStack, listStacks, readStack, removeFromStack, stackDigest } from "../../src/stack/index.ts";
import { smallArtifact, temporaryStore } from "../support/temporary-store.ts";

const shop = "shop" as PackageName;
const [web, config] = ["shop-web" as PackageName, "shop-config" as PackageName];

function ref(text: string): StackRef {
  return parseStackRef(text, shop);
}

async function built(store: Store, ...artifacts: readonly (readonly [name: string, version: string, how?: Parameters<typeof smallArtifact>[3]])[]): Promise<void> {
  for (const [name, version, how] of artifacts) await saveArtifact(store, await smallArtifact(store, name, version, how));
}

function codeOf(error: unknown): string {
  return error instanceof CaissonError ? error.code : String(error);
}

function versions(stack: Stack): Readonly<Record<string, string>> {
  return Object.fromEntries(stack.members.map((member) => [member.package, member.version]));
}

describe("row G1: create a stack", () => {
  it("row G1: with any name, a version or a word", async () => {
    await using place = await temporaryStore();
    for (const name of ["124", "1.0.0", "2024-05-01", "next", "v1.2~rc1+b5", "other@124"]) {
      const stack = await createStack(place.store, ref(name));
      expect(stack).toEqual({ schema: "caisson.stack/1", ...ref(name), members: [] });
      expect(await readStack(place.store, ref(name))).toEqual({ stack, state: { state: "open", generation: 1 } });
    }
  });

  it("row G1: from an older one: the same members, and later changes leave the source alone", async () => {
    await using place = await temporaryStore();
    await built(place.store, ["shop-web", "2.0.0"], ["shop-config", "1.0.0"], ["shop-config", "1.0.1"]);
    await createStack(place.store, ref("123"));
    await addVersionToStack(place.store, ref("123"), web, "2.0.0");
    await addVersionToStack(place.store, ref("123"), config, "1.0.0");
    const source = (await readStack(place.store, ref("123"))).stack;
    const copy = await createStack(place.store, ref("124"), ref("123"));
    expect(copy).toEqual({ ...source, label: "124", from: stackDigest(source) });
    await addVersionToStack(place.store, ref("124"), config, "1.0.1");
    expect(versions((await readStack(place.store, ref("124"))).stack)).toEqual({ "shop-web": "2.0.0", "shop-config": "1.0.1" });
    expect((await readStack(place.store, ref("123"))).stack).toEqual(source);
    await addVersionToStack(place.store, ref("123"), config, "1.0.1");
    await createStack(place.store, ref("125"), ref("124"));
    await removeFromStack(place.store, ref("124"), [web]);
    expect(versions((await readStack(place.store, ref("125"))).stack)).toEqual({ "shop-web": "2.0.0", "shop-config": "1.0.1" });
  });

  it("row G1: not one that exists, open or frozen", async () => {
    await using place = await temporaryStore();
    await createStack(place.store, ref("124"));
    const taken = { code: "ref-exists", message: "stack `shop@124` exists already", hint: "caisson stack show shop@124, or choose another name" };
    await expect(createStack(place.store, ref("124"))).rejects.toMatchObject(taken);
    await freezeStack(place.store, ref("124"));
    await expect(createStack(place.store, ref("shop@124"))).rejects.toMatchObject(taken);
    expect(await hasStack(place.store, ref("124"))).toBe(true);
  });

  it("row G1: of many who create it at once, one does", async () => {
    await using place = await temporaryStore();
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => createStack(place.store, ref("124")).then(() => "made", codeOf)));
    expect(outcomes.toSorted(compareBytewise)).toEqual(["made", ...Array.from({ length: 7 }, () => "ref-exists")]);
  });

  it("row G1: not from one that does not exist", async () => {
    await using place = await temporaryStore();
    await expect(createStack(place.store, ref("124"), ref("99"))).rejects.toMatchObject({ code: "ref-unknown", message: "there is no stack `shop@99`", hint: "there are no stacks yet; caisson stack create NAME" });
    await createStack(place.store, ref("123"));
    await expect(createStack(place.store, ref("124"), ref("99"))).rejects.toMatchObject({ code: "ref-unknown", hint: "stacks here: shop@123" });
    expect(await hasStack(place.store, ref("124"))).toBe(false);
  });
});

describe("row G2: add to a stack", () => {
  it("row G2: adding a package again replaces its version; the others stay; members are sorted", async () => {
    await using place = await temporaryStore();
    await built(place.store, ["shop-web", "2.0.0"], ["shop-config", "1.0.0"], ["shop-config", "1.0.1"]);
    await createStack(place.store, ref("1"));
    expect((await addVersionToStack(place.store, ref("1"), web, "2.0.0")).changes).toEqual([{ package: web, to: "2.0.0" }]);
    expect((await addVersionToStack(place.store, ref("1"), config, "1.0.0")).changes).toEqual([{ package: config, to: "1.0.0" }]);
    const update = await addVersionToStack(place.store, ref("1"), config, "1.0.1");
    expect(update.changes).toEqual([{ package: config, from: "1.0.0", to: "1.0.1" }]);
    expect(update.stack.members.map((member) => [member.package, member.version])).toEqual([["shop-config", "1.0.1"], ["shop-web", "2.0.0"]]);
    expect((await readStack(place.store, ref("1"))).stack).toEqual(update.stack);
  });

  it("row G2: the same again changes nothing", async () => {
    await using place = await temporaryStore();
    await built(place.store, ["shop-web", "2.0.0"]);
    await createStack(place.store, ref("1"));
    await addVersionToStack(place.store, ref("1"), web, "2.0.0");
    const before = await readStack(place.store, ref("1"));
    expect(await addVersionToStack(place.store, ref("1"), web, "2.0.0")).toEqual({ stack: before.stack, changes: [] });
    expect(await readStack(place.store, ref("1"))).toEqual(before);
  });

  it("row G2: holds one version, on many platforms and in many formats", async () => {
    await using place = await temporaryStore();
    const { store } = place;
    const tar = await smallArtifact(store, "shop-web", "2.0.0");
    const zip = await smallArtifact(store, "shop-web", "2.0.0", { format: "zip" });
    const centos = await smallArtifact(store, "shop-web", "2.0.0", { platform: "centos-7" });
    const later = await smallArtifact(store, "shop-web", "2.0.1");
    await createStack(store, ref("1"));
    await addToStack(store, ref("1"), [zip]);
    expect((await addToStack(store, ref("1"), [tar, centos])).stack.members).toEqual([{ package: web, version: "2.0.0", artifacts: [centos, tar, zip] }]);
    const rebuilt = await smallArtifact(store, "shop-web", "2.0.0", { text: "again" });
    expect((await addToStack(store, ref("1"), [rebuilt])).stack.members).toEqual([{ package: web, version: "2.0.0", artifacts: [centos, rebuilt, zip] }]);
    expect((await addToStack(store, ref("1"), [later])).stack.members).toEqual([{ package: web, version: "2.0.1", artifacts: [later] }]);
    await expect(addToStack(store, ref("1"), [tar, later])).rejects.toMatchObject({ code: "usage", message: "a stack holds one version of `shop-web`, not 2.0.0 and 2.0.1" });
  });

  it("row G2: takes a package out", async () => {
    await using place = await temporaryStore();
    await built(place.store, ["shop-web", "2.0.0"], ["shop-config", "1.0.0"]);
    await createStack(place.store, ref("1"));
    await addVersionToStack(place.store, ref("1"), web, "2.0.0");
    await addVersionToStack(place.store, ref("1"), config, "1.0.0");
    expect((await removeFromStack(place.store, ref("1"), [config])).changes).toEqual([{ package: config, from: "1.0.0" }]);
    expect((await removeFromStack(place.store, ref("1"), [config])).changes).toEqual([]);
    expect(versions((await readStack(place.store, ref("1"))).stack)).toEqual({ "shop-web": "2.0.0" });
  });
});

describe("row G3: what does not exist is refused", () => {
  it("row G3: a version without an artifact, naming those that are here, newest first", async () => {
    await using place = await temporaryStore();
    await built(place.store, ["shop-config", "1.9.0"], ["shop-config", "1.10.0"], ["shop-config", "1.10.0rc1"]);
    await createStack(place.store, ref("124"));
    await expect(addVersionToStack(place.store, ref("124"), config, "9.9.9")).rejects.toMatchObject({
      code: "ref-unknown",
      message: "there is no artifact of `shop-config` 9.9.9",
      hint: "versions here: 1.10.0, 1.10.0rc1, 1.9.0; build it with `caisson build shop-config --rev REV`",
    });
    await expect(addVersionToStack(place.store, ref("124"), web, "1.0")).rejects.toMatchObject({ code: "ref-unknown", hint: "no version of it is here; build it with `caisson build shop-web --rev REV`" });
    expect((await readStack(place.store, ref("124"))).stack.members).toEqual([]);
  });

  it("row G3: finds a version however it is spelled", async () => {
    await using place = await temporaryStore();
    await built(place.store, ["shop-web", "1.0rc1"], ["shop-config", "1.0"]);
    await createStack(place.store, ref("1"));
    expect((await addVersionToStack(place.store, ref("1"), web, "1.0-RC.1")).changes).toEqual([{ package: web, to: "1.0rc1" }]);
    expect((await addVersionToStack(place.store, ref("1"), config, "1.0.0")).changes).toEqual([{ package: config, to: "1.0" }]);
  });

  it("row G3: an unknown stack, naming those that are here", async () => {
    await using place = await temporaryStore();
    await built(place.store, ["shop-web", "1.0"]);
    await createStack(place.store, ref("other@5"));
    await createStack(place.store, ref("123"));
    const unknown = { code: "ref-unknown", message: "there is no stack `shop@124`", hint: "stacks here: shop@123, other@5" };
    await expect(addVersionToStack(place.store, ref("124"), web, "1.0")).rejects.toMatchObject(unknown);
    await expect(addVersionToStack(place.store, ref("124"), web, "9")).rejects.toMatchObject(unknown);
    await expect(addToStack(place.store, ref("124"), [])).rejects.toMatchObject(unknown);
    await expect(removeFromStack(place.store, ref("124"), [web])).rejects.toMatchObject(unknown);
    await expect(readStack(place.store, ref("124"))).rejects.toMatchObject(unknown);
    await expect(freezeStack(place.store, ref("124"))).rejects.toMatchObject(unknown);
  });
});

describe("row G11: list, diff, freeze", () => {
  it("row G11: lists stacks by name, newest first in version order", async () => {
    await using place = await temporaryStore();
    await built(place.store, ["shop-web", "2.0.0"]);
    for (const name of ["9", "10", "10rc1", "next-9", "next-10", "10.0.1", "zoo@1", "bar@1"]) await createStack(place.store, ref(name));
    await addVersionToStack(place.store, ref("10"), web, "2.0.0");
    const digest = await freezeStack(place.store, ref("10"));
    const list = await listStacks(place.store);
    expect(list.map((stack) => `${stack.ref.name}@${stack.ref.label}`)).toEqual(["bar@1", "shop@10.0.1", "shop@10", "shop@10rc1", "shop@9", "shop@next-10", "shop@next-9", "zoo@1"]);
    expect(list[2]).toEqual({ ref: ref("10"), state: { state: "frozen", digest }, packages: 1 });
    expect(list[4]).toEqual({ ref: ref("9"), state: { state: "open", generation: 1 }, packages: 0 });
  });

  it("row G11: tells how two stacks differ: newer, added, gone, and the same version with other artifacts", async () => {
    await using place = await temporaryStore();
    const { store } = place;
    await createStack(store, ref("a"));
    await addToStack(store, ref("a"), [await smallArtifact(store, "same", "1"), await smallArtifact(store, "newer", "1.9"), await smallArtifact(store, "gone", "1"), await smallArtifact(store, "rebuilt", "1")]);
    await createStack(store, ref("b"), ref("a"));
    await removeFromStack(store, ref("b"), ["gone" as PackageName]);
    const { stack: b } = await addToStack(store, ref("b"), [await smallArtifact(store, "newer", "1.10"), await smallArtifact(store, "added", "1"), await smallArtifact(store, "rebuilt", "1", { text: "again" })]);
    const { stack: a } = await readStack(store, ref("a"));
    expect(diffStacks(a, b)).toEqual([{ package: "added", to: "1" }, { package: "gone", from: "1" }, { package: "newer", from: "1.9", to: "1.10" }, { package: "rebuilt", from: "1", to: "1" }]);
    expect(diffStacks(a, a)).toEqual([]);
  });

  it("row G11: a frozen stack refuses changes and keeps its identity", async () => {
    await using place = await temporaryStore();
    await built(place.store, ["shop-web", "2.0.0"], ["shop-web", "2.0.1"]);
    await createStack(place.store, ref("124"));
    await addVersionToStack(place.store, ref("124"), web, "2.0.0");
    const { stack } = await readStack(place.store, ref("124"));
    const digest = await freezeStack(place.store, ref("124"));
    expect(digest).toBe(stackDigest(stack));
    expect(await readStack(place.store, ref("124"))).toEqual({ stack, state: { state: "frozen", digest } });
    expect(await place.store.readJson(digest)).toEqual(stack);
    const refused = { code: "stack-frozen", message: "stack `shop@124` is frozen", hint: "caisson stack create NAME --from shop@124" };
    await expect(addVersionToStack(place.store, ref("124"), web, "2.0.1")).rejects.toMatchObject(refused);
    await expect(addVersionToStack(place.store, ref("124"), web, "9")).rejects.toMatchObject(refused);
    await expect(removeFromStack(place.store, ref("124"), [web])).rejects.toMatchObject(refused);
    expect(await freezeStack(place.store, ref("124"))).toBe(digest);
    expect((await createStack(place.store, ref("125"), ref("124"))).from).toBe(digest);
    expect((await addVersionToStack(place.store, ref("125"), web, "2.0.1")).changes).toHaveLength(1);
  });

  it("row G11: one who freezes while others add freezes what is there, and nothing is added after", async () => {
    await using place = await temporaryStore();
    const { store } = place;
    const artifacts = await Promise.all(Array.from({ length: 10 }, (_, at) => smallArtifact(store, `p${at}`, "1")));
    await createStack(store, ref("1"));
    const adds = artifacts.map((artifact) => addToStack(store, ref("1"), [artifact]).then(() => artifact.package, codeOf));
    const digest = await freezeStack(store, ref("1"));
    const outcomes = await Promise.all(adds);
    const { stack } = await readStack(store, ref("1"));
    expect(stackDigest(stack)).toBe(digest);
    expect(stack.members.map((member) => member.package)).toEqual(outcomes.filter((outcome) => outcome !== "stack-frozen").toSorted(compareBytewise));
  });
});

it("row G13: a name with shell-special characters is refused before anything is made", async () => {
  await using place = await temporaryStore();
  for (const name of ["x;rm -rf /", "$(id)", "a b", "../up", "", "-x", ".hidden", "a/b", "a\nb", "ü"]) {
    expect(() => ref(name)).toThrow(`\`${name}\` is not a legal stack name`);
  }
  expect(() => ref("x;y@1")).toThrow("not a legal package name");
  expect(await readdir(join(place.directory, "store/refs/stacks"))).toEqual([]);
});
