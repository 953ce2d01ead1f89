import { existsSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { prepareDeploy } from "../../src/deploy/deploy.ts";
import { exitStatus, type HostResult } from "../../src/deploy/apply/outcome.ts";
import { preparePrune } from "../../src/deploy/prune.ts";
import { prepareRollback } from "../../src/deploy/rollback.ts";
import { readHistory } from "../../src/deploy/observe/history.ts";
import type { Wanted } from "../../src/deploy/wanted.ts";
import type { Hook, Label, Target } from "../../src/model/index.ts";
import { makeStack, openWorkbench, type HandMade, type Workbench } from "../support/hand-made.ts";

let bench: Workbench;
beforeEach(async () => {
  bench = await openWorkbench();
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

/** A program `note` that writes down when and where it ran, and a `well` that is as well as a file says. */
function version(number: string, hooks: readonly Partial<Hook>[], more: Partial<HandMade> = {}): HandMade {
  const note = '#!/bin/sh\necho "$1 $(basename "$PWD") $(basename "$CAISSON_RELEASE") $(readlink ../current || echo none)" >> "$CAISSON_STATE/notes"\n[ ! -e "$CAISSON_STATE/fail-$1" ]\n';
  const well = '#!/bin/sh\n[ ! -e "$CAISSON_STATE/ill" ]\n';
  return {
    version: number, files: { "bin/note": note, "bin/well": well, "etc/version": number }, health: { argv: ["well"] },
    hooks: hooks.map((hook) => ({ at: "stage", argv: ["note", hook.at ?? "stage"], once: "host", reversible: true, timeout: 20, ...hook })),
    ...more,
  };
}

function target(...roots: readonly string[]): Target {
  const names = roots.length === 0 ? ["app"] : roots;
  return {
    name: "local:app", roles: {}, service: { kind: "none" }, keep: 5,
    hosts: names.map((root) => ({ name: names.length === 1 ? "local" : root, via: "local", address: "", root: join(bench.directory, root) })),
    policy: { canary: 1, maxParallel: 2, maxFailed: 0, minHealthy: 0, healthyDeadline: 2 },
  };
}

async function deploy(wanted: Wanted, to: Target = target()): Promise<readonly HostResult[]> {
  await using change = await prepareDeploy(bench.ctx, bench.store, wanted, to);
  return await change.apply();
}

async function prune(keep: number): Promise<readonly HostResult[]> {
  await using change = await preparePrune(bench.ctx, bench.store, target(), keep);
  expect(change.plan.hosts[0]?.hooks).toBe(change.plan.hosts[0]?.removes.length);
  return await change.apply();
}

function notes(root = "app"): readonly string[] {
  const path = join(bench.directory, root, "shared/notes");
  return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
}

function current(root = "app"): string {
  return readlinkSync(join(bench.directory, root, "versions/current"));
}

function put(root: string, name: string): void {
  writeFileSync(join(bench.directory, root, "shared", name), "");
}

describe("hooks", () => {
  it("run at their moments, in the release's real directory, once for each release", async () => {
    const all = (["after-activate", "stage", "before-activate", "remove"] as const).map((at) => ({ at }));
    await deploy(await makeStack(bench.store, version("1.0", all)));
    const second = await makeStack(bench.store, version("1.1", all));
    expect(await deploy(second)).toMatchObject([{ outcome: "done" }]);
    expect(await deploy(second)).toMatchObject([{ outcome: "unchanged" }]);
    expect(notes()).toEqual(["stage 1.0 1.0 none", "before-activate 1.0 1.0 none", "after-activate 1.0 1.0 1.0", "stage 1.1 1.1 1.0", "before-activate 1.1 1.1 1.0", "after-activate 1.1 1.1 1.1"]);
  });

  it("are run again by nobody: a deploy that failed behind them goes on where it stopped", async () => {
    const wanted = await makeStack(bench.store, version("1.0", [{ at: "stage" }, { at: "before-activate", once: "stack", reversible: true }, { at: "after-activate" }]));
    const [result] = await deploy(await makeStack(bench.store, version("0.9", [])));
    expect(result?.outcome).toBe("done");
    put("app", "ill");
    expect(await deploy(wanted)).toMatchObject([{ outcome: "undone", now: "0.9" }]);
    await rm(join(bench.directory, "app/shared/ill"));
    expect(await deploy(wanted)).toMatchObject([{ outcome: "done" }]);
    expect(notes().map((line) => line.split(" ")[0])).toEqual(["stage", "before-activate", "after-activate"]);
  });

  it("run again for a release that the host has left and comes back to", async () => {
    const [first, second] = [await makeStack(bench.store, version("1.0", [{ at: "before-activate" }])), await makeStack(bench.store, version("1.1", []))];
    for (const wanted of [first, second, first]) expect(await deploy(wanted)).toMatchObject([{ outcome: "done" }]);
    expect(notes()).toHaveLength(2);
  });

  it("that fail before the switch leave everything as it was, and say what they printed", async () => {
    await deploy(await makeStack(bench.store, version("1.0", [])));
    const loud = version("1.1", [{ at: "before-activate", argv: ["sh", "-c", "echo one; echo two >&2; exit 7"] }]);
    const [result] = await deploy(await makeStack(bench.store, loud));
    expect(result).toMatchObject({ outcome: "not-done", now: "1.0", problem: { code: "hook-failed", message: "hook `hello before-activate: sh -c echo one; echo two >&2; exit 7` ended with 7: one | two" } });
    expect(current()).toBe("1.0");
    expect(readFileSync(join(bench.directory, "app/hooks/1.1.log"), "utf8")).toMatch(/^== hello before-activate: .* ended with 7 after [\d.]+ s\none\ntwo\n$/);
    expect(statSync(join(bench.directory, "app/hooks/1.1.log")).mode & 0o777).toBe(0o600);
  });

  it("that fail behind the switch take it back", async () => {
    await deploy(await makeStack(bench.store, version("1.0", [])));
    put("app", "fail-after-activate");
    expect(await deploy(await makeStack(bench.store, version("1.1", [{ at: "after-activate" }])))).toMatchObject([{ outcome: "undone", now: "1.0", problem: { code: "hook-failed" } }]);
  });

  it("find their program first, their words expanded, and who they are", async () => {
    const hook = { argv: ["show", "$CAISSON_STATE", "${GREETING}x", "$5", "a b"], at: "stage" as const };
    const show = '#!/bin/sh\nfor word; do echo "[$word]"; done > "$CAISSON_STATE/shown"\necho "$PATH" | tr : "\\n" | head -2 >> "$CAISSON_STATE/shown"\n';
    const wanted = await makeStack(bench.store, version("1.0", [hook], { files: { "bin/show": show, "bin/well": "#!/bin/sh\n" } }));
    writeFileSync(join(bench.directory, ".env"), "GREETING='hello  world'\n");
    expect(await deploy(wanted, { ...target(), environment: [join(bench.directory, ".env")] })).toMatchObject([{ outcome: "done" }]);
    const root = join(bench.directory, "app");
    expect(readFileSync(join(root, "shared/shown"), "utf8").trim().split("\n")).toEqual([`[${root}/shared]`, "[hello  worldx]", "[$5]", "[a b]", `${root}/versions/1.0/hello/bin`, `${root}/versions/1.0/bin`]);
    const lacking = await makeStack(bench.store, version("1.1", [{ argv: ["echo", "$MISSING_ONE"] }]));
    expect(await deploy(lacking)).toMatchObject([{ outcome: "not-done", problem: { code: "hook-failed", message: "set MISSING_ONE, which hook `hello stage: echo $MISSING_ONE` uses" } }]);
  });

  it("are told by the journal", async () => {
    await deploy(await makeStack(bench.store, version("1.0", [{ at: "before-activate", once: "stack", reversible: false }])));
    const [host] = await readHistory(bench.ctx, target(), 20);
    expect(host?.entries.filter(({ event }) => event === "hook").map(({ to, hook, detail }) => [to, hook, detail?.replace(/[\d.]+ s/, "N s")])).toEqual([
      ["1.0", "hello before-activate: note before-activate", "begun: hello before-activate: note before-activate"],
      ["1.0", "hello before-activate: note before-activate", "done in N s: hello before-activate: note before-activate"],
    ]);
  });
});

describe("hooks that run once for all hosts", () => {
  const hook = { at: "before-activate", once: "stack", reversible: true } as const;

  it("run on the first host, before any host is switched", async () => {
    const wanted = await makeStack(bench.store, version("1.0", [{ at: "before-activate", argv: ["note", "each"] }, hook, { at: "stage", once: "stack", reversible: true, argv: ["note", "staged"] }]));
    const to = target("h1", "h2", "h3");
    await using change = await prepareDeploy(bench.ctx, bench.store, wanted, to);
    expect(change.plan.hosts.map(({ hooks }) => hooks)).toEqual([3, 1, 1]);
    expect((await change.apply()).map(({ outcome }) => outcome)).toEqual(["done", "done", "done"]);
    expect([notes("h1"), notes("h2"), notes("h3")]).toEqual([["staged 1.0 1.0 none", "before-activate 1.0 1.0 none", "each 1.0 1.0 none"], ["each 1.0 1.0 none"], ["each 1.0 1.0 none"]]);
  });

  it("switch nothing anywhere where they fail, however many hosts may fail, and are taken up by the next deploy", async () => {
    const to = { ...target("h1", "h2", "h3"), policy: { ...target().policy, maxFailed: 2 } };
    await deploy(await makeStack(bench.store, version("1.0", [])), to);
    put("h1", "fail-before-activate");
    const wanted = await makeStack(bench.store, version("1.1", [hook]));
    const results = await deploy(wanted, to);
    expect(results.map(({ outcome, now, problem }) => [outcome, now, problem?.code])).toEqual([["not-done", "1.0", "hook-failed"], ["not-done", "1.0", "cancelled"], ["not-done", "1.0", "cancelled"]]);
    expect(results[1]?.problem?.message).toBe("not begun: hook `hello before-activate: note before-activate` failed on h1");
    expect(exitStatus(results.map(({ outcome }) => outcome))).toBe(1);
    await rm(join(bench.directory, "h1/shared/fail-before-activate"));
    expect((await deploy(wanted, to)).map(({ outcome }) => outcome)).toEqual(["done", "done", "done"]);
    expect([notes("h1").length, notes("h2").length]).toEqual([2, 0]);
  });

  it("are not run by the hosts that a second deploy takes up, though the one that ran them is out of reach", async () => {
    const to = target("h1", "h2", "h3");
    await deploy(await makeStack(bench.store, version("1.0", [])), to);
    put("h1", "ill");
    const wanted = await makeStack(bench.store, version("1.1", [hook]));
    expect((await deploy(wanted, to)).map(({ outcome }) => outcome)).toEqual(["undone", "not-done", "not-done"]);
    await rm(join(bench.directory, "h1/versions/current"));
    writeFileSync(join(bench.directory, "h1/versions/current"), "in the way");
    const patient = { ...to, policy: { ...to.policy, maxFailed: 1 } };
    expect((await deploy(wanted, patient)).map(({ outcome }) => outcome)).toEqual(["not-done", "done", "done"]);
    expect([notes("h1").length, notes("h2").length, notes("h3").length]).toEqual([1, 0, 0]);
    const [, h2] = await readHistory(bench.ctx, to, 20);
    expect(h2?.entries.filter(({ event }) => event === "hook").map(({ detail }) => detail)).toEqual(["done on h1: hello before-activate: note before-activate"]);
  });

  it("bar all hosts where the host that should run them cannot be staged", async () => {
    const to = { ...target("h1", "h2"), policy: { ...target().policy, maxFailed: 1 } };
    await deploy(await makeStack(bench.store, version("1.0", [])), to);
    writeFileSync(join(bench.directory, "h1/versions/1.1"), "in the way");
    const results = await deploy(await makeStack(bench.store, version("1.1", [hook])), to);
    expect(results.map(({ outcome, problem }) => [outcome, problem?.message.replace(/`\/.*?`/, "PATH")])).toEqual([["not-done", "PATH is not one of Caisson's releases; move it away"], ["not-done", "not begun: hooks that all hosts depend on have not run on h1"]]);
    expect([current("h2"), notes("h2")]).toEqual(["1.0", []]);
  });
});

describe("irreversible hooks", () => {
  const hook = { at: "before-activate", once: "stack", reversible: false } as const;

  it("leave a release that is ill behind them where it is, say so, and what to do; the same deploy again makes an end of it", async () => {
    const to = target("h1", "h2");
    await deploy(await makeStack(bench.store, version("1.0", [])), to);
    const wanted = await makeStack(bench.store, version("1.1", [hook, { at: "after-activate" }]));
    put("h1", "ill");
    const results = await deploy(wanted, to);
    expect(results).toMatchObject([
      { outcome: "partly-done", now: "1.1", from: "1.0", problem: { code: "unhealthy", message: expect.stringMatching(/^`well` ended with 1; not taken back, because `hello before-activate: note before-activate` cannot be$/) as string, hint: "mend it and deploy again; or go back all the same, where 1.0 works with what the hooks have done: caisson rollback --across-hooks" } },
      { outcome: "not-done", now: "1.0", problem: { message: "not begun: h1 is partly-done" } },
    ]);
    expect(exitStatus(results.map(({ outcome }) => outcome))).toBe(4);
    expect([current("h1"), current("h2")]).toEqual(["1.1", "1.0"]);
    await using again = await prepareDeploy(bench.ctx, bench.store, wanted, to);
    expect(again.hosts[0]?.state.releases.map(({ label, state }) => [label, state])).toEqual([["1.0", "retired"], ["1.1", "kept"]]);
    expect(again.plan.hosts[0]?.steps.map(({ step }) => step)).toEqual(["check", "hook", "confirm"]);
    expect((await again.apply()).map(({ outcome }) => outcome)).toEqual(["not-done", "not-done"]);
    await rm(join(bench.directory, "h1/shared/ill"));
    expect((await deploy(wanted, to)).map(({ outcome }) => outcome)).toEqual(["done", "done"]);
    expect((await deploy(wanted, to)).map(({ outcome }) => outcome)).toEqual(["unchanged", "unchanged"]);
    expect([notes("h1"), notes("h2")]).toEqual([["before-activate 1.1 1.1 1.0", "after-activate 1.1 1.1 1.1"], ["after-activate 1.1 1.1 1.1"]]);
  });

  it("keep hosts from going back that never ran them", async () => {
    const to = target("h1", "h2");
    await deploy(await makeStack(bench.store, version("1.0", [])), to);
    put("h2", "ill");
    expect(await deploy(await makeStack(bench.store, version("1.1", [hook])), to)).toMatchObject([{ outcome: "done" }, { outcome: "partly-done", now: "1.1" }]);
    await expect(prepareRollback(bench.ctx, bench.store, to)).rejects.toMatchObject({ code: "hook-failed", message: "going back to `1.0` crosses `hello before-activate: note before-activate`, which cannot be undone" });
  });

  it("are crossed by a rollback, or by a deploy of what is older, only where that is asked for", async () => {
    const first = await makeStack(bench.store, version("1.0", []));
    await deploy(first);
    await deploy(await makeStack(bench.store, version("1.1", [hook])));
    await deploy(await makeStack(bench.store, version("1.2", [])));
    await expect(prepareRollback(bench.ctx, bench.store, target(), "1.0" as Label)).rejects.toMatchObject({ code: "hook-failed", hint: expect.stringContaining("--across-hooks") as string });
    await expect(prepareDeploy(bench.ctx, bench.store, first, target())).rejects.toMatchObject({ code: "hook-failed" });
    await using near = await prepareRollback(bench.ctx, bench.store, target());
    expect(await near.apply()).toMatchObject([{ outcome: "done", now: "1.1" }]);
    await using far = await prepareRollback(bench.ctx, bench.store, target(), "1.0" as Label, { acrossHooks: true });
    expect(await far.apply()).toMatchObject([{ outcome: "done", now: "1.0" }]);
    await using forth = await prepareRollback(bench.ctx, bench.store, target(), "1.1" as Label);
    expect(await forth.apply()).toMatchObject([{ outcome: "done", now: "1.1" }]);
  });

  it("do not keep a first release that is ill: there is nothing that they could have spoilt", async () => {
    await deploy(await makeStack(bench.store, version("0.1", [])), target("other"));
    const ill = version("1.0", [hook], { files: { "bin/note": "#!/bin/sh\n", "bin/well": "#!/bin/sh\nexit 1\n" } });
    expect(await deploy(await makeStack(bench.store, ill))).toMatchObject([{ outcome: "undone", now: null }]);
  });

  it("that fail have switched nothing, and their release is tried again", async () => {
    await deploy(await makeStack(bench.store, version("1.0", [])));
    put("app", "fail-before-activate");
    const wanted = await makeStack(bench.store, version("1.1", [hook]));
    expect(await deploy(wanted)).toMatchObject([{ outcome: "not-done", now: "1.0" }]);
    await rm(join(bench.directory, "app/shared/fail-before-activate"));
    expect(await deploy(wanted)).toMatchObject([{ outcome: "done", now: "1.1" }]);
    expect(notes()).toHaveLength(2);
  });
});

describe("hooks at removal", () => {
  it("run before their release is removed; one that fails keeps it", async () => {
    for (const number of ["1.0", "1.1", "1.2", "1.3"]) await deploy(await makeStack(bench.store, version(number, [{ at: "remove" }])));
    expect(await prune(1)).toMatchObject([{ outcome: "done", removed: ["1.0"] }]);
    expect(notes()).toEqual(["remove 1.0 1.0 1.3"]);
    put("app", "fail-remove");
    expect(await prune(0)).toMatchObject([{ outcome: "not-done", problem: { code: "hook-failed", message: "hook `hello remove: note remove` ended with 1; kept `1.1`, removed nothing" } }]);
    expect(existsSync(join(bench.directory, "app/versions/1.1/manifest.json"))).toBe(true);
    await rm(join(bench.directory, "app/shared/fail-remove"));
    expect(await prune(0)).toMatchObject([{ outcome: "done", removed: ["1.1"] }]);
    expect(existsSync(join(bench.directory, "app/hooks/1.1.log"))).toBe(false);
  });
});
