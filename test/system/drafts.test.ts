import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { temporaryDirectory, writeDraft } from "../../src/system/index.ts";

async function* chunks(...texts: readonly string[]): AsyncIterable<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

/** Gives pieces of one buffer, each overwritten by the next. */
async function* reused(count: number, size: number): AsyncIterable<Uint8Array> {
  const buffer = Buffer.alloc(size);
  for (let at = 0; at < count; at++) yield buffer.fill(at);
}

async function* broken(): AsyncIterable<Uint8Array> {
  yield Buffer.from("x");
  throw new Error("broken");
}

it("a draft is nowhere to be seen by its name until it is placed, and then it is whole", async () => {
  await using scratch = await temporaryDirectory("a draft");
  const path = join(scratch.path, "file");
  const draft = await writeDraft(path, chunks("he", "", "llo", "x".repeat(70_000), "end"));
  expect(readdirSync(scratch.path)).toEqual([expect.stringMatching(/^\.tmp-/) as string]);
  await draft.sync();
  await draft.place();
  expect(readdirSync(scratch.path)).toEqual(["file"]);
  expect(readFileSync(path, "utf8")).toBe(`hello${"x".repeat(70_000)}end`);
});

it("a draft may be read from a buffer that is used again, in pieces small and large", async () => {
  await using scratch = await temporaryDirectory("a draft");
  for (const size of [100, 1 << 16]) {
    const draft = await writeDraft(join(scratch.path, String(size)), reused(150, size));
    await draft.place();
    const bytes = readFileSync(draft.path);
    expect(Array.from({ length: 150 }, (_, at) => bytes[at * size])).toEqual(Array.from({ length: 150 }, (_, at) => at));
  }
});

it("a draft that is discarded, that fails, or that has no place leaves nothing", async () => {
  await using scratch = await temporaryDirectory("a draft");
  const path = join(scratch.path, "file");
  await (await writeDraft(path, chunks("x"))).discard();
  await expect(writeDraft(path, broken())).rejects.toThrow("broken");
  await expect(writeDraft(join(path, "below"), chunks("x"))).rejects.toThrow("ENOENT");
  mkdirSync(path);
  await expect((await writeDraft(path, chunks("x"))).place()).rejects.toMatchObject({ code: "permission" });
  expect(readdirSync(scratch.path)).toEqual(["file"]);
});
