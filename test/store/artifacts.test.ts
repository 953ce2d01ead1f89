import { rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { digestHex, type PackageName } from "../../src/model/index.ts";
import { artifactName, findArtifacts, listArtifacts, listVersions, saveArtifact } from "../../src/store/index.ts";
import { smallArtifact, temporaryStore } from "../support/temporary-store.ts";

const web = "web" as PackageName;

it("names an artifact by package, version, platform and format", async () => {
  await using place = await temporaryStore();
  const artifact = await smallArtifact(place.store, "web", "1!2.0+local");
  expect(artifactName(artifact)).toBe("web@1!2.0+local@debian-12@tar.gz");
  await saveArtifact(place.store, artifact);
  expect(await listArtifacts(place.store)).toEqual([artifact]);
});

it("makes other content under a name the next generation, and says so", async () => {
  await using place = await temporaryStore();
  const first = await smallArtifact(place.store, "web", "1.0");
  const other = await smallArtifact(place.store, "web", "1.0", { text: "other" });
  expect(await saveArtifact(place.store, first)).toEqual({ generation: 1, changed: false });
  expect(await saveArtifact(place.store, first)).toEqual({ generation: 1, changed: false });
  expect(await saveArtifact(place.store, other)).toEqual({ generation: 2, changed: true });
  expect(await listArtifacts(place.store)).toEqual([other]);
  const laterRevision = { ...other, revision: { ...other.revision, id: "1".repeat(40) } };
  expect(await saveArtifact(place.store, laterRevision)).toEqual({ generation: 3, changed: false });
});

it("R3: names nothing whose bytes are not here", async () => {
  await using place = await temporaryStore();
  const artifact = await smallArtifact(place.store, "web", "1.0");
  for (const blob of [artifact.content, ...artifact.parts, artifact.payload, artifact.provenance]) {
    await rm(join(place.directory, "store/blobs/sha256", digestHex(blob.digest)));
    await expect(saveArtifact(place.store, artifact)).rejects.toMatchObject({ code: "blob-missing" });
    await smallArtifact(place.store, "web", "1.0");
  }
  expect(await listArtifacts(place.store)).toEqual([]);
});

it("finds the artifacts of a version, and of no version or package that merely begins like it", async () => {
  await using place = await temporaryStore();
  const wanted = [await smallArtifact(place.store, "web", "1.0"), await smallArtifact(place.store, "web", "1.0", { format: "zip" }), await smallArtifact(place.store, "web", "1.0", { platform: "centos-7" })];
  const others = [await smallArtifact(place.store, "web", "1.0.1"), await smallArtifact(place.store, "web-admin", "1.0")];
  for (const artifact of [...wanted, ...others]) await saveArtifact(place.store, artifact);
  const found = await findArtifacts(place.store, web, "1.0");
  expect(found.map(artifactName)).toEqual(wanted.map(artifactName).toSorted());
  expect(await findArtifacts(place.store, web, "1")).toEqual([]);
  expect(await listVersions(place.store, web)).toEqual(["1.0", "1.0.1"]);
  expect((await listArtifacts(place.store, web)).map(artifactName)).toEqual([...wanted, ...others.slice(0, 1)].map(artifactName).toSorted());
});

it("gives eight writers of one name a generation each", async () => {
  await using place = await temporaryStore();
  const artifacts = await Promise.all(Array.from({ length: 8 }, (_, at) => smallArtifact(place.store, "web", "1.0", { text: String(at) })));
  const saved = await Promise.all(artifacts.map((artifact) => saveArtifact(place.store, artifact)));
  expect(new Set(saved.map(({ generation }) => generation))).toEqual(new Set([1, 2, 3, 4, 5, 6, 7, 8]));
});
