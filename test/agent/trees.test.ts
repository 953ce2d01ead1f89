import { chmodSync, existsSync, lstatSync, readFileSync, readdirSync, readlinkSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { zipSync } from "fflate";
import { expect, it } from "vitest";
import { digestHex, mediaTypes, type Link, type TreeEntry } from "../../src/model/index.ts";
import { treeId } from "../../src/system/index.ts";
import type { Agent, Answer } from "../../src/transport/index.ts";
import { askAll, blob, file, install, json, makeHost, payload, stack, stream, tree, type Blob, type MadeTree } from "./host.ts";

async function send(agent: Agent, ...blobs: readonly Blob[]): Promise<void> {
  for (const answer of await askAll(agent, blobs.map(({ descriptor, bytes }) => [{ step: "receive", blob: descriptor }, bytes] as const))) expect(answer).toMatchObject({ done: true });
}

async function make(agent: Agent, made: MadeTree): Promise<Answer> {
  await send(agent, made.document);
  return await agent.ask({ step: "tree", id: made.id, document: made.document.descriptor });
}

it("law 1: computes the id that TypeScript computes, for names of every kind", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  const odd = tree(
    file("root/ space and 'quotes\" \\ back", "a"), file("root/\u007f\u2028\u0001\t", "b"), file("root/é/ü.txt", "c"),
    file("root/\u{e000}", "private"), file("root/\u{1f600}", "emoji"), { kind: "link", path: "root/z", target: "é/ü.txt" }, { kind: "directory", path: "site/empty" },
  );
  expect(await make(agent, odd)).toEqual({ done: true, changed: true });
  const place = join(host.root, "trees", digestHex(odd.id));
  expect(readFileSync(join(place, "root/z"), "utf8")).toBe("c");
  expect(readdirSync(join(place, "root")).length).toBe(6);
  expect(lstatSync(join(place, "site/empty")).isDirectory()).toBe(true);
});

it("works under LANG=C, whatever the names", async () => {
  await using host = makeHost();
  await using agent = await host.open({ LC_ALL: "C", LANG: "C" });
  const odd = tree(file("root/größe/\u{1f600}", "x"));
  expect(await make(agent, odd)).toEqual({ done: true, changed: true });
  expect(readFileSync(join(host.root, "trees", digestHex(odd.id), "root/größe/\u{1f600}"), "utf8")).toBe("x");
});

it("law 1: takes the same tree from other sources", async () => {
  const wheel = blob(zipSync({ "a/stored.txt": [Buffer.from("hello\n"), { level: 0 }], "a/packed.txt": [Buffer.alloc(3 << 20, "hello\n"), { level: 6 }] }), mediaTypes.wheel);
  const packed = blob(Buffer.alloc(3 << 20, "hello\n"));
  const small = blob("hello\n");
  const entries = (source: (path: string, of: Blob) => Extract<TreeEntry, { kind: "file" }>["source"]): readonly TreeEntry[] =>
    [["site/a/packed.txt", packed] as const, ["site/a/stored.txt", small] as const].map(([path, of]) => ({ kind: "file", path, mode: 0o644, digest: of.descriptor.digest, size: of.descriptor.size, source: source(path, of) }));
  const fromWheel = tree(...entries((path) => ({ from: "member", blob: wheel.descriptor.digest, member: path.slice(5) })));
  const fromBlobs = tree(...entries((_, of) => ({ from: "blob", blob: of.descriptor.digest })));
  expect(fromBlobs.id).toBe(fromWheel.id);
  for (const [made, blobs] of [[fromWheel, [wheel]], [fromBlobs, [packed, small]]] as const) {
    await using host = makeHost();
    await using agent = await host.open();
    await send(agent, ...blobs);
    expect(await make(agent, made)).toEqual({ done: true, changed: true });
    expect(readFileSync(join(host.root, "trees", digestHex(made.id), "site/a/packed.txt")).equals(packed.bytes)).toBe(true);
  }
});

it("makes a tree once", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  const made = tree(file("root/x", "x"));
  expect(await make(agent, made)).toEqual({ done: true, changed: true });
  expect(await make(agent, made)).toEqual({ done: true, changed: false });
});

