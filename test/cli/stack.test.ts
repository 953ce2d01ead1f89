import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import * as library from "../../src/index.ts";
import type { Cli, Command } from "../../src/cli/command.ts";
import { stackAdd } from "../../src/cli/commands/stack-add.ts";
import { stackCreate } from "../../src/cli/commands/stack-create.ts";
import { stackDiff } from "../../src/cli/commands/stack-diff.ts";
import { stackFreeze } from "../../src/cli/commands/stack-freeze.ts";
import { stackList } from "../../src/cli/commands/stack-list.ts";
import { stackShow } from "../../src/cli/commands/stack-show.ts";
import { stackRemove } from "../../src/cli/commands/stack-remove.ts";
import { storeClean } from "../../src/cli/commands/store-clean.ts";
import { storeList } from "../../src/cli/commands/store-list.ts";
import { storeVerify } from "../../src/cli/commands/store-verify.ts";
import { exitStatusOf, printError } from "../../src/cli/print.ts";
import { parseCommandLine } from "../../src/cli/program.ts";
import { saveArtifact } from "../../src/store/index.ts";
import { smallArtifact, temporaryStore, type TemporaryStore } from "../support/temporary-store.ts";

const commands: readonly Command[] = [stackCreate, stackAdd, stackShow, stackList, stackDiff, stackFreeze, stackRemove, storeVerify, storeClean, storeList];

/** A workspace `shop` beside the store, and a terminal: what a person types, and reads, with `! ` before stderr and `[n]` for a status that is not 0. */
async function atTerminal({ ctx, store, directory }: TemporaryStore, name = "shop", answer = false): Promise<(line: string) => Promise<string>> {
  const workspace = join(directory, "workspace");
  await mkdir(join(workspace, "config"), { recursive: true });
  await writeFile(join(workspace, "caisson.toml"), `[workspace]\nname = "${name}"\n\n[packages.shop-config]\nkind = "files"\npath = "config"\nprefix = "etc"\n`);
  return async (line) => {
    const lines: string[] = [];
    const typed = await parseCommandLine(commands, {}, line.split(" "), "0");
    if (!("command" in typed)) return JSON.stringify(typed);
    const cli: Cli = { library, context: { ...ctx, cwd: workspace }, json: typed.input.has("json"), terminal: false, openStore: () => Promise.resolve(store), print: (text) => lines.push(text), note: (text) => lines.push(`! ${text}`), ask: () => Promise.resolve(answer), emit: (value) => lines.push(JSON.stringify(value)), emitEvent: (event) => lines.push(JSON.stringify(event)) };
    const status = await typed.command.run(cli, typed.input).catch((error: unknown) => {
      lines.push(...printError(error, false).split("\n").map((text) => `! ${text}`));
      return exitStatusOf(error);
    });
    return [...lines, ...(status === 0 ? [] : [`[${status}]`])].join("\n").replaceAll(directory, "").replaceAll(/sha256:[0-9a-f]{64}/g, "<digest>");
  };
}

