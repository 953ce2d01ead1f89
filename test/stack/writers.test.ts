import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { compareBytewise, parseStackRef, type PackageName, type StackRef } from "../../src/model/index.ts";
import { collect, verify } from "../../src/store/index.ts";
import { createStack, freezeStack, readStack } from "../../src/stack/index.ts";
import { compileLibrary, type Compiled } from "../support/compiled.ts";
import { temporaryStore, type TemporaryStore } from "../support/temporary-store.ts";

let compiled: Compiled;
beforeAll(() => {
  compiled = compileLibrary();
});
afterAll(() => compiled[Symbol.dispose]());

const ref: StackRef = parseStackRef("shop@1", "shop" as PackageName);

interface Writer {
  readonly child: ChildProcess;
  /** Packages of which it said that they are in. */
  readonly said: () => readonly string[];
  readonly ended: Promise<{ readonly status: number | null; readonly errors: string }>;
}

function startWriter({ store }: TemporaryStore, name: string, count: number, ...more: readonly string[]): Writer {
  const child = spawn(process.execPath, [join(import.meta.dirname, "writer.mjs"), compiled.directory, store.directory, "shop@1", name, String(count), ...more], { stdio: ["ignore", "pipe", "pipe"] });
  let [output, errors] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  return { child, said: () => output.split("\n").slice(0, -1), ended: once(child, "close").then(([status]) => ({ status: status as number | null, errors })) };
}

async function members(place: TemporaryStore): Promise<readonly string[]> {
  return (await readStack(place.store, ref)).stack.members.map((member) => member.package);
}

it("row G11: eight processes make 50 changes each to one stack at once, and none is lost", async () => {
  await using place = await temporaryStore();
  await createStack(place.store, ref);
  const writers = Array.from({ length: 8 }, (_, at) => startWriter(place, `w${at}`, 50));
  const ends = await Promise.all(writers.map(({ ended }) => ended));
  expect(ends).toEqual(Array.from({ length: 8 }, () => ({ status: 0, errors: "" })));
  const wanted = Array.from({ length: 400 }, (_, at) => `w${Math.floor(at / 50)}-${at % 50}`).toSorted(compareBytewise);
  expect(await members(place)).toEqual(wanted);
  expect((await readStack(place.store, ref)).state).toEqual({ state: "open", generation: 401 });
  expect((await verify(place.ctx, place.store, { repair: false })).problems).toEqual([]);
}, 240_000);

it("row G11: a writer killed at any moment leaves the old stack or the new one, and what it said is in", async () => {
  await using place = await temporaryStore();
  await createStack(place.store, ref);
  for (let round = 0; round < 12; round++) {
    const writer = startWriter(place, `r${round}`, 200);
    await once(writer.child.stdout ?? writer.child, "data");
    await pause(Math.random() * 60);
    writer.child.kill("SIGKILL");
    expect(await writer.ended).toEqual({ status: null, errors: "" });
    expect(await members(place)).toEqual(expect.arrayContaining([...writer.said()]));
    expect((await verify(place.ctx, place.store, { repair: false })).problems).toEqual([]);
  }
}, 120_000);

it("row G11: sweeps in a store that is in use take nothing that is needed", async () => {
  await using place = await temporaryStore();
  await createStack(place.store, ref);
  const writers = ["a", "b"].map((name) => startWriter(place, name, 5, "forever"));
  const firstWords = writers.map(({ child }) => once(child.stdout ?? child, "data"));
  await Promise.all(firstWords);
  // It goes on until something was swept: the writers leave old documents and bundles behind all the time.
  let removed = 0;
  for (const end = Date.now() + 5000; Date.now() < end || removed === 0; await pause(50)) removed += (await collect(place.ctx, place.store, { grace: 6, dryRun: false })).removed.length;
  for (const { child } of writers) child.kill("SIGKILL");
  for (const { ended } of writers) expect((await ended).errors).toBe("");
  await freezeStack(place.store, ref);
  expect((await verify(place.ctx, place.store, { repair: false })).problems).toEqual([]);
}, 60_000);
