import { mkdirSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findDefaultBundle, highestBundle } from "../../src/deploy/default-bundle.ts";
import { prepareDeploy } from "../../src/deploy/deploy.ts";
import { findWanted } from "../../src/deploy/find-wanted.ts";
import { freezeWanted, wantedBundle } from "../../src/deploy/wanted.ts";
import { bundleFiles, packBundle } from "../../src/formats/index.ts";
import { parseLabel, printStackRef, type Payload, type Target, type Workspace } from "../../src/model/index.ts";
import { createStack, listStacks } from "../../src/stack/index.ts";
import { makeArtifact, makeStack, openWorkbench, type Workbench } from "../support/hand-made.ts";

let bench: Workbench;
let elsewhere: Workbench;
beforeEach(async () => {
  [bench, elsewhere] = [await openWorkbench(), await openWorkbench()];
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
  await elsewhere[Symbol.asyncDispose]();
});

const target = (): Target => ({
  name: "local:app", roles: {}, service: { kind: "none" }, keep: 5,
  hosts: [{ name: "local", via: "local", address: "", root: join(bench.directory, "app") }],
  policy: { canary: 1, maxParallel: 1, maxFailed: 0, minHealthy: 0, healthyDeadline: 4 },
});

function workspace(...written: readonly string[]): Workspace {
  const packages = written.map((name) => ({ name, written: name, kind: "files", source: { path: "." }, needs: [], extras: [], prefix: "", link: "auto", processes: [], start: [], hooks: [] }) as unknown as Workspace["packages"][number]);
  return { directory: bench.directory, name: "shop" as Workspace["name"], platforms: [], interpreters: {}, packages, targets: [], index: { findLinks: [] } };
}

/** A bundle file that another machine has built. */
async function bundle(version: string, text: string, name = `hello-${version}-debian-12.tar.gz`): Promise<string> {
  const payload = await elsewhere.store.readJson<Payload>((await makeArtifact(elsewhere.store, { version, files: { "etc/hello": text } })).payload.digest);
  await writeFile(join(bench.directory, name), packBundle(elsewhere.ctx, payload, "tar.gz", elsewhere.store));
  return name;
}

describe("a bundle", () => {
  it("from elsewhere is deployed as a stack of one, named after it and frozen", async () => {
    const wanted = await findWanted(bench.ctx, bench.store, workspace("hello"), await bundle("1.0", "one"));
    expect(wanted).toMatchObject({ state: "unsaved", stack: { name: "hello", label: "1.0", members: [{ package: "hello", version: "1.0" }] } });
    await using change = await prepareDeploy(bench.ctx, bench.store, wanted, target());
    expect(await listStacks(bench.store)).toEqual([]);
    expect(await change.apply()).toMatchObject([{ outcome: "done", name: "hello", to: "1.0" }]);
    expect(await listStacks(bench.store)).toMatchObject([{ ref: { name: "hello", label: "1.0" }, state: { state: "frozen", digest: wanted.digest } }]);
    expect(bench.events).toContainEqual({ type: "notice", message: "deploy hello@1.0 (froze hello@1.0)" });
  });

  it("that was deployed before is the same stack, by whatever name its file goes", async () => {
    await freezeWanted(bench.store, await wantedBundle(bench.ctx, bench.store, await bundle("1.0", "one")));
    expect(await wantedBundle(bench.ctx, bench.store, await bundle("1.0", "one", "copy.tgz"))).toMatchObject({ state: "frozen" });
  });

  it("becomes one stack when several deploy it at the same time, or one ended before it was whole", async () => {
    const file = await bundle("1.0", "one");
    const wanted = await wantedBundle(bench.ctx, bench.store, file);
    await Promise.all([1, 2, 3, 4].map(async () => await freezeWanted(bench.store, await wantedBundle(bench.ctx, bench.store, file))));
    await createStack(bench.store, { ...wanted.stack, label: parseLabel("2.0") });
    const second = await wantedBundle(bench.ctx, bench.store, await bundle("2.0", "two"));
    await freezeWanted(bench.store, second);
    expect((await listStacks(bench.store)).map(({ ref, state, packages }) => [printStackRef(ref), state, packages])).toEqual([["hello@2.0", { state: "frozen", digest: second.digest }, 1], ["hello@1.0", { state: "frozen", digest: wanted.digest }, 1]]);
  });

  it("with other content under a version that was deployed is refused", async () => {
    await freezeWanted(bench.store, await wantedBundle(bench.ctx, bench.store, await bundle("1.0", "one")));
    const other = await bundle("1.0", "other");
    await expect(wantedBundle(bench.ctx, bench.store, other)).rejects.toMatchObject({ code: "stack-frozen", message: "`hello@1.0` was deployed or frozen with other content than `hello-1.0-debian-12.tar.gz`", hint: "raise the version, or `caisson up`" });
  });

  it("may be a directory", async () => {
    const payload = await elsewhere.store.readJson<Payload>((await makeArtifact(elsewhere.store, { version: "1.0", files: { "etc/hello": "one" } })).payload.digest);
    for await (const file of bundleFiles(payload, elsewhere.store)) {
      const path = join(bench.directory, "hello-1.0-debian-12", file.path);
      if (file.kind === "directory") mkdirSync(path, { recursive: true });
      else await writeFile(path, file.open(), { mode: file.mode });
    }
    const wanted = await findWanted(bench.ctx, bench.store, workspace("hello"), "hello-1.0-debian-12");
    await using change = await prepareDeploy(bench.ctx, bench.store, wanted, target());
    expect(await change.apply()).toMatchObject([{ outcome: "done", to: "1.0" }]);
  });

  it("that is not there, or is none, is said to be so", async () => {
    await expect(findWanted(bench.ctx, bench.store, workspace("hello"), "dist/nothing.tar.gz")).rejects.toMatchObject({ code: "usage", message: "there is no bundle `dist/nothing.tar.gz`" });
    writeFileSync(join(bench.directory, "strange.tar.gz"), "strange");
    await expect(findWanted(bench.ctx, bench.store, workspace("hello"), "strange.tar.gz")).rejects.toMatchObject({ code: "bundle-invalid" });
  });
});

