import { mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { activation, askAll, blob, file, install, makeHost, payload, platform, stack, stage, tree } from "./host.ts";

it("refuses a second run while the first holds the host, and says who that is", async () => {
  await using host = makeHost();
  await using first = await host.open();
  await using second = await host.open();
  await second.observe();
  await stage(first, stack("1"));
  expect(await second.ask({ step: "receive", blob: blob("").descriptor }, (async function* () {})())).toMatchObject({ done: false, code: "host-busy", detail: expect.stringMatching(/^`tester@here` has been changing this host since .* \(process \d+\)$/) as string });
  expect(await second.observe()).toMatchObject({ generation: 1, current: null });
});

it("refuses a run that looked at the host before somebody else changed it", async () => {
  await using host = makeHost();
  await using late = await host.open();
  await late.observe();
  {
    await using agent = await host.open();
    await install(agent, stack("1"));
  }
  const answers = await askAll(late, stack("2").steps);
  expect(answers.map((answer) => (answer.done ? "" : answer.code))).toEqual(answers.map(() => "host-changed"));
  expect(await late.observe()).toMatchObject({ current: "1", releases: [{ label: "1" }] });
});

it("refuses to switch from another release than the one that was seen", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  await install(agent, stack("1"));
  await stage(agent, stack("2"));
  expect(await agent.ask(activation("2" as never, null))).toMatchObject({ done: false, code: "host-changed" });
  expect(await agent.ask({ step: "confirm", release: "2" as never })).toMatchObject({ done: false, code: "host-changed" });
  expect(await agent.ask({ step: "undo", release: "1" as never })).toMatchObject({ done: false, code: "host-changed" });
  expect(await agent.ask(activation("3" as never, "1" as never))).toMatchObject({ done: false, code: "host-unfit" });
});

it("has nothing to do for what is there already", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  await install(agent, stack("1"));
  for (const answer of (await askAll(agent, stack("1").steps)).filter((_, at) => stack("1").steps[at]?.[0].step !== "receive")) expect(answer).toEqual({ done: true, changed: false });
  expect(await agent.ask(activation("1" as never, "1" as never))).toEqual({ done: true, changed: false });
  expect(await agent.ask({ step: "confirm", release: "1" as never })).toEqual({ done: true, changed: false });
});

it("refuses other content under a release's name, and another stack in its root", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  await install(agent, stack("1"));
  expect((await askAll(agent, stack("1", { text: "other" }).steps)).at(-1)).toMatchObject({ done: false, code: "host-changed" });
  expect((await askAll(agent, stack("9", { name: "other" }).steps)).at(-1)).toMatchObject({ done: false, code: "host-unfit", detail: "this root belongs to the stack `shop`; choose another root for `other`" });
});

