import { compareBytewise, fail, mediaTypes, printCanonicalJson, type Artifact, type Descriptor, type Digest, type Json, type PackageName, type Tree } from "../model/index.ts";
import { mapConcurrently } from "../system/index.ts";
import type { Store } from "./store.ts";

/** An artifact's name in the store: `<package>@<version>@<platform>@<format>`. */
export function artifactName({ package: name, version, platform, format }: Pick<Artifact, "package" | "version" | "platform" | "format">): string {
  return [name, version, platform, format].join("@");
}

/**
 * Name an artifact whose bytes are in the store. Other content under its name becomes the next generation.
 * `changed`: what the name said before had other bytes.
 * @throws CaissonError `blob-missing` · `name-invalid` · `ref-moved`
 */
export async function saveArtifact(store: Store, artifact: Artifact): Promise<{ readonly generation: number; readonly changed: boolean }> {
  await useArtifacts(store, [artifact]);
  const name = artifactName(artifact);
  for (let attempt = 0; attempt < PATIENCE; attempt++) {
    const before = await store.readRef("artifacts", name);
    const known = before?.value as Artifact | undefined;
    const changed = known !== undefined && known.content.digest !== artifact.content.digest;
    if (before !== undefined && printCanonicalJson(known) === printCanonicalJson(artifact)) return { generation: before.generation, changed };
    const expect = before?.generation ?? 0;
    if ((await store.writeRef("artifacts", name, artifact as unknown as Json, expect)) === "written") return { generation: expect + 1, changed };
  }
  return fail({ code: "ref-moved", message: `\`${name}\` was changed by others again and again`, hint: "run the same command again" });
}

const PATIENCE = 100;

/** Every artifact in the store, or those of one package, bytewise by name. */
export async function listArtifacts(store: Store, name?: PackageName): Promise<readonly Artifact[]> {
  return await readArtifacts(store, (artifact) => name === undefined || artifact.package === name);
}

/** The artifacts of one version of a package: one for each platform and format. */
export async function findArtifacts(store: Store, name: PackageName, version: string): Promise<readonly Artifact[]> {
  return await readArtifacts(store, (artifact) => artifact.package === name && artifact.version === version);
}

/** The versions of a package that there are artifacts of, bytewise. */
export async function listVersions(store: Store, name: PackageName): Promise<readonly string[]> {
  return [...new Set((await listArtifacts(store, name)).map(({ version }) => version))].toSorted(compareBytewise);
}

/**
 * Make sure that all the bytes of artifacts are here, and that no sweep takes them before a name refers to them.
 * @throws CaissonError `blob-missing`
 */
export async function useArtifacts(store: Store, artifacts: readonly Artifact[]): Promise<void> {
  const blobs = new Map<Digest, string>();
  for (const { content, parts, payload, provenance } of artifacts) {
    const { files = content } = content;
    for (const { digest, mediaType } of [files, ...parts, payload, provenance]) blobs.set(digest, mediaType);
    if (files.mediaType === mediaTypes.tree) for (const blob of await filesOf(store, files)) blobs.set(blob, mediaTypes.bytes);
  }
  await mapConcurrently([...blobs], 16, ([digest, mediaType]) => expectBlob(store, digest, mediaType));
}

async function filesOf(store: Store, { digest, mediaType }: Descriptor): Promise<readonly Digest[]> {
  await expectBlob(store, digest, mediaType);
  return (await store.readJson<Tree>(digest)).entries.flatMap((entry) => (entry.kind === "file" ? [entry.digest] : []));
}

async function expectBlob(store: Store, digest: Digest, mediaType: string): Promise<void> {
  if (!(await store.has(digest))) fail({ code: "blob-missing", message: `the store lacks \`${digest}\` (${mediaType})`, hint: "build it again" });
}

async function readArtifacts(store: Store, wanted: (artifact: ReturnType<typeof parseArtifactName>) => boolean): Promise<readonly Artifact[]> {
  const names: string[] = [];
  for await (const name of store.listRefs("artifacts")) if (wanted(parseArtifactName(name))) names.push(name);
  const refs = await mapConcurrently(names, 16, (name) => store.readRef("artifacts", name));
  return refs.flatMap((ref) => (ref === undefined ? [] : [ref.value as unknown as Artifact]));
}

function parseArtifactName(name: string): { readonly package: string; readonly version: string } {
  const [first = "", version = ""] = name.split("@");
  return { package: first, version };
}
