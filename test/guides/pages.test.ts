import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { platformHere, readGuide, writeBlock } from "../support/guide.ts";
import { makeHome, project, type Home } from "../support/machine.ts";
import { parseStory, playScene, stable, type Played, type Scene } from "../support/story.ts";

let home: Home;
let label: string;
beforeAll(() => {
  home = makeHome();
  label = platformHere(home);
});
afterAll(() => home.remove());

describe("a guide does what it says, command by command", () => {
  it.each([
    ["first-release", () => undefined],
    ["bundles", () => undefined],
    ["dependencies", () => undefined],
    ["store", (work: string) => {
      cpSync(join(project, "examples/shop"), work, { recursive: true });
      spawnSync("sh", ["-ec", "git init -q -b main; git add .; git commit -qm shop"], { cwd: work, env: home.env });
    }],
  ] as const)("%s", { timeout: 400_000 }, (name, prepare) => {
    const work = join(home.directory, "guides", name);
    mkdirSync(work, { recursive: true });
    prepare(work);
    const store = join(home.directory, `store of ${name}`);
    const shell = { cwd: work, env: { ...home.env, CAISSON_STORE: store } };
    for (const block of readGuide(name)) {
      if (block.kind !== "console" && block.name !== "") writeBlock(work, block);
      if (block.kind !== "console") continue;
      for (const scene of parseStory(block.text.replaceAll("debian-12", label).replaceAll("$WORK", work).replace("/home/me/.local/share/caisson/store", store))) expectShown(scene, playScene(scene, shell, steady));
    }
  });
});

/** Of stderr only what the guide shows has to be so. */
function expectShown({ command, stdout, stderr, status = 0 }: Scene, played: Played): void {
  expect({ command, ...played, stderr: stderr.length === 0 ? [] : played.stderr }, played.stderr.join("\n")).toEqual({ command, stdout: stdout.map(steady), stderr, status });
}

/** What tells of no more than other versions of dependencies is the same; so is where columns stand. */
function steady(line: string): string {
  return stable(line).replace(/^(wheels|others) +\d+/, "$1  <n>").replace(/\d+ blobs/, "<n> blobs").replaceAll(/ {2,}/g, "  ");
}