it("wheels W28: what lies in a tree may be written by nobody, directories neither, whatever the umask", async () => {
  const before = process.umask(0o077);
  try {
    await using host = makeHost();
    await using agent = await host.open();
    const made = tree(file("bin/run", "#!/bin/sh\n", 0o755), file("site/demo/__init__.py", "x = 1\n"));
    expect(await make(agent, made)).toEqual({ done: true, changed: true });
    const place = join(host.root, "trees", digestHex(made.id));
    const modes = ["", ...readdirSync(place, { recursive: true, encoding: "utf8" })].map((path) => `${(lstatSync(join(place, path)).mode & 0o777).toString(8)} ${path.replace(/\.cpython-.*/, "")}`);
    expect(modes.toSorted()).toEqual(["444 site/demo/__init__.py", "444 site/demo/__pycache__/__init__", "555 ", "555 bin", "555 bin/run", "555 site", "555 site/demo", "555 site/demo/__pycache__"]);
  } finally {
    process.umask(before);
  }
});

it("refuses a tree whose bytes are others than it says, and keeps nothing of it", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  const entry = file("root/x", "right") as Extract<TreeEntry, { kind: "file" }>;
  const wrong = tree(file("root/a", "a"), { ...entry, source: { from: "inline", text: "wrong" } });
  expect(await make(agent, wrong)).toMatchObject({ done: false, code: "digest-mismatch", detail: "`root/x` is not what its tree's document says" });
  expect(readdirSync(join(host.root, "trees"))).toEqual([]);
});

it("refuses a document of another tree, and blobs it has not got", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  const made = tree(file("root/x", "x"));
  await send(agent, made.document);
  expect(await agent.ask({ step: "tree", id: blob("other").descriptor.digest, document: made.document.descriptor })).toMatchObject({ done: false, code: "digest-mismatch" });
  expect(await agent.ask({ step: "tree", id: tree(file("root/y", "y")).id, document: blob("never sent").descriptor })).toMatchObject({ done: false, code: "blob-missing" });
});

it.each(["../../../../outside", "root/../../../outside", "/outside", "root//x", "nowhere/x"])("never writes outside of a tree: `%s`", async (path) => {
  await using host = makeHost();
  await using agent = await host.open();
  expect(await make(agent, tree(file(path, "x")))).toMatchObject({ done: false, code: "bundle-invalid" });
  expect(readdirSync(host.directory)).toEqual(["srv"]);
});

it("never writes through a link, nor makes one that leaves the tree", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  expect(await make(agent, tree({ kind: "link", path: "root/away", target: "../../../.." }))).toMatchObject({ done: false, code: "bundle-invalid" });
  expect(await make(agent, tree({ kind: "link", path: "root/away", target: "/etc" }))).toMatchObject({ done: false, code: "bundle-invalid" });
  const through = [{ kind: "link", path: "root/a", target: "b" }, file("root/a/x", "x"), { kind: "directory", path: "root/b" }] as const;
  expect(await make(agent, tree(...through))).toMatchObject({ done: false });
  expect(readdirSync(join(host.root, "trees"))).toEqual([]);
});

it("refuses a blob that is not what was announced, and goes on", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  const good = blob("x".repeat(100_000));
  const bad = blob("y".repeat(100_000));
  const answers = await Promise.all([
    agent.ask({ step: "receive", blob: good.descriptor }, stream(bad.bytes)),
    agent.ask({ step: "receive", blob: good.descriptor }, stream(good.bytes)),
  ]);
  expect(answers).toMatchObject([{ done: false, code: "digest-mismatch" }, { done: true, changed: true }]);
});

it("takes many blobs and trees at once, in any number of pieces", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  const trees = Array.from({ length: 40 }, (_, at) => tree(file(`root/${at}`, "x".repeat(at * 1000)), file(`site/m${at}.py`, `x = ${at}\n`)));
  const answers = await askAll(agent, trees.flatMap(({ id, document }) => [[{ step: "receive", blob: document.descriptor }, document.bytes] as const, [{ step: "tree", id, document: document.descriptor }] as const]));
  expect(answers.every((answer) => answer.done && answer.changed)).toBe(true);
  expect((await agent.observe({ trees: true })).trees?.toSorted()).toEqual(trees.map(({ id }) => id).toSorted());
});