const unfit: readonly (readonly [string, (root: string) => void, RegExp])[] = [
  ["a root that is a file", (root) => writeFileSync(root, "mine"), /is not a directory; move it away, or choose another root$/],
  ["a `current` that is a directory", (root) => mkdirSync(join(root, "versions/current"), { recursive: true }), /current` is not a link; move it away/],
  ["a `current` that dangles", (root) => makeCurrent(root, "7"), /leads to `7`, which is no release beside it; remove that link$/],
  ["a `current` that is absolute", (root) => makeCurrent(root, "/etc"), /leads to `\/etc`/],
  ["a `current` that leads elsewhere", (root) => makeCurrent(root, "../shared"), /leads to `..\/shared`/],
  ["a `current` that leads to itself", (root) => makeCurrent(root, "current"), /leads to `current`/],
];

function makeCurrent(root: string, target: string): void {
  mkdirSync(join(root, "versions"), { recursive: true });
  symlinkSync(target, join(root, "versions/current"));
}

it.each(unfit)("fault 25: refuses %s, and touches nothing", async (_, arrange, detail) => {
  await using host = makeHost();
  mkdirSync(dirname(host.root), { recursive: true });
  arrange(host.root);
  await using agent = await host.open();
  await expect(agent.observe()).rejects.toMatchObject({ code: "host-unfit", message: expect.stringMatching(detail) as string });
  await expect(agent.ask({ step: "prune", keep: 1 })).rejects.toMatchObject({ code: "host-unfit" });
});

it("refuses an interpreter that is not there, before anything is made", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  const made = tree(file("site/m.py", ""));
  const python = payload("web", [made], [], { kind: "python", platform: { ...platform, python: { implementation: "cpython", version: "3.5" } }, interpreter: { from: "host", version: "3.5" } });
  expect((await askAll(agent, stack("1", { trees: [made], payload: python }).steps)).at(-1)).toMatchObject({ done: false, code: "interpreter-unfit", detail: "`web` needs CPython 3.5, and there is no `python3.5` here" });
  expect(readdirSync(join(host.root, "versions"))).toEqual([]);
});

it("refuses a platform that cannot run here, before anything is made", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  const made = tree(file("site/m.py", ""));
  for (const over of [{ libc: { family: "glibc", version: "9.99" } }, { libc: { family: "musl", version: "1.2" } }, { arch: "sparc64" as "x86_64" }] as const) {
    const python = payload("web", [made], [], { kind: "python", platform: { ...platform, ...over }, interpreter: { from: "host", version: "3.11" } });
    expect((await askAll(agent, stack("1", { trees: [made], payload: python }).steps)).at(-1)).toMatchObject({ done: false, code: "host-unfit", detail: expect.stringContaining("`web` is for ") as string });
  }
  expect(readdirSync(join(host.root, "versions"))).toEqual([]);
});

it("refuses one program's name in two packages", async () => {
  await using host = makeHost();
  await using agent = await host.open();
  const made = tree(file("root/run", "", 0o755));
  const links = [{ how: "directory", path: "bin" }, { how: "hardlink", path: "bin/run", tree: made.id, to: "root/run" }] as const;
  const one = payload("one", [made], links);
  const two = payload("two", [made], links);
  const answers = await askAll(agent, [
    ...stack("1", { trees: [made], payload: one }).steps.slice(0, -1), [{ step: "receive", blob: two.descriptor }, two.bytes],
    [{ step: "stage", release: "1" as never, stack: { name: "shop" as never, digest: blob("s").descriptor.digest }, payloads: [one.descriptor, two.descriptor] }],
  ]);
  expect(answers.at(-1)).toMatchObject({ done: false, code: "collision", detail: "`one` and `two` both have `bin/run`" });
  expect(readdirSync(join(host.root, "versions"))).toEqual([]);
});

it("says what is missing where there is no python3, or one that is too old", async () => {
  await using host = makeHost();
  await expect(host.open({ PATH: "/nonexistent" })).rejects.toMatchObject({ code: "host-unfit", message: "there is no `python3` on this machine's PATH" });
  const bin = join(host.directory, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "python3"), "#!/bin/sh\necho 'Unknown option: -I' >&2\nexit 2\n", { mode: 0o755 });
  await expect(host.open({ PATH: bin })).rejects.toMatchObject({ code: "host-unfit", hint: "it needs python3, version 3.6 or newer", cause: "Unknown option: -I" });
});

it("leaves a foreign directory among the releases alone", async () => {
  await using host = makeHost();
  mkdirSync(join(host.root, "versions/1"), { recursive: true });
  writeFileSync(join(host.root, "versions/1/mine"), "mine");
  await using agent = await host.open();
  expect(await agent.observe()).toMatchObject({ releases: [] });
  expect((await askAll(agent, stack("1").steps)).at(-1)).toMatchObject({ done: false, code: "host-unfit" });
  expect(await agent.ask({ step: "prune", keep: 0 })).toMatchObject({ done: true });
  expect(readFileSync(join(host.root, "versions/1/mine"), "utf8")).toBe("mine");
  rmSync(join(host.root, "versions/1"), { recursive: true });
});
