import { chmodSync, chownSync, existsSync, lchownSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { cp } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { prepareDeploy } from "../../src/deploy/deploy.ts";
import { verifyHosts } from "../../src/deploy/observe/verify.ts";
import { prepareRepair, type HostRepair } from "../../src/deploy/repair.ts";
import { addToStack, createStack, freezeStack } from "../../src/stack/index.ts";
import { wantedStack } from "../../src/deploy/wanted.ts";
import { digestHex, mediaTypes, type Label, type PackageName, type Payload, type Target } from "../../src/model/index.ts";
import { openStore } from "../../src/store/index.ts";
import { removeTree, sha256 } from "../../src/system/index.ts";
import { makeArtifact, openWorkbench, type Workbench } from "../support/hand-made.ts";
import { untilUnlocked } from "../support/interrupt-every-step.ts";
import { makeCallKiller, type CallKiller } from "../support/kill-at-call.ts";
import { fastest, spread } from "../support/sweep-calls.ts";

let bench: Workbench;
let killer: CallKiller;
/** A root with the release 1.0, whole. */
let template = "";
let copies = 0;

/** A package whose `etc/` is a copy that programs may write into, and whose other files are the trees' own. */
beforeAll(async () => {
  bench = await openWorkbench({}, fastest);
  killer = makeCallKiller(bench.directory);
  const made = await makeArtifact(bench.store, { version: "1.0", files: { "bin/hello": "#!/bin/sh\necho hello\n", "etc/settings": "the settings\n", "share/words": "words\n" }, processes: [{ name: "web", argv: ["hello"], environment: {}, requires: [] }] });
  const payload = await bench.store.readJson<Payload>(made.payload.digest);
  const links = payload.links.map((link) => (link.path === "etc/settings" && "tree" in link ? { ...link, how: "copy" as const } : link.path === "share/words" && "tree" in link ? { ...link, how: "symlink" as const } : link));
  const document = await bench.store.writeJson({ ...payload, links }, mediaTypes.payload);
  const ref = { name: "hello" as PackageName, label: "1.0" as Label };
  await createStack(bench.store, ref);
  await addToStack(bench.store, ref, [{ ...made, payload: document, content: document }]);
  await freezeStack(bench.store, ref);
  template = join(bench.directory, "template");
  await using change = await prepareDeploy(bench.ctx, bench.store, await wantedStack(bench.store, ref), target(template));
  await change.apply();
});
afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

function target(...roots: readonly string[]): Target {
  return { name: "hosts", roles: {}, service: { kind: "none" }, keep: 5, hosts: roots.map((root, at) => ({ name: `h${at + 1}`, via: "local", address: "", root })), policy: { canary: 1, maxParallel: 2, maxFailed: 0, minHealthy: 0, healthyDeadline: 2 } };
}

async function copied(): Promise<string> {
  const root = join(bench.directory, `copy-${copies++}`);
  await cp(template, root, { recursive: true, verbatimSymlinks: true });
  return root;
}

/** The tree that holds a file of this name. */
function treeWith(root: string, path: string): string {
  const name = readdirSync(join(root, "trees")).find((each) => existsSync(join(root, "trees", each, path)));
  return join(root, "trees", name ?? "none");
}

function overwrite(file: string, text: string): void {
  if (existsSync(file)) chmodSync(file, 0o644);
  inOpen(dirname(file), () => writeFileSync(file, text));
}

/** A directory of a tree, while somebody changes what lies in it. */
function inOpen(directory: string, change: () => void): void {
  const { mode } = statSync(directory);
  chmodSync(directory, 0o755);
  change();
  chmodSync(directory, mode);
}

async function repair(env: Readonly<Record<string, string>>, ...roots: readonly string[]): Promise<readonly HostRepair[]> {
  await using change = await prepareRepair({ ...bench.ctx, env: { ...bench.ctx.env, ...env } }, bench.store, target(...roots));
  return await change.mend();
}

async function problemsOf(root: string): Promise<readonly string[]> {
  const [host] = await verifyHosts(bench.ctx, target(root));
  return host?.found?.problems.map(({ path, problem, detail }) => `${path.replace(/[0-9a-f]{64}/, "TREE")} ${problem}${detail === undefined ? "" : ` ${detail}`}`) ?? ["unknown"];
}

function filesBelow(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((path) => !lstatSync(join(directory, path)).isDirectory()).map((path) => path.replace(/[0-9a-f]{64}/, "TREE")).toSorted();
}

const damages: readonly (readonly [what: string, damage: (root: string) => void, seen: readonly string[], lost: readonly string[]])[] = [
  ["a changed byte, which a hard link shows in the release too", (root) => overwrite(join(treeWith(root, "bin/hello"), "bin/hello"), "#!/bin/sh\necho HELLO\n"), ["trees/TREE/bin/hello bad"], ["trees/TREE/bin/hello"]],
  ["a file that is gone", (root) => {
    const file = join(treeWith(root, "root/share/words"), "root/share/words");
    inOpen(dirname(file), () => rmSync(file));
  }, ["trees/TREE/root/share/words missing", "versions/1.0/hello/share/words missing"], []],
  ["a file more", (root) => overwrite(join(treeWith(root, "root/share/words"), "root/share/db"), "data"), ["trees/TREE/root/share/db strange"], ["trees/TREE/root/share/db"]],
  ["a changed copy, beside which a program's own file stays", (root) => {
    overwrite(join(root, "versions/1.0/hello/etc/settings"), "mine\n");
    overwrite(join(root, "versions/1.0/hello/etc/own"), "own\n");
  }, ["versions/1.0/hello/etc/settings bad"], ["versions/1.0/hello/etc/settings"]],
  ["a copy that is gone", (root) => rmSync(join(root, "versions/1.0/hello/etc"), { recursive: true }), ["versions/1.0/hello/etc missing", "versions/1.0/hello/etc/settings missing"], []],
  ["a program that lost its x, and directories that all may write to", (root) => {
    const hello = treeWith(root, "bin/hello");
    chmodSync(join(hello, "bin/hello"), 0o444);
    chmodSync(join(hello, "bin"), 0o777);
    chmodSync(hello, 0o777);
    chmodSync(join(root, "versions/1.0/hello/bin/hello"), 0o666);
  }, ["trees/TREE mode 0777 instead of 0555", "trees/TREE/bin mode 0777 instead of 0555", "trees/TREE/bin/hello mode 0444 instead of 0555", "versions/1.0/hello/bin/hello mode 0666 instead of 0555"], []],
  ["a release's files and directories with other modes", (root) => {
    chmodSync(join(root, "versions/1.0/hello/etc/settings"), 0o600);
    for (const folder of ["", "/bin", "/hello", "/hello/etc"]) chmodSync(join(root, `versions/1.0${folder}`), 0o775);
  }, [...["", "/bin", "/hello", "/hello/etc"].map((folder) => `versions/1.0${folder} mode 0775 instead of 0755`), "versions/1.0/hello/etc/settings mode 0600 instead of 0644"], []],
  ["a tree's document", (root) => overwrite(`${treeWith(root, "bin/hello")}.json`, "{}"), ["trees/TREE.json bad"], []],
  ["a payload's document", (root) => overwrite(join(root, "versions/1.0/hello.json"), "{}"), ["versions/1.0/hello.json bad"], ["versions/1.0/hello.json"]],
];

for (const [what, damage, seen, lost] of damages) {
  it(`makes as new: ${what}`, async () => {
    const root = await copied();
    damage(root);
    expect(await problemsOf(root)).toEqual(seen);
    const [host] = await repair({}, root);
    expect(host).toMatchObject({ outcome: "done", now: "1.0", found: { problems: [] }, lacking: [] });
    expect(filesBelow(join(root, "versions/current/"))).toEqual([...filesBelow(join(template, "versions/current/")), ...(what.includes("own") ? ["hello/etc/own"] : [])].toSorted());
    expect(existsSync(join(root, "lost")) ? filesBelow(join(root, "lost")) : []).toEqual(lost.map((path) => `2/${path}`));
    // A release's file is the tree's own again.
    expect(statSync(join(root, "versions/1.0/hello/bin/hello")).ino).toBe(statSync(join(treeWith(root, "bin/hello"), "bin/hello")).ino);
    expect(readFileSync(join(root, "journal.jsonl"), "utf8")).toMatch(/"event": "repaired"/);
    expect(await repair({}, root)).toMatchObject([{ outcome: "unchanged" }]);
    expect(readFileSync(join(root, ".generation"), "utf8").trim()).toMatch(/^0+2$/);
  });
}

it.skipIf(process.getuid?.() !== 0)("makes as new: what is somebody else's, and sends no byte of it (needs root)", async () => {
  const root = await copied();
  const hello = treeWith(root, "bin/hello");
  chownSync(join(hello, "bin/hello"), 65534, 65534);
  for (const path of ["versions/1.0/hello/etc/settings", "versions/1.0/hello/etc"]) chownSync(join(root, path), 65534, 65534);
  lchownSync(join(root, "versions/1.0/hello/share/words"), 65534, 65534);
  const owner = "owner `nobody` instead of `root`";
  expect(await problemsOf(root)).toEqual([`trees/TREE/bin/hello ${owner}`, ...["etc", "etc/settings", "share/words"].map((path) => `versions/1.0/hello/${path} ${owner}`)]);
  await using change = await prepareRepair(bench.ctx, bench.store, target(root));
  expect(change.plan.hosts[0]?.steps.flatMap((step) => (step.step === "receive" ? [step.blob.mediaType] : []))).toEqual([mediaTypes.tree, mediaTypes.payload]);
  expect(await change.mend()).toMatchObject([{ outcome: "done", found: { problems: [] } }]);
  expect([join(hello, "bin/hello"), join(root, "versions/1.0/hello/etc")].map((path) => statSync(path).uid)).toEqual([0, 0]);
});

it("makes a tree that is gone, and names the processes whose files those are", async () => {
  const root = await copied();
  await removeTree(treeWith(root, "bin/hello"));
  rmSync(join(root, "versions/1.0/hello/bin/hello"));
  const [host] = await repair({}, root);
  expect(host).toMatchObject({ outcome: "done", found: { problems: [] }, restart: ["web"] });
});

it("changes nothing on the host of two that is whole, and says so of each", async () => {
  const [whole, damaged] = [await copied(), await copied()];
  overwrite(join(treeWith(damaged, "bin/hello"), "bin/hello"), "#!/bin/sh\n");
  const before = readFileSync(join(whole, "journal.jsonl"), "utf8");
  expect((await repair({}, whole, damaged)).map(({ host, outcome, restart }) => [host, outcome, restart])).toEqual([["h1", "unchanged", []], ["h2", "done", ["web"]]]);
  expect([readFileSync(join(whole, "journal.jsonl"), "utf8"), readFileSync(join(whole, ".generation"), "utf8").trim()]).toEqual([before, "00000000000000000001"]);
});

it("sends only the files that are wrong, and the rest is taken from the tree", async () => {
  const root = await copied();
  overwrite(join(treeWith(root, "bin/hello"), "bin/hello"), "#!/bin/sh\n");
  await using change = await prepareRepair(bench.ctx, bench.store, target(root));
  const id = `sha256:${treeWith(root, "bin/hello").split("/").at(-1)}`;
  expect(change.plan.hosts[0]?.steps.map(({ step }) => step)).toEqual(["receive", "receive", "tree", "receive", "stage"]);
  expect(change.plan.hosts[0]?.steps[2]).toMatchObject({ id, like: [id], again: true });
});

it("says what the store lacks, and mends the rest", async () => {
  const root = await copied();
  const store = await openStore(bench.ctx, join(bench.directory, "store-of-another"));
  await cp(bench.store.directory, store.directory, { recursive: true });
  const [words, hello] = [join(treeWith(root, "root/share/words"), "root/share/words"), join(treeWith(root, "bin/hello"), "bin/hello")];
  const tree = await store.readJson<{ readonly entries: readonly { readonly digest: string }[] }>(`sha256:${await documentOf(store, words)}`);
  const blob = tree.entries[0]?.digest ?? "";
  await removeBlob(store.directory, blob);
  overwrite(words, "WORDS\n");
  overwrite(hello, "#!/bin/sh\n");
  await using change = await prepareRepair(bench.ctx, store, target(root));
  const [host] = await change.mend();
  expect(host).toMatchObject({ outcome: "partly-done", lacking: [{ code: "blob-missing", message: `h1: the store lacks \`${blob}\`, which \`hello\` 1.0 is made of`, hint: "caisson build hello" }] });
  expect(host?.found?.problems).toHaveLength(1);
  const empty = await openStore(bench.ctx, join(bench.directory, "empty store"));
  await using nothing = await prepareRepair(bench.ctx, empty, target(root));
  expect(await nothing.mend()).toMatchObject([{ outcome: "not-done", lacking: [{ code: "blob-missing", message: "h1: this store does not know `hello` 1.0 of `hello@1.0`" }] }]);
});

async function documentOf(store: Workbench["store"], file: string): Promise<string> {
  const wanted = readFileSync(`${file.slice(0, file.indexOf("/", file.indexOf("/trees/") + 7))}.json`);
  expect(await store.has(sha256(wanted))).toBe(true);
  return digestHex(sha256(wanted));
}

async function removeBlob(directory: string, digest: string): Promise<void> {
  const hex = digest.slice("sha256:".length);
  const path = readdirSync(directory, { recursive: true, encoding: "utf8" }).find((each) => each.endsWith(hex) || each.replace("/", "").endsWith(hex) || each.endsWith(hex.slice(2)));
  rmSync(join(directory, path ?? "none"));
}

function damageAll(root: string): void {
  overwrite(join(treeWith(root, "bin/hello"), "bin/hello"), "#!/bin/sh\necho HELLO\n");
  overwrite(join(treeWith(root, "root/share/words"), "root/share/db"), "data");
  overwrite(join(root, "versions/1.0/hello/etc/settings"), "mine\n");
}

it("faults 1 to 13: leaves the old tree or the new one at whichever call the agent is killed, never none, and the next run converges", { timeout: 900_000 }, async () => {
  const counted = killer.env(0, "nobody");
  const first = await copied();
  damageAll(first);
  expect(await repair(counted, first)).toMatchObject([{ outcome: "done" }]);
  const all = killer.counted(counted) ?? 0;
  expect(all).toBeGreaterThan(30);
  const faults: string[] = [];
  // The one call by which two trees change places, and those around it; without it there would be a moment without a tree.
  const exchanges = killer.names(counted).flatMap((name, at) => (name === "syscall" ? [at, at + 1, at + 2] : []));
  expect(exchanges).toHaveLength(6);
  for (const at of new Set([...spread(all, 9), ...exchanges])) {
    const root = await copied();
    damageAll(root);
    await repair(killer.env(at, "agent"), root);
    await untilUnlocked(bench, root);
    const [hello, words] = [readFileSync(join(root, "versions/current/hello/bin/hello"), "utf8"), readFileSync(join(root, "versions/current/hello/share/words"), "utf8")];
    if (!/^#!\/bin\/sh\necho (?:hello|HELLO)\n$/.test(hello) || words !== "words\n") faults.push(`call ${at}: ${hello} ${words}`);
    const [again] = await repair({ PATH: killer.path }, root);
    if (again?.now !== "1.0" || again.found?.problems.length !== 0) faults.push(`call ${at}: again ${again?.outcome} ${again?.problem?.message}`);
    const lost = filesBelow(join(root, "lost")).map((path) => path.replace(/^\d+\//, ""));
    for (const wanted of ["trees/TREE/root/share/db", "versions/1.0/hello/etc/settings"]) if (!lost.includes(wanted)) faults.push(`call ${at}: ${wanted} is lost`);
    faults.push(...readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) => /(?:^|\/)\.(?:new|trash|incoming)/.test(path)).map((path) => `call ${at}: ${path} is left`));
    await removeTree(root);
  }
  expect(faults).toEqual([]);
});

it("waits for nobody who is out of reach", async () => {
  const [root, wrong] = [await copied(), join(bench.directory, `copy-${copies++}`)];
  mkdirSync(join(wrong, "versions"), { recursive: true });
  writeFileSync(join(wrong, "versions/current"), "no link");
  overwrite(join(treeWith(root, "bin/hello"), "bin/hello"), "#!/bin/sh\n");
  expect((await repair({}, root, wrong)).map(({ outcome, problem }) => [outcome, problem?.code])).toEqual([["done", undefined], ["unknown", "host-unfit"]]);
});