it("compiles bytecode that names no place, and leaves what does not compile", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  const made = tree(file("site/bad.py", "print 1\n"), file("site/good.py", "x = {1, 2, 3}\n"), file("site/p/__init__.py", ""));
  expect(await make(agent, made)).toMatchObject({ changed: true });
  const site = join(host.root, "trees", digestHex(made.id), "site");
  const [name = ""] = readdirSync(join(site, "__pycache__"));
  expect(readdirSync(join(site, "__pycache__")).length).toBe(1);
  expect(name).toMatch(/^good\.cpython-3\d+\.pyc$/);
  const bytes = readFileSync(join(site, "__pycache__", name));
  expect(bytes.includes("site/good.py")).toBe(true);
  expect(bytes.includes(host.directory)).toBe(false);
  expect(existsSync(join(site, "p/__pycache__"))).toBe(true);
});

it("finds what has rotten, what is gone, what is strange, and what has another mode", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  const made = tree(file("root/a", "a"), file("root/b", "b"), { kind: "link", path: "root/c", target: "a" });
  await install(agent, stack("1", { trees: [made], payload: payload("config", [made], [{ how: "symlink", path: "a", tree: made.id, to: "root/a" }]) }));
  expect(await agent.verify()).toEqual({ files: 3, problems: [] });
  const root = join(host.root, "trees", digestHex(made.id), "root");
  for (const path of [root, join(root, "a")]) chmodSync(path, 0o755);
  writeFileSync(join(root, "a"), "A");
  writeFileSync(join(root, "new"), "");
  unlinkSync(join(root, "b"));
  const prefix = `trees/${digestHex(made.id)}/root`;
  expect((await agent.verify()).problems).toEqual([{ path: prefix, problem: "mode", detail: "0755 instead of 0555" }, { path: `${prefix}/a`, problem: "bad" }, { path: `${prefix}/b`, problem: "missing" }, { path: `${prefix}/new`, problem: "strange" }]);
  expect(readlinkSync(join(root, "c"))).toBe("a");
});

it("reads again what a release has of its own, and leaves alone what programs have put beside it", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  const made = tree(file("site/own/__init__.py", "x = 1\n"), file("site/own/data.txt", "data"), file("site/one.py", "y = 2\n"), file("bin/run", "#!/bin/sh\n", 0o755), file("root/a", "a"));
  const links: readonly Link[] = [
    { how: "symlink", path: "a", tree: made.id, to: "root/a" },
    { how: "directory", path: "bin" }, { how: "hardlink", path: "bin/run", tree: made.id, to: "bin/run" },
    { how: "directory", path: "lib" }, { how: "copy", path: "lib/one.py", tree: made.id, to: "site/one.py" }, { how: "copy", path: "lib/own", tree: made.id, to: "site/own" },
  ];
  await install(agent, stack("1", { trees: [made], payload: payload("config", [made], links) }));
  const part = join(host.root, "versions/1/config");
  const compiled = join(part, "lib/own/__pycache__", readdirSync(join(part, "lib/own/__pycache__"))[0] ?? "");
  writeFileSync(join(part, "lib/own/database"), "rows");
  // Five of the tree; three that are copied, and the bytecode of one of them. A second name is the file itself.
  expect(await agent.verify()).toEqual({ files: 5 + 3 + 1, problems: [] });
  for (const path of [join(part, "lib/own/data.txt"), join(part, "lib/one.py"), compiled]) {
    chmodSync(path, 0o644);
    writeFileSync(path, "other");
  }
  unlinkSync(join(part, "lib/own/__init__.py"));
  unlinkSync(join(part, "bin/run"));
  writeFileSync(join(part, "bin/run"), "#!/bin/sh\necho else\n");
  unlinkSync(join(part, "a"));
  symlinkSync("bin/run", join(part, "a"));
  const bad = ["a", "bin/run", "lib/one.py", compiled.slice(part.length + 1), "lib/own/data.txt"].map((path) => ({ path: `versions/1/config/${path}`, problem: "bad" }));
  expect((await agent.verify()).problems).toEqual([...bad.slice(0, 3), { path: "versions/1/config/lib/own/__init__.py", problem: "missing" }, ...bad.slice(3)]);
});

it("agrees with TypeScript that only content is what a tree is", () => {
  const entry = file("root/x", "x") as Extract<TreeEntry, { kind: "file" }>;
  expect(treeId([{ ...entry, source: { from: "blob", blob: entry.digest } }])).toBe(treeId([entry]));
  expect(json({ b: 1, a: 2 }, mediaTypes.tree).bytes.toString()).toBe('{"a":2,"b":1}');
});
