import { expect, it } from "vitest";
import type { Bytes } from "../../src/model/index.ts";
import { createContext, filterThrough, type Context } from "../../src/system/index.ts";
import { gather } from "../support/memory-blobs.ts";

function context(signal: AbortSignal = new AbortController().signal): Context {
  return createContext({ cwd: "/", env: process.env, report: () => undefined, signal });
}

async function* zeros(count: number): Bytes {
  for (let at = 0; at < count; at++) yield new Uint8Array(1 << 16);
}

async function* broken(): Bytes {
  yield* zeros(1);
  throw new Error("the source broke");
}

it("gives what a program makes of a stream, however long", async () => {
  expect((await gather(filterThrough(context(), ["tr", "\\000", "x"], zeros(2)))).toString()).toBe("x".repeat(2 << 16));
  let length = 0;
  for await (const chunk of filterThrough(context(), ["cat"], zeros(1000))) length += chunk.length;
  expect(length).toBe(1000 << 16);
});

it("ends with an error where the program does, with its own words as the cause", async () => {
  await expect(gather(filterThrough(context(), ["sh", "-c", "cat; echo broken >&2; exit 3"], zeros(1)))).rejects.toMatchObject({ code: "process-failed", message: "`sh` ended with 3", cause: "broken" });
});

it("says which program is missing", async () => {
  await expect(gather(filterThrough(context(), ["no-such-program"], zeros(1)))).rejects.toMatchObject({ code: "tool-missing", message: "cannot run `no-such-program`" });
});

it("hands on what went wrong with the bytes it was given", async () => {
  for (const program of ["cat", "cat; exit 3"]) await expect(gather(filterThrough(context(), ["sh", "-c", program], broken()))).rejects.toThrow("the source broke");
});

it("stops with its reader, and with its context", async () => {
  let given = 0;
  const counted = async function* (): Bytes {
    for await (const chunk of zeros(100_000)) {
      given++;
      yield chunk;
    }
  };
  for await (const chunk of filterThrough(context(), ["cat"], counted())) if (chunk.length > 0) break;
  expect(given).toBeLessThan(1000);
  const controller = new AbortController();
  const reading = gather(filterThrough(context(controller.signal), ["sleep", "60"], zeros(0)));
  controller.abort();
  await expect(reading).rejects.toMatchObject({ code: "cancelled" });
});
