import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { openReaders } from "../../src/build/payload/readers.ts";
import { mediaTypes, type Distribution } from "../../src/model/index.ts";
import { readWheel } from "../../src/python/index.ts";
import { makeWheel, type MadeWheel } from "../python/made-wheel.ts";
import { temporaryStore } from "../support/temporary-store.ts";

/** Enough that a thread reads it. */
const noise = Buffer.alloc(9 << 20);
for (let at = 0; at < noise.length; at += 32) createHash("sha256").update(String(at)).digest().copy(noise, at);

/** What this thread and a thread of its own make of a wheel. */
async function readTwice(change: MadeWheel): Promise<readonly PromiseSettledResult<Distribution>[]> {
  await using place = await temporaryStore();
  const { fileName, bytes } = makeWheel({ ...change, files: { "demo/noise.bin": noise, ...change.files } });
  const wheel = await place.store.write(bytes, undefined, mediaTypes.wheel);
  await using blob = await place.store.open(wheel.digest);
  await using readers = openReaders(new AbortController().signal);
  return await Promise.allSettled([readWheel(fileName, wheel, blob), readers.read(fileName, wheel, blob)]);
}

it("reads a wheel in a thread of its own as this one does", async () => {
  const [here, there] = await readTwice({ files: { "demo/sub/__init__.py": "import pkgutil\n" } });
  expect(there).toEqual(here);
  expect(there).toMatchObject({ status: "fulfilled", value: { name: "demo", version: "1.0" } });
});

it("refuses one there in the same words", async () => {
  const [here, there] = await readTwice({ record: (right) => right.replace(",25\n", ",24\n") });
  expect(there).toMatchObject({ status: "rejected", reason: { code: "wheel-invalid", message: expect.stringMatching(/^W8: /) as string, problems: [{ file: "demo-1.0-py3-none-any.whl" }] } });
  expect((there as PromiseRejectedResult).reason).toMatchObject({ problems: ((here as PromiseRejectedResult).reason as { readonly problems: unknown }).problems });
});

it("reads no more when it is told to stop", async () => {
  await using place = await temporaryStore();
  const { fileName, bytes } = makeWheel({ files: { "demo/noise.bin": noise } });
  const wheel = await place.store.write(bytes, undefined, mediaTypes.wheel);
  await using blob = await place.store.open(wheel.digest);
  const stop = new AbortController();
  await using readers = openReaders(stop.signal);
  stop.abort();
  await expect(readers.read(fileName, wheel, blob)).rejects.toMatchObject({ code: "cancelled" });
});
