import { mkdtemp, realpath } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mediaTypes, type Artifact, type Event, type FormatName, type PackageName } from "../../src/model/index.ts";
import { openStore, type Store } from "../../src/store/index.ts";
import { createContext, removeTree, type Context } from "../../src/system/index.ts";

/** A context of its own for one test: no environment, events collected. */
export function testContext(cwd: string, events: Event[] = []): Context {
  return createContext({ cwd, env: {}, report: (event) => events.push(event), signal: new AbortController().signal });
}

/** A store in a directory that goes away with the test. */
export interface TemporaryStore extends AsyncDisposable {
  readonly ctx: Context;
  readonly store: Store;
  readonly directory: string;
}

export async function temporaryStore(): Promise<TemporaryStore> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), "caisson-store-")));
  const ctx = testContext(directory);
  return { ctx, directory, store: await openStore(ctx, join(directory, "store")), [Symbol.asyncDispose]: () => removeTree(directory) };
}

/** An artifact whose blobs are in the store: small, and complete as far as the store can tell. */
export async function smallArtifact(store: Store, name: string, version: string, how: { readonly platform?: string; readonly format?: FormatName; readonly text?: string } = {}): Promise<Artifact> {
  const { platform = "debian-12", format = "tar.gz", text = "" } = how;
  const part = await store.write(`a file of ${name} ${version} ${text}`);
  const revision = { id: "0".repeat(40), time: 1_700_000_000, dirty: false };
  return {
    schema: "caisson.artifact/1",
    package: name as PackageName,
    version,
    platform,
    format,
    fileName: `${name}-${version}-${platform}.${format}`,
    content: await store.write(`bundle of ${name} ${version} for ${platform} as ${format} ${text}`, undefined, mediaTypes.tarGz),
    parts: [part],
    payload: await store.writeJson({ schema: "caisson.payload/1", package: name, version, blobs: [part] }, mediaTypes.payload),
    revision,
    provenance: await store.writeJson({ builder: "test", of: `${name} ${version}` }, mediaTypes.provenance),
  };
}
