// One of several processes that change a stack at once.
// node writer.mjs LIBRARY STORE STACK NAME COUNT [forever]
// Adds COUNT packages NAME-0, NAME-1, ... one by one, and prints each after it is in; with `forever` it takes them out and begins anew, with other content.
import { argv, env, stdout } from "node:process";
import { pathToFileURL } from "node:url";

const [library, directory, stack, name, count, forever] = argv.slice(2);
const load = (room) => import(pathToFileURL(`${library}/${room}/index.js`).href);
const [{ mediaTypes, parseStackRef }, { createContext }, { openStore, saveArtifact }, { addToStack, removeFromStack }] = await Promise.all(["model", "system", "store", "stack"].map(load));

const ctx = createContext({ cwd: directory, env, report: () => undefined, signal: new AbortController().signal });
const store = await openStore(ctx, directory);
const ref = parseStackRef(stack, "none");
const names = Array.from({ length: Number(count) }, (_, at) => `${name}-${at}`);
const rounds = forever === undefined ? 1 : Infinity;
for (let round = 0; round < rounds; round++) {
  for (const each of names) {
    const part = await store.write(`part of ${each}`.repeat(2000));
    const json = (value, type) => store.writeJson(value, type);
    const artifact = {
      schema: "caisson.artifact/1", package: each, version: "1.0", platform: "debian-12", format: "tar.gz", fileName: `${each}.tar.gz`,
      content: await store.write(`bundle of ${each}, ${round}`, undefined, mediaTypes.tarGz),
      parts: [part],
      payload: await json({ package: each, blobs: [part] }, mediaTypes.payload),
      revision: { id: "0".repeat(40), time: 1, dirty: false },
      provenance: await json({ by: each }, mediaTypes.provenance),
    };
    await saveArtifact(store, artifact);
    await addToStack(store, ref, [artifact]);
    stdout.write(`${each}\n`);
  }
  if (forever !== undefined) await removeFromStack(store, ref, names);
}