describe("stack commands", () => {
  it("say what S5 says", async () => {
    await using place = await temporaryStore();
    const type = await atTerminal(place);
    for (const [name, version] of [["shop-config", "1.0.0"], ["shop-config", "1.0.1"], ["shop-web", "2.0.0"]] as const) await saveArtifact(place.store, await smallArtifact(place.store, name, version));
    expect(await type("stack list")).toBe("! there are no stacks yet; caisson stack create NAME makes one");
    expect(await type("stack create 123")).toBe("shop@123  0 packages");
    expect(await type("stack add 123 shop-config 1.0.0")).toBe("shop@123  shop-config none -> 1.0.0");
    expect(await type("stack add 123 shop-web 2.0.0")).toBe("shop@123  shop-web none -> 2.0.0");
    expect(await type("stack create 124 --from 123")).toBe("shop@124  2 packages  (from shop@123)");
    expect(await type("stack create 124")).toBe("! error: stack `shop@124` exists already\n! hint: caisson stack show 124, or choose another name\n[1]");
    expect(await type("stack add 124 shop-config 9.9.9")).toBe("! error: there is no artifact of `shop-config` 9.9.9\n! hint: versions here: 1.0.1, 1.0.0; build it with `caisson build shop-config --rev REV`\n[1]");
    expect(await type("stack add 124 shop-config 1.0.1")).toBe("shop@124  shop-config 1.0.0 -> 1.0.1");
    expect(await type("stack add 124 shop-config 1.0.1")).toBe("shop@124  shop-config 1.0.1  unchanged");
    expect(await type("stack diff 123 124")).toBe("shop-config  1.0.0 -> 1.0.1");
    expect(await type("stack diff 124 124")).toBe("! shop@124 and shop@124 hold the same");
    expect(await type("stack show 124")).toBe("shop@124  open  2 packages\nshop-config  1.0.1  debian-12 tar.gz\nshop-web     2.0.0  debian-12 tar.gz");
    expect(await type("stack freeze 124")).toBe("shop@124  frozen  <digest>");
    expect(await type("stack add 124 shop-config 1.0.0")).toBe("! error: stack `shop@124` is frozen\n! hint: caisson stack create NAME --from 124\n[1]");
    expect(await type("stack list")).toBe("shop@124  frozen  2 packages\nshop@123  open    2 packages");
    expect(await type("stack show 124")).toContain("shop@124  frozen  2 packages  <digest>\n");
  });

  it("name a stack in hints as it was typed, and others in full", async () => {
    await using place = await temporaryStore();
    const type = await atTerminal(place);
    await type("stack create other@1");
    await type("stack create 12");
    expect(await type("stack create other@1")).toContain("hint: caisson stack show other@1,");
    expect(await type("stack show 1")).toBe("! error: there is no stack `shop@1`\n! hint: stacks here: shop@12, other@1\n[1]");
    expect(await type("stack create 13 --from 11")).toBe("! error: there is no stack `shop@11`\n! hint: stacks here: shop@12, other@1\n[1]");
  });

  it("row G13: refuse names with shell-special characters, and make nothing", async () => {
    await using place = await temporaryStore();
    const type = await atTerminal(place);
    expect(await type("stack create x;rm")).toBe("! error: `x;rm` is not a legal stack name\n! hint: letters, digits and . _ + ! ~ - , starting with a letter or digit\n[2]");
    expect(await type("stack create $(id)@1")).toContain("! error: `$(id)` is not a legal package name");
    expect(await type("stack add 1 a;b 1")).toContain("! error: `a;b` is not a legal package name");
    expect(await type("stack list")).toContain("there are no stacks yet");
  });

  it("need a workspace for a bare label only", async () => {
    await using place = await temporaryStore();
    const type = await atTerminal(place);
    await type("stack create shop@1");
    await writeFile(join(place.directory, "workspace/caisson.toml"), "[workspace\n");
    expect(await type("stack show shop@1")).toBe("shop@1  open  0 packages");
    expect(await type("stack show 1")).toContain("caisson.toml");
  });

  it("row G7: answer in JSON", async () => {
    await using place = await temporaryStore();
    const type = await atTerminal(place);
    const artifact = await smallArtifact(place.store, "shop-web", "2.0.0");
    await saveArtifact(place.store, artifact);
    const json = async (line: string): Promise<unknown> => JSON.parse(await type(`${line} --json`));
    expect(await json("stack create 1")).toMatchObject({ ref: "shop@1", state: "open", stack: { members: [] } });
    expect(await json("stack add 1 shop-web 2.0.0")).toMatchObject({ ref: "shop@1", changes: [{ package: "shop-web", to: "2.0.0" }] });
    expect(await json("stack create 2 --from 1")).toMatchObject({ ref: "shop@2", from: "shop@1" });
    expect(await json("stack show 1")).toMatchObject({ ref: "shop@1", state: "open", digest: "<digest>", stack: { members: [{ package: "shop-web", version: "2.0.0", artifacts: [{ fileName: artifact.fileName }] }] } });
    expect(await json("stack diff 1 2")).toEqual({ from: "shop@1", to: "shop@2", differences: [] });
    expect(await json("stack freeze 1")).toEqual({ ref: "shop@1", state: "frozen", digest: "<digest>" });
    expect(await json("stack list")).toEqual({ stacks: [{ ref: "shop@2", state: "open", generation: 1, packages: 1 }, { ref: "shop@1", state: "frozen", digest: "<digest>", packages: 1 }] });
    expect(await json("store verify")).toMatchObject({ directory: "/store", problems: [], removed: [] });
    expect(await json("store list")).toMatchObject({ directory: "/store", stacks: [{ ref: "shop@2" }, { ref: "shop@1" }], artifacts: [{ fileName: artifact.fileName }], wheels: [], blobs: expect.any(Number) as number });
    expect(await json("store clean")).toMatchObject({ directory: "/store", done: true, stacks: [], artifacts: [], files: [], size: 0 });
    expect(await json("stack remove 2")).toEqual({ ref: "shop@2", removed: true });
  });
});

