import { chmod, readdir, rename, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { digestHex, mediaTypes, parseLabel, type Artifact, type Descriptor, type Digest, type PackageName } from "../../src/model/index.ts";
import { collect, listStore, saveArtifact, verify, type Store } from "../../src/store/index.ts";
import { addToStack, createStack, freezeStack, removeFromStack } from "../../src/stack/index.ts";
import { sha256 } from "../../src/system/index.ts";
import { smallArtifact, temporaryStore, type TemporaryStore } from "../support/temporary-store.ts";

const DAY = 86_400;
const shop = { name: "shop" as PackageName, label: parseLabel("1") };

function blobsOf(artifact: Artifact): readonly Descriptor[] {
  return [artifact.content, ...artifact.parts, artifact.payload, artifact.provenance];
}

function pathOf(store: Store, blob: Digest): string {
  return join(store.directory, "blobs/sha256", digestHex(blob));
}

/** As if all that is in the store had been written so many days ago. */
async function age(store: Store, days: number): Promise<void> {
  const then = Date.now() / 1000 - days * DAY;
  for (const name of await readdir(join(store.directory, "blobs/sha256"))) await utimes(join(store.directory, "blobs/sha256", name), then, then);
  for (const kind of ["actions", "distributions", "locks"]) {
    for (const name of await readdir(join(store.directory, "refs", kind))) await utimes(join(store.directory, "refs", kind, name), then, then);
  }
}

async function here(store: Store): Promise<ReadonlySet<string>> {
  return new Set(await readdir(join(store.directory, "blobs/sha256")));
}

async function sweep({ ctx, store }: TemporaryStore, grace = DAY): ReturnType<typeof collect> {
  return await collect(ctx, store, { grace, dryRun: false });
}

describe("listStore", () => {
  it("names wheels, and lets caches grow old all the same", async () => {
    await using place = await temporaryStore();
    const { ctx, store } = place;
    const wheel = await store.write("a wheel");
    await store.writeRef("distributions", `${digestHex(wheel.digest)}@1`, { fileName: "x-1.0-py3-none-any.whl" }, 0);
    await store.writeRef("interpreters", "python-3.11", { name: "python-3.11" }, 0);
    await store.writeRef("distributions", `${"0".repeat(64)}@1`, { fileName: "gone-1.0-py3-none-any.whl" }, 0);
    await age(store, 40);
    expect(await listStore(store)).toMatchObject({ artifacts: [], interpreters: [{ name: "python-3.11" }], wheels: [{ fileName: "x-1.0-py3-none-any.whl", digest: wheel.digest, size: 7 }], blobs: 1, size: 7 });
    expect(await collect(ctx, store, { grace: DAY, dryRun: true })).toMatchObject({ forgotten: 2 });
    expect(await collect(ctx, store, { grace: DAY, dryRun: true, cacheAge: 50 * DAY })).toMatchObject({ forgotten: 0 });
  });
});

describe("collect", () => {
  it("removes what no name leads to, and keeps the rest", async () => {
    await using place = await temporaryStore();
    const { ctx, store } = place;
    const kept = await smallArtifact(store, "web", "1.0");
    await saveArtifact(store, kept);
    const loose = await store.write("nobody names this");
    await age(store, 2);
    const wanted = { removed: [{ digest: loose.digest, size: loose.size }], kept: 4, forgotten: 0 };
    expect(await collect(ctx, store, { grace: DAY, dryRun: true })).toEqual(wanted);
    expect(await here(store)).toContain(digestHex(loose.digest));
    expect(await sweep(place)).toEqual(wanted);
    expect(await here(store)).toEqual(new Set(blobsOf(kept).map(({ digest }) => digestHex(digest))));
    expect(await verify(ctx, store, { repair: false })).toMatchObject({ blobs: 4, problems: [] });
  });

  it("follows documents to what they name: a stack to its artifacts' payloads to their trees to the trees' files", async () => {
    await using place = await temporaryStore();
    const { store } = place;
    const file = await store.write("a file");
    const wheel = await store.write("a wheel", undefined, mediaTypes.wheel);
    const tree = await store.writeJson({ schema: "caisson.tree/1", id: sha256("id"), entries: [{ kind: "file", path: "root/a", mode: 0o644, digest: file.digest, size: 6, source: { from: "blob", blob: file.digest } }, { kind: "file", path: "site/b", mode: 0o644, digest: sha256("in the wheel"), size: 1, source: { from: "member", blob: wheel.digest, member: "b" } }] }, mediaTypes.tree);
    const payload = await store.writeJson({ schema: "caisson.payload/1", trees: [{ id: sha256("id"), document: tree }] }, mediaTypes.payload);
    const artifact: Artifact = { ...(await smallArtifact(store, "web", "1.0")), parts: [], payload };
    await createStack(store, shop);
    await addToStack(store, shop, [artifact]);
    await freezeStack(store, shop);
    await age(store, 2);
    await sweep(place);
    for (const { digest } of [file, wheel, tree, ...blobsOf(artifact)]) expect(await here(store)).toContain(digestHex(digest));
    expect((await verify(place.ctx, store, { repair: false })).problems).toEqual([]);
    await rm(pathOf(store, wheel.digest));
    expect((await verify(place.ctx, store, { repair: false })).problems).toMatchObject([{ code: "blob-missing", message: expect.stringContaining(`\`stacks/shop@1\`, in its \`${tree.digest}\`, needs \`${wheel.digest}\``) }]);
  });

  it("removes what was replaced: an older artifact of the name, unless a stack holds it", async () => {
    await using place = await temporaryStore();
    const { store } = place;
    const [first, second, third] = [await smallArtifact(store, "web", "1.0", { text: "1" }), await smallArtifact(store, "web", "1.0", { text: "2" }), await smallArtifact(store, "web", "1.0", { text: "3" })];
    for (const artifact of [first, second, third]) await saveArtifact(store, artifact);
    await createStack(store, shop);
    await addToStack(store, shop, [second]);
    await age(store, 2);
    await sweep(place);
    expect(await here(store)).not.toContain(digestHex(first.content.digest));
    for (const artifact of [second, third]) expect(await here(store)).toContain(digestHex(artifact.content.digest));
    await removeFromStack(store, shop, ["web" as PackageName]);
    await age(store, 2);
    await sweep(place);
    expect(await here(store)).not.toContain(digestHex(second.content.digest));
    expect((await verify(place.ctx, store, { repair: false })).problems).toEqual([]);
  });

  it("keeps what was written or used within the grace, named or not", async () => {
    await using place = await temporaryStore();
    const { store } = place;
    const [written, asked, used, loose] = [await store.write("written anew"), await store.write("asked for"), await store.write("in an artifact"), await store.write("loose")];
    await age(store, 2);
    await store.write("written anew");
    expect(await store.has(asked.digest)).toBe(true);
    await saveArtifact(store, { ...(await smallArtifact(store, "web", "1.0")), parts: [used] });
    expect((await sweep(place)).removed).toEqual([{ digest: loose.digest, size: loose.size }]);
    for (const { digest } of [written, asked, used]) expect(await here(store)).toContain(digestHex(digest));
  });

  it("keeps what caches lead to while they are used, and forgets a cache's page after 30 days", async () => {
    await using place = await temporaryStore();
    const { store } = place;
    const [fresh, stale] = [await store.write("fresh"), await store.write("stale")];
    await store.writeRef("actions", "fresh", { output: { ...fresh } }, 0);
    await store.writeRef("actions", "stale", { output: { ...stale } }, 0);
    await age(store, 20);
    expect((await sweep(place)).removed).toEqual([]);
    await age(store, 31);
    await store.readRef("actions", "fresh");
    expect(await sweep(place)).toEqual({ removed: [{ digest: stale.digest, size: stale.size }], kept: 1, forgotten: 1 });
    expect(await store.readRef("actions", "stale")).toBeUndefined();
    expect(await store.readRef("actions", "fresh")).toBeDefined();
  });

  it("lets a cache name what is gone, and a torn page of a cache be", async () => {
    await using place = await temporaryStore();
    const { ctx, store } = place;
    await store.writeRef("distributions", "gone", { document: { digest: sha256("gone"), size: 4, mediaType: mediaTypes.distribution } }, 0);
    await writeFile(join(store.directory, "refs/locks/torn"), '{"digest":"sha');
    expect((await sweep(place)).removed).toEqual([]);
    expect((await verify(ctx, store, { repair: false })).problems).toEqual([]);
  });

  it("removes nothing when a name cannot be read", async () => {
    await using place = await temporaryStore();
    const { store } = place;
    const loose = await store.write("loose");
    await saveArtifact(store, await smallArtifact(store, "web", "1.0"));
    await age(store, 2);
    const page = join(store.directory, "refs/artifacts/web@1.0@debian-12@tar.gz/1");
    await chmod(page, 0o644);
    await writeFile(page, "{}");
    await expect(sweep(place)).rejects.toMatchObject({ code: "digest-mismatch", message: `\`${page}\` is damaged`, hint: expect.stringContaining("nothing was removed") });
    expect(await here(store)).toContain(digestHex(loose.digest));
  });

  it("removes nothing when a document cannot be read, missing or damaged", async () => {
    await using place = await temporaryStore();
    const { store } = place;
    const artifact = await smallArtifact(store, "web", "1.0");
    await saveArtifact(store, artifact);
    const loose = await store.write("loose");
    const path = pathOf(store, artifact.payload.digest);
    await rename(path, `${path}.aside`);
    await age(store, 2);
    await expect(sweep(place)).rejects.toMatchObject({ code: "blob-missing" });
    await writeFile(path, "{}");
    await age(store, 2);
    await expect(sweep(place)).rejects.toMatchObject({ code: "digest-mismatch" });
    expect(await here(store)).toContain(digestHex(loose.digest));
  });

  it("gives back what a sweep that was killed had in its hands", async () => {
    await using place = await temporaryStore();
    const { store } = place;
    const [read, asked, swept, loose] = [await store.write("read"), await store.write("asked"), await store.write("swept"), await store.write("loose")];
    await age(store, 2);
    await store.writeRef("plans", "p", { blob: swept.digest }, 0);
    for (const { digest } of [read, asked, swept, loose]) await rename(pathOf(store, digest), join(store.directory, "trash", digestHex(digest)));
    await using blob = await store.open(read.digest);
    expect(blob.size).toBe(4);
    expect(await store.has(asked.digest)).toBe(true);
    expect((await sweep(place)).removed.map(({ digest }) => digest).toSorted()).toEqual([loose.digest, read.digest].toSorted());
    expect(await here(store)).toEqual(new Set([asked, swept].map(({ digest }) => digestHex(digest))));
    expect(await readdir(join(store.directory, "trash"))).toEqual([]);
  });

  it("takes nothing that others reuse at the same moment", async () => {
    await using place = await temporaryStore();
    const { ctx, store } = place;
    for (let round = 0; round < 15; round++) {
      const blobs = await Promise.all(Array.from({ length: 20 }, (_, at) => store.write(`${round} ${at}`)));
      await age(store, 2);
      const sweeps = [collect(ctx, store, { grace: DAY, dryRun: false }), collect(ctx, store, { grace: DAY, dryRun: false })];
      // Each is asked for while the sweep runs; whoever hears "yes" may rely on it.
      const promised = await Promise.all(blobs.map(async ({ digest }, at) => ((await (at % 2 === 0 ? store.has(digest) : store.write(`${round} ${at}`).then(() => true))) ? [digest] : [])));
      await Promise.all(sweeps);
      for (const digest of promised.flat()) expect(await here(store)).toContain(digestHex(digest));
      expect(promised.flat().length).toBeGreaterThanOrEqual(10);
    }
    expect(await readdir(join(store.directory, "trash"))).toEqual([]);
  });
});

describe("verify", () => {
  it("names every damaged blob, every name that cannot be read, and everything that is missing", async () => {
    await using place = await temporaryStore();
    const { ctx, store } = place;
    const [web, config] = [await smallArtifact(store, "web", "1.0"), await smallArtifact(store, "config", "1.0")];
    for (const artifact of [web, config]) await saveArtifact(store, artifact);
    await createStack(store, shop);
    const [part] = web.parts as [Descriptor];
    await rm(pathOf(store, part.digest));
    await rm(pathOf(store, config.payload.digest));
    await chmod(pathOf(store, web.content.digest), 0o644);
    await writeFile(pathOf(store, web.content.digest), "rot");
    const page = join(store.directory, "refs/stacks/shop@1/1");
    await rm(page);
    await writeFile(page, "rot");
    const { problems, removed } = await verify(ctx, store, { repair: false });
    expect(removed).toEqual([]);
    expect(problems.map(({ code, message }) => `${code}: ${message}`).toSorted()).toEqual([
      `digest-mismatch: \`${pathOf(store, web.content.digest)}\` is damaged`,
      `digest-mismatch: \`${page}\` is damaged`,
      `blob-missing: \`artifacts/web@1.0@debian-12@tar.gz\` needs \`${part.digest}\` (application/octet-stream), which is missing`,
      `blob-missing: \`artifacts/web@1.0@debian-12@tar.gz\`, in its \`${web.payload.digest}\`, needs \`${part.digest}\` (application/octet-stream), which is missing`,
      `blob-missing: \`artifacts/config@1.0@debian-12@tar.gz\` needs \`${config.payload.digest}\` (${mediaTypes.payload}), which is missing`,
    ].toSorted());
  });

  it("takes damaged blobs away when asked, so that they are written anew", async () => {
    await using place = await temporaryStore();
    const { ctx, store } = place;
    const artifact = await smallArtifact(store, "web", "1.0");
    await saveArtifact(store, artifact);
    const path = pathOf(store, artifact.content.digest);
    await chmod(path, 0o644);
    await writeFile(path, "rot");
    const repaired = await verify(ctx, store, { repair: true });
    expect(repaired.removed).toEqual([artifact.content.digest]);
    expect(repaired.problems).toMatchObject([{ code: "blob-missing" }]);
    expect(await store.has(artifact.content.digest)).toBe(false);
    await smallArtifact(store, "web", "1.0");
    expect(await verify(ctx, store, { repair: true })).toMatchObject({ blobs: 4, removed: [], problems: [] });
  });
});
