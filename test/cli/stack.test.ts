import { mkdir, rm, writeFile } from "node:fs/promises";
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
import { storeGc } from "../../src/cli/commands/store-gc.ts";
import { storeVerify } from "../../src/cli/commands/store-verify.ts";
import { exitStatusOf, printError } from "../../src/cli/print.ts";
import { parseCommandLine } from "../../src/cli/program.ts";
import { saveArtifact } from "../../src/store/index.ts";
import { smallArtifact, temporaryStore, type TemporaryStore } from "../support/temporary-store.ts";

const commands: readonly Command[] = [stackCreate, stackAdd, stackShow, stackList, stackDiff, stackFreeze, storeVerify, storeGc];

/** A workspace `shop` beside the store, and a terminal: what a person types, and reads, with `! ` before stderr and `[n]` for a status that is not 0. */
async function atTerminal({ ctx, store, directory }: TemporaryStore, name = "shop"): Promise<(line: string) => Promise<string>> {
  const workspace = join(directory, "workspace");
  await mkdir(join(workspace, "config"), { recursive: true });
  await writeFile(join(workspace, "caisson.toml"), `[workspace]\nname = "${name}"\n\n[packages.shop-config]\nkind = "files"\npath = "config"\nprefix = "etc"\n`);
  return async (line) => {
    const lines: string[] = [];
    const typed = await parseCommandLine(commands, {}, line.split(" "), "0");
    if (!("command" in typed)) return JSON.stringify(typed);
    const cli: Cli = { library, context: { ...ctx, cwd: workspace }, json: typed.input.has("json"), terminal: false, openStore: () => Promise.resolve(store), print: (text) => lines.push(text), note: (text) => lines.push(`! ${text}`), ask: () => Promise.resolve(false), emit: (value) => lines.push(JSON.stringify(value)), emitEvent: (event) => lines.push(JSON.stringify(event)) };
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
    expect(await json("store gc")).toMatchObject({ dryRun: false, removed: [], size: 0 });
  });
});

describe("store commands", () => {
  it("count what is there, and what was swept", async () => {
    await using place = await temporaryStore();
    const type = await atTerminal(place);
    await saveArtifact(place.store, await smallArtifact(place.store, "web", "1.0"));
    expect(await type("store verify")).toMatch(/^\/store {2}4 blobs, \d+ B, all digests checked$/);
    await place.store.write("x".repeat(2000));
    const later = { ...place, ctx: { ...place.ctx, now: () => place.ctx.now() + 7200 } };
    expect(await type("store gc --grace 1")).toBe("removed 0 blobs, 0 B; kept 5");
    expect(await (await atTerminal(later))("store gc --grace 1 --dry-run")).toBe("would remove 1 blob, 2.0 kB; would keep 4");
    expect(await (await atTerminal(later))("store gc --grace 1")).toBe("removed 1 blob, 2.0 kB; kept 4");
    expect(await type("store gc --grace soon")).toBe("! error: `soon` is not a number of hours\n! hint: --grace 24\n[2]");
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
