import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { makeHome, project } from "../support/machine.ts";
import { parseStory, playScene, stable, type Played, type Scene } from "../support/story.ts";

/** The fenced blocks of the guide: files by their names, and transcripts. */
const blocks = [...readFileSync(join(project, "docs/guides/bundles.md"), "utf8").matchAll(/^```(?<kind>\w*)(?: (?<name>[^\n]+))?\n(?<text>[^]*?)^```$/gm)].map(({ groups = {} }) => ({ kind: groups["kind"] ?? "", name: groups["name"] ?? "", text: groups["text"] ?? "" }));

it("the guide to bundles does what it says, command by command", { timeout: 400_000 }, () => {
  const home = makeHome();
  try {
    const work = join(home.directory, "hello");
    mkdirSync(work);
    const shell = { cwd: work, env: home.env };
    const label = platformOf(home.directory, home.env);
    for (const { kind, name, text } of blocks) {
      if (kind === "console") {
        for (const scene of parseStory(text.replaceAll("debian-12", label).replaceAll("$WORK", work))) check(scene, playScene(scene, shell, stable));
      } else if (name !== "") {
        mkdirSync(dirname(join(work, name)), { recursive: true });
        writeFileSync(join(work, name), text);
        if (name === "hello.py") spawnSync("sh", ["-ec", "printf '/dist/\\n/env/\\n' > .gitignore; git init -q -b main; git add .; git commit -qm hello"], shell);
      }
    }
    expect(readFileSync(join(work, "pyproject.toml"), "utf8")).toBe(blocks.find(({ name }) => name === "pyproject.toml")?.text);
  } finally {
    home.remove();
  }
});

/** Of stderr only what the guide shows has to be so. */
function check({ command, stdout, stderr, status = 0 }: Scene, played: Played): void {
  expect({ command, ...played, stderr: stderr.length === 0 ? [] : played.stderr }, played.stderr.join("\n")).toEqual({ command, stdout, stderr, status });
}

function platformOf(directory: string, env: Readonly<Record<string, string>>): string {
  const place = join(directory, "elsewhere");
  mkdirSync(place);
  writeFileSync(join(place, "requirements.txt"), "");
  const { stdout } = spawnSync("caisson", ["init"], { cwd: place, env, encoding: "utf8" });
  return /platform (?<label>\S+)$/m.exec(stdout)?.groups?.["label"] ?? "no platform";
}