describe("store commands", () => {
  it("row P15: name what is there, and what can go, and remove it when told to", async () => {
    await using place = await temporaryStore();
    const type = await atTerminal(place);
    const first = await smallArtifact(place.store, "web", "1.0");
    await saveArtifact(place.store, first);
    // What was built is found by its key too, which keeps it for as long as the key is used.
    await place.store.writeRef("actions", "built", { output: { artifact: first } } as unknown as library.Json, 0);
    expect(await type("store verify")).toMatch(/^\/store {2}4 blobs, \d+ B, all digests checked$/);
    await place.store.write("x".repeat(2000));
    const later = { ...place, ctx: { ...place.ctx, now: () => place.ctx.now() + 7200 } };
    expect(await type("store clean --grace 1")).toBe("nothing to remove; 5 blobs stay");
    expect(await type("store clean --grace soon")).toBe("! error: `soon` is not a number of hours\n! hint: --grace 24\n[2]");
    const afterwards = await atTerminal(later);
    expect(await afterwards("store clean --grace 1 --dry-run")).toBe("others  1 without a name  2.0 kB\nwould free 2.0 kB");
    expect(await afterwards("store clean --grace 1")).toBe("others  1 without a name  2.0 kB\n! hint: add --yes\n[1]");
    for (const version of ["1.1", "1.10", "1.2"]) await saveArtifact(place.store, await smallArtifact(place.store, "web", version));
    expect(await type("store list")).toMatch(/^(?:artifact {2}web-1\.\d+-debian-12\.tar\.gz +\d+ B\n){4}! \/store {2}17 blobs, [\d.]+ kB$/);
    const all = /^artifact {2}web-1\.0-debian-12\.tar\.gz +in no stack\nartifact {2}web-1\.1-debian-12\.tar\.gz +in no stack\nfile {6}web-1\.0-debian-12\.tar\.gz +\d+ B\nfile {6}web-1\.1-debian-12\.tar\.gz +\d+ B\nothers {4}7 without a name {6,}2\.\d kB\n/;
    expect(await afterwards("store clean --grace 1 --keep 2 --dry-run")).toMatch(all);
    expect(await afterwards("store clean --grace 1 --keep 2")).toMatch(new RegExp(`${all.source}! hint: add --yes\n\\[1\\]$`));
    expect(await (await atTerminal(later, "shop", true))("store clean --grace 1 --keep 2")).toMatch(new RegExp(`${all.source}freed [\\d.]+ kB$`));
    expect(await afterwards("store clean --grace 1 --keep 2 --yes")).toBe("nothing to remove; 8 blobs stay");
    expect(await type("store verify")).toMatch(/^\/store {2}8 blobs/);
    expect(await place.store.readRef("actions", "built")).toBeUndefined();
  });

  it("keep what stacks have, and forget a stack only when told so, and never one that is deployed from here", async () => {
    await using place = await temporaryStore();
    const type = await atTerminal(place);
    for (const version of ["1.0", "2.0"]) await saveArtifact(place.store, await smallArtifact(place.store, "shop-config", version));
    for (const line of ["stack create 1", "stack add 1 shop-config 1.0", "stack create 2 --from 1", "stack freeze 1"]) await type(line);
    const later = await atTerminal({ ...place, ctx: { ...place.ctx, now: () => place.ctx.now() + 86_400 * 3 } });
    expect(await later("store clean --keep 0 --dry-run")).toMatch(/^artifact {2}shop-config-2\.0-debian-12\.tar\.gz +in no stack\nfile {6}shop-config-2\.0-debian-12\.tar\.gz .*\nothers {4}4 without/);
    expect(await type("stack remove 2 shop-config shop-web")).toBe("shop@2  shop-config 1.0 -> none\nshop@2  shop-web was not in it");
    expect(await type("stack remove 1")).toBe("! error: stack `shop@1` is frozen, so that hosts may run it\n! hint: caisson stack remove 1 --frozen\n[1]");
    expect(await type("stack remove 3")).toContain("! error: there is no stack `shop@3`\n! hint: stacks here: shop@2, shop@1");
    const versions = join(place.directory, "workspace/.caisson/up/versions");
    await mkdir(join(versions, "1"), { recursive: true });
    await writeFile(join(versions, "1/manifest.json"), '{"name": "shop", "label": "1"}');
    await symlink("1", join(versions, "current"));
    expect(await type("stack remove 1 --frozen")).toBe("! error: stack `shop@1` is deployed to `.caisson/up`\n! hint: deploy another stack there first, and prune this one\n[1]");
    await rm(join(versions, "current"));
    expect(await type("stack remove 1 --frozen")).toBe("shop@1  removed");
    expect(await type("stack show 1")).toContain("there is no stack `shop@1`");
    expect(await type("stack list")).toBe("shop@2  open  0 packages");
    expect(await later("store clean --keep 0 --yes")).toMatch(/^artifact {2}shop-config-1\.0.*\nartifact {2}shop-config-2\.0.*\nfile .*\nfile .*\nothers .*\nfreed /);
    expect(await type("stack create 1")).toBe("shop@1  0 packages");
    expect(await type("stack add 2 shop-config 2.0")).toContain("! hint: no version of it is here");
  });

  it("name what is wrong, and take damaged bytes away when asked", async () => {
    await using place = await temporaryStore();
    const type = await atTerminal(place);
    const blob = await place.store.write("loose");
    const path = join(place.store.directory, "blobs/sha256", blob.digest.slice(7));
    await rm(path);
    await writeFile(path, "rot");
    expect(await type("store verify")).toMatch(/^! error: `\/store\/blobs\/sha256\/[0-9a-f]{64}` is damaged\n! hint: `caisson store verify --repair` takes damaged files away; the next build makes them anew\n\[1\]$/);
    expect(await type("store verify --repair")).toBe("<digest>  damaged, removed\n/store  0 blobs, 0 B, all digests checked");
  });
});
