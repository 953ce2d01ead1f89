import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import { expect, it } from "vitest";
import { tellDifference } from "../../src/deploy/wire/delta.ts";
import { digestHex, type Digest, type Step, type TreeEntry } from "../../src/model/index.ts";
import type { Agent } from "../../src/transport/index.ts";
import { askAll, blob, file, makeHost, payload, stage, stack, tree, type Blob, type MadeTree, type TestHost } from "./host.ts";

const ONE = "def one():\n    return 1\n";

/** A file of a tree that comes from a wheel which nobody sends. */
function member(path: string, text: string): TreeEntry {
  const { digest, size } = blob(text).descriptor;
  return { kind: "file", path, mode: 0o644, digest, size, source: { from: "member", blob: blob("no such wheel").descriptor.digest, member: path } };
}

function place(host: TestHost, made: { readonly id: Digest }, path: string): string {
  return join(host.root, "trees", digestHex(made.id), path);
}

function receive(sent: Blob, packed?: { readonly bytes: Uint8Array; readonly base?: string }): readonly [Step, Uint8Array] {
  if (packed === undefined) return [{ step: "receive", blob: sent.descriptor }, sent.bytes];
  const base = packed.base === undefined ? {} : { base: { path: packed.base, source: { from: "inline", text: "" } as const } };
  return [{ step: "receive", blob: sent.descriptor, packed: { size: packed.bytes.length, ...base } }, packed.bytes];
}

function make(made: MadeTree, like: readonly MadeTree[] = []): readonly [Step] {
  return [{ step: "tree", id: made.id, document: made.document.descriptor, ...(like.length === 0 ? {} : { like: like.map(({ id }) => id) }) }];
}

const before = tree(file("site/m/__init__.py", ""), file("site/m/one.py", ONE), file("site/m/two.py", "two = 2\n"));

async function withFormer(agent: Agent): Promise<void> {
  expect(await askAll(agent, [receive(before.document), make(before)])).toMatchObject([{ done: true }, { done: true, changed: true }]);
}

it("takes what has not changed from a tree that is there, and the rest from what was sent", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  await withFormer(agent);
  const after = tree(member("site/m/__init__.py", ""), member("site/m/one.py", ONE), member("site/m/two.py", "two = 3\n"));
  expect(await askAll(agent, [receive(after.document), receive(blob("two = 3\n")), make(after, [before])])).toMatchObject([{ done: true }, { done: true }, { done: true, changed: true }]);
  expect(readFileSync(place(host, after, "site/m/two.py"), "utf8")).toBe("two = 3\n");
  expect(statSync(place(host, after, "site/m/one.py")).ino).toBe(statSync(place(host, before, "site/m/one.py")).ino);
  expect(await agent.verify()).toMatchObject({ problems: [] });
});

it("keeps the bytecode of what has not changed, and compiles the rest", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  await withFormer(agent);
  const after = tree(member("site/m/__init__.py", ""), member("site/m/one.py", ONE), member("site/m/two.py", "two = 3\n"));
  await askAll(agent, [receive(after.document), receive(blob("two = 3\n")), make(after, [before])]);
  const compiled = (made: MadeTree): Readonly<Record<string, number>> => Object.fromEntries(readdirSync(place(host, made, "site/m/__pycache__")).map((name) => [name.split(".")[0], statSync(place(host, made, `site/m/__pycache__/${name}`)).ino]));
  const [old, now] = [compiled(before), compiled(after)];
  expect(Object.keys(now).toSorted()).toEqual(["__init__", "one", "two"]);
  expect([now["one"] === old["one"], now["two"] === old["two"]]).toEqual([true, false]);
});

it("takes nothing from a damaged tree: refuses, marks it, and says so to whoever looks", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  await withFormer(agent);
  const after = tree(member("site/m/one.py", ONE));
  await chmod(place(host, before, "site/m/one.py"), 0o644);
  await writeFile(place(host, before, "site/m/one.py"), "def one():\n    return 2\n");
  expect((await askAll(agent, [receive(after.document), make(after, [before])])).at(-1)).toMatchObject({ done: false, code: "digest-mismatch", detail: expect.stringContaining("site/m/one.py` is damaged") as string });
  expect(existsSync(place(host, after, ""))).toBe(false);
  expect(await agent.observe({ trees: true })).toMatchObject({ trees: [before.id], damaged: [before.id] });
});