describe("a word", () => {
  it("is a stack of the workspace, or one named whole; without a workspace the only one with that label", async () => {
    await makeStack(bench.store, { name: "shop", version: "7", files: { x: "x" } });
    await makeStack(bench.store, { name: "other", version: "8", files: { x: "x" } });
    expect((await findWanted(bench.ctx, bench.store, workspace("a", "b"), "7")).stack.name).toBe("shop");
    expect((await findWanted(bench.ctx, bench.store, workspace("a", "b"), "other@8")).stack.name).toBe("other");
    expect((await findWanted(bench.ctx, bench.store, undefined, "8")).stack.name).toBe("other");
    await expect(findWanted(bench.ctx, bench.store, workspace("a", "b"), "9")).rejects.toMatchObject({ code: "ref-unknown" });
    await expect(findWanted(bench.ctx, bench.store, workspace("a", "b"), "x;rm -rf")).rejects.toMatchObject({ code: "name-invalid" });
  });
});

describe("row P10: the default", () => {
  it.each<readonly [readonly string[], string | undefined]>([
    [["hello-1.9-debian-12.tar.gz", "hello-1.10-debian-12.tar.gz", "hello-1.10-debian-12.tar.gz.sha256"], "hello-1.10-debian-12.tar.gz"],
    [["hello-1.0rc1-debian-12.tar.gz", "hello-1.0-debian-12.tar.gz", "hello-1.0.dev3-debian-12.tar.gz"], "hello-1.0-debian-12.tar.gz"],
    [["hello-2.0-centos-7.tar.gz", "hello-1.0-debian-12.zip"], "hello-1.0-debian-12.zip"],
    [["hello-1.0-debian-12", "hello-1.0-debian-12.zip"], "hello-1.0-debian-12.zip"],
    [["hello-world-3.0-debian-12.tar.gz", "hello-1.0-debian-12.tar.gz"], "hello-1.0-debian-12.tar.gz"],
    [["other-1.0-debian-12.tar.gz", "hello.txt"], undefined],
  ])("of %j is %s", (names, best) => {
    expect(highestBundle(names, "hello", "debian-12")).toBe(best);
  });

  it("is looked for in `dist` of a workspace of one package", async () => {
    mkdirSync(join(bench.directory, "dist"));
    for (const version of ["1.9", "1.10", "1.2"]) writeFileSync(join(bench.directory, `dist/hello-${version}-debian-12.tar.gz`), "");
    expect(await findDefaultBundle(bench.ctx, bench.store, workspace("hello"), { ...target(), platform: "debian-12" })).toBe("dist/hello-1.10-debian-12.tar.gz");
  });

  it("is nothing where there are several packages, or no bundle: the stacks are listed", async () => {
    await makeStack(bench.store, { name: "shop", version: "7", files: { x: "x" } });
    await expect(findDefaultBundle(bench.ctx, bench.store, workspace("a", "b"), target())).rejects.toMatchObject({ code: "usage", message: "say which stack or bundle to deploy", hint: "stacks: shop@7" });
    await expect(findDefaultBundle(bench.ctx, bench.store, workspace("hello"), { ...target(), platform: "debian-12" })).rejects.toMatchObject({ code: "usage", message: "there is no bundle of `hello` for debian-12 in `dist`" });
  });
});