it("does not take bytecode that is not what was recorded of it", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  await withFormer(agent);
  const [name = ""] = readdirSync(place(host, before, "site/m/__pycache__")).filter((found) => found.startsWith("one."));
  const cached = place(host, before, `site/m/__pycache__/${name}`);
  await chmod(cached, 0o644);
  await writeFile(cached, "nonsense");
  await stage(agent, stack("1", { trees: [before], payload: payload("config", [before], [{ how: "symlink", path: "one.py", tree: before.id, to: "site/m/one.py" }]) }));
  expect((await agent.verify()).problems).toEqual([{ path: `trees/${digestHex(before.id)}/site/m/__pycache__/${name}`, problem: "bad" }]);
  const after = tree(file("site/m/one.py", ONE));
  await askAll(agent, [receive(after.document), make(after, [before])]);
  expect(readFileSync(place(host, after, `site/m/__pycache__/${name}`)).length).toBeGreaterThan(20);
});

it("takes blobs that were deflated, in any number of pieces", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  const large = blob("0123456789".repeat(400_000));
  const made = tree({ kind: "file", path: "root/large", mode: 0o644, digest: large.descriptor.digest, size: large.descriptor.size, source: { from: "blob", blob: large.descriptor.digest } });
  expect(await askAll(agent, [receive(large, { bytes: deflateRawSync(large.bytes) }), receive(made.document), make(made)])).toMatchObject([{ done: true }, { done: true }, { done: true }]);
  expect(statSync(place(host, made, "root/large")).size).toBe(4_000_000);
});

it("takes a document by its difference to one that is there", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  await withFormer(agent);
  const after = tree(file("site/m/__init__.py", ""), file("site/m/one.py", ONE), file("site/m/two.py", "two = 3\n"));
  const difference = deflateRawSync(tellDifference(before.document.bytes, after.document.bytes));
  expect(difference.length).toBeLessThan(after.document.bytes.length / 3);
  expect(await askAll(agent, [receive(after.document, { bytes: difference, base: `trees/${digestHex(before.id)}.json` }), make(after, [before])])).toMatchObject([{ done: true }, { done: true }]);
});

const digits = "0".repeat(64);
it.each<readonly [string, Uint8Array, string | undefined, string]>([
  ["more bytes than the blob has", deflateRawSync(Buffer.alloc(1 << 24)), undefined, "digest-mismatch"],
  ["other bytes", deflateRawSync(Buffer.from("others")), undefined, "digest-mismatch"],
  ["no deflated bytes", Buffer.from("\u0007nonsense"), undefined, "process-failed"],
  ["a difference to a file that is not there", deflateRawSync(Buffer.from("[0,1,0]\n")), `trees/${digits}.json`, "blob-missing"],
  ["a difference to a file of somebody else", deflateRawSync(Buffer.from("[0,1,0]\n")), "../../etc/passwd", "bundle-invalid"],
  ["a difference to a file that is none of ours", deflateRawSync(Buffer.from("[0,1,0]\n")), "journal.jsonl", "blob-missing"],
])("refuses %s, and goes on", async (_, bytes, base, code) => {
  await using host = makeHost();
  await using agent = await host.open();
  const wanted = blob("wanted");
  const [refused, taken] = await askAll(agent, [receive(wanted, { bytes, ...(base === undefined ? {} : { base }) }), receive(wanted)]);
  expect([refused, taken]).toMatchObject([{ done: false, code }, { done: true }]);
});

it("keeps the documents of a release's payloads, for the next ones to be told by", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  const wanted = stack("1");
  await stage(agent, wanted);
  const [, sent] = wanted.steps.at(-2) ?? [];
  expect(readFileSync(join(host.root, "versions/1/config.json")).equals(sent ?? Buffer.alloc(0))).toBe(true);
});
